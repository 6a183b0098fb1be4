// A scenario in the test host.

import { GrpcServer, TcpServer, TestHost, type Client, type ServerConnection } from "../index.js";
import type { ClusterOptions } from "../upstreams.js";
import type { EnvoyVersion } from "../worker.js";
import { serverAction, type Scenario, type Step } from "./scenarios.js";
import { normalize, type Transcript } from "./transcript.js";

const LISTENER = "127.0.0.1:10000";

/** Runs `scenario` with the compiled probe, as an Envoy of this version would. */
export function runEmulated(
  scenario: Scenario,
  module: WebAssembly.Module,
  envoy: EnvoyVersion,
): Transcript {
  const servers = new Servers();
  const host = new TestHost({
    module,
    envoy,
    pluginName: "probe",
    pluginConfiguration: "probe",
    permit: ["close-behind-continue", "dial-behind-continue"],
    clusters: clusters(servers),
  });
  const client = host.connect({
    destinationAddress: LISTENER,
    listenerMetadata: { probe: { route: "demo", count: 5 } },
  });
  host.runUntilIdle();
  host.logs.length = 0;
  for (const step of scenario.steps) {
    apply(step, client, host);
    host.runUntilIdle();
  }
  const received = client.received.toString();
  return {
    module: normalize(host.logged()),
    client: [
      ...(received === "" ? [] : [`received ${received}`]),
      ...(client.closed && !closesItself(scenario) ? ["closed"] : []),
    ],
    server: servers.seen,
  };
}

/** True when a step ends the client's connection: what Envoy does then shows in the module's lines. */
export function closesItself(scenario: Scenario): boolean {
  return scenario.steps.some((step) => "end" in step || "reset" in step);
}

class Servers {
  readonly seen: string[] = [];

  create(address: string): TcpServer {
    return new TcpServer({
      address,
      onData: (connection, bytes) => {
        const text = Buffer.from(bytes).toString();
        this.seen.push(`received ${text}`);
        answer(connection, text);
      },
    });
  }
}

function answer(connection: ServerConnection, text: string): void {
  const action = serverAction(text);
  if (action === "echo") connection.write(Buffer.from(`echo:${text}`));
  if (action === "end") connection.close();
  if (action === "reset") connection.reset();
}

function clusters(servers: Servers): Record<string, ClusterOptions> {
  const grpcRefused = new GrpcServer();
  grpcRefused.reachability = "refused";
  const grpcEmpty = new GrpcServer();
  grpcEmpty.reachability = "no-endpoints";
  return {
    carrier: { internalListener: true, defaultCluster: "unknown" },
    ok: { endpoints: [servers.create("127.0.0.1:9001")] },
    one: { endpoints: [servers.create("127.0.0.1:9002")], maxConnections: 1 },
    empty: { endpoints: [] },
    refused: { endpoints: [new TcpServer({ address: "127.0.0.1:9003", accept: "refuse" })] },
    "http-empty": { http: "no-endpoints" },
    "http-refused": { http: () => "refused" },
    "grpc-refused": { grpc: grpcRefused },
    "grpc-empty": { grpc: grpcEmpty },
  };
}

function apply(step: Step, client: Client, host: TestHost): void {
  if ("send" in step) client.send(Buffer.from(step.send));
  else if ("sendZeros" in step) client.send(Buffer.alloc(step.sendZeros, "0"));
  else if ("waitMs" in step) host.advance(step.waitMs);
  else if ("end" in step) client.close();
  else client.reset();
}
