// The main job on real traffic: official Dubbo and Thrift clients and servers, a stock Envoy, and routes
// that change while requests never stop.
//
//   scripts/demo           walks through the routes, then prints a summary
//   scripts/demo --keep    leaves everything running afterwards, to play with
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { missingDubboPeer, startDubboProvider } from "../envoy/support/dubbo-peer.js";
import { freePort } from "../envoy/support/ports.js";
import type { PeerServer, TrafficTally } from "../envoy/support/peer-client.js";
import { startThriftServer } from "../envoy/support/thrift-peer.js";
import { confirm, effectAfterMs, startDubboTraffic, startThriftTraffic } from "./client.js";
import type { DemoClient } from "./client.js";
import { DemoProxy } from "./proxy.js";
import {
  metaRouter,
  serviceResources,
  STEPS,
  type DemoService,
  type DemoStep,
} from "./services.js";
import { View, type ViewRow } from "./view.js";

const CONFIG = fileURLToPath(new URL("../../.cache/demo/config", import.meta.url));

interface StepResult {
  readonly title: string;
  /** By client. */
  readonly effectMs: readonly { readonly client: string; readonly ms: number }[];
}

function writeResources(file: string, resources: readonly (object | undefined)[]): void {
  const documents = resources.filter((resource) => resource !== undefined);
  const text = documents.map((resource) => stringify(resource)).join("---\n");
  writeFileSync(`${CONFIG}/${file}`, text);
}

async function startDubbo(): Promise<{ service: DemoService; servers: PeerServer[] }> {
  const endpoints = [{ label: "v1" }, { label: "v2" }];
  const provider = await startDubboProvider({ endpoints });
  const service: DemoService = {
    protocol: "dubbo",
    host: "greeter.dubbo.demo",
    port: await freePort(),
    endpoints: endpoints.map(({ label }) => ({ version: label, port: provider.port(label) })),
  };
  return { service, servers: [provider] };
}

async function startThrift(): Promise<{ service: DemoService; servers: PeerServer[] }> {
  const wire = { transport: "header", protocol: "binary" } as const;
  const go = await startThriftServer("go", [{ label: "v1", ...wire }]);
  const python = await startThriftServer("python", [{ label: "v2", ...wire }]);
  const service: DemoService = {
    protocol: "thrift",
    host: "greeter.thrift.demo",
    port: await freePort(),
    endpoints: [
      { version: "v1", port: go.port("v1") },
      { version: "v2", port: python.port("v2") },
    ],
  };
  return { service, servers: [go, python] };
}

function rows(clients: readonly DemoClient[]): ViewRow[] {
  return clients.map(({ name, traffic }) => ({ client: name, tally: traffic.seconds.at(-1) }));
}

async function runStep(
  step: DemoStep,
  clients: readonly DemoClient[],
  view: View,
): Promise<StepResult> {
  view.title(step.title);
  const services = new Set(clients.map(({ service }) => service));
  for (const client of clients) await client.traffic.mark();
  const writtenMs = Date.now();
  const routers = [...services].map((service) => metaRouter(service, step));
  writeResources("routes.yaml", routers);
  // Before the first MetaRouter there is nothing to be re-routed.
  if (step.routes === undefined) {
    await Promise.all(clients.map((client) => confirm(client, step.expect)));
    view.print(rows(clients));
    return { title: step.title, effectMs: [] };
  }
  const effectMs = await Promise.all(
    clients.map(async (client) => ({
      client: client.name,
      ms: await effectAfterMs(client, step.expect, writtenMs),
    })),
  );
  const times = effectMs.map(({ client, ms }) => `${client} ${ms.toFixed(0)} ms`).join(", ");
  view.note(`${step.title}: in force after ${times}`);
  await Promise.all(clients.map((client) => confirm(client, step.expect)));
  view.print(rows(clients));
  return { title: step.title, effectMs };
}

function printSummary(
  results: readonly StepResult[],
  tallies: readonly { readonly client: string; readonly tally: TrafficTally }[],
  connections: { readonly opened: number; readonly lost: number },
): boolean {
  console.log("\nSummary");
  for (const { title, effectMs } of results) {
    const times = effectMs.map(({ client, ms }) => `${client} ${ms.toFixed(0)} ms`).join(", ");
    const effect =
      effectMs.length === 0 ? "" : `\n    re-routed after the file was written: ${times}`;
    console.log(`  ${title}${effect}`);
  }
  let failed = 0;
  for (const { client, tally } of tallies) {
    failed += tally.failed;
    console.log(
      `  ${client}: ${String(tally.requests)} requests sent, ${String(tally.failed)} failed, ` +
        `p50 ${tally.p50Ms.toFixed(1)} ms, p99 ${tally.p99Ms.toFixed(1)} ms`,
    );
    for (const [text, count] of Object.entries(tally.errors)) {
      console.log(`    ${String(count)} x ${text}`);
    }
  }
  console.log(
    `  connections: ${String(connections.opened)} opened, ${String(connections.lost)} lost`,
  );
  return failed === 0 && connections.lost === 0;
}

async function keep(proxy: DemoProxy, services: readonly DemoService[]): Promise<void> {
  console.log(`\nEverything keeps running. Edit ${CONFIG}/routes.yaml and watch; Ctrl-C ends it.`);
  for (const { host, port } of services)
    console.log(`  ${host} listens on 127.0.0.1:${String(port)}`);
  console.log(`  Envoy's admin interface: http://127.0.0.1:${String(proxy.envoyAdminPort)}`);
  console.log(`  metaproto status --admin-address ${proxy.adminAddress}`);
  await new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
}

async function main(): Promise<boolean> {
  const view = new View();
  rmSync(CONFIG, { recursive: true, force: true });
  mkdirSync(CONFIG, { recursive: true });
  console.log("starting servers, control plane and Envoy ...");
  const missingJava = missingDubboPeer();
  if (missingJava !== undefined) console.log(`without Dubbo: ${missingJava}`);
  const running = [...(missingJava === undefined ? [await startDubbo()] : []), await startThrift()];
  const services = running.map(({ service }) => service);
  writeResources("services.yaml", services.flatMap(serviceResources));
  const proxy = await DemoProxy.start(
    CONFIG,
    services.map(({ host, port }) => `${host}_${String(port)}`),
  );
  const clients: DemoClient[] = [];
  for (const service of services) {
    if (service.protocol === "dubbo") clients.push(await startDubboTraffic(service));
    else {
      clients.push(await startThriftTraffic(service, "go"));
      clients.push(await startThriftTraffic(service, "python"));
    }
  }
  const painter = setInterval(() => {
    view.paint(rows(clients));
  }, 500);
  try {
    const results: StepResult[] = [];
    for (const step of STEPS) results.push(await runStep(step, clients, view));
    if (process.argv.includes("--keep")) await keep(proxy, services);
    clearInterval(painter);
    const connections = await proxy.downstreamConnections();
    const tallies: { client: string; tally: TrafficTally }[] = [];
    for (const { name, traffic } of clients)
      tallies.push({ client: name, tally: await traffic.stop() });
    return printSummary(results, tallies, connections);
  } finally {
    clearInterval(painter);
    for (const client of clients) await client.stop();
    await proxy.stop();
    for (const { servers } of running) for (const server of servers) await server.stop();
  }
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
