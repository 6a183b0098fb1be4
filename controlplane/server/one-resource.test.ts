// One edit of one service sends what it changes, to those that subscribe to it, and nothing to anybody else.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { RouteConfigurationSchema } from "../gen/metaproto/v1/route_pb.js";
import { pluginBytes } from "../modules/testing/plugin-bytes.js";
import { createLogger } from "../runtime/logger.js";
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  LISTENER_TYPE,
  ROUTES_TYPE,
  type ResourceType,
} from "../xds/resource-type.js";
import { AdsClient } from "../xds/testing/ads-client.js";
import { DirectoryStore } from "../stores/directory/directory-store.js";
import { ControlPlane } from "./control-plane.js";

const SERVICES = 200;
const PROXIES = 20;
/** Each module subscribes to so many services, the first of which is its proxy's number. */
const SUBSCRIBED = 3;

let folder: string;
let controlPlane: ControlPlane;
let proxies: AdsClient[];
let modules: AdsClient[];
let endpointNames: string[];

const port = (index: number) => 20_000 + index;
const routesOf = (index: number) => `service-${index}.test_${port(index)}`;
const namesOf = (proxy: number) =>
  Array.from({ length: SUBSCRIBED }, (_, i) => routesOf(proxy + i));

function service(index: number, weight: number, endpoints = 2): string {
  const addresses = Array.from(
    { length: endpoints },
    (_, i) => `    - { address: 10.0.0.${i + 1}, labels: { version: v${1 + (i % 2)} } }`,
  );
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: service-${index} }
spec:
  hosts: [service-${index}.test]
  ports: [{ number: ${port(index)}, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  resolution: STATIC
  endpoints:
${addresses.join("\n")}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: service-${index} }
spec:
  host: service-${index}.test
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: service-${index} }
spec:
  hosts: [service-${index}.test]
  routes:
    - route:
        - { destination: { host: service-${index}.test, subset: v1 }, weight: ${weight} }
        - { destination: { host: service-${index}.test, subset: v2 }, weight: ${100 - weight} }
`;
}

function write(index: number, text: string): void {
  const path = join(folder, "config", `service-${index}.yaml`);
  writeFileSync(`${path}.partial`, text);
  renameSync(`${path}.partial`, path);
}

/** Connects all proxies and their modules, and takes what they get at first. */
async function connectAll(xdsPort: number): Promise<void> {
  for (let index = 0; index < PROXIES; index++) {
    const proxy = new AdsClient(xdsPort, `proxy-${index}`);
    const module = new AdsClient(xdsPort, `proxy-${index}`, "metaproto");
    proxies.push(proxy);
    modules.push(module);
    proxy.request(CLUSTER_TYPE);
    await proxy.take(CLUSTER_TYPE);
    proxy.request(ENDPOINT_TYPE, { names: endpointNames });
    await proxy.take(ENDPOINT_TYPE, endpointNames);
    module.request(ROUTES_TYPE, { names: namesOf(index) });
    await module.take(ROUTES_TYPE, namesOf(index));
  }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-one-resource-"));
  mkdirSync(join(folder, "config"));
  mkdirSync(join(folder, "modules"));
  writeFileSync(join(folder, "modules", "dubbo.wasm"), pluginBytes(1));
  for (let index = 0; index < SERVICES; index++) write(index, service(index, 80));
  proxies = [];
  modules = [];
  endpointNames = Array.from({ length: SERVICES }, (_, index) =>
    ["", "v1", "v2"].map((subset) => `outbound|${port(index)}|${subset}|service-${index}.test`),
  ).flat();
  controlPlane = new ControlPlane({
    version: "1.2.3",
    source: new DirectoryStore(join(folder, "config")),
    modulesDirectory: join(folder, "modules"),
    xdsAddress: { host: "127.0.0.1", port: 0 },
    adminAddress: { host: "127.0.0.1", port: 0 },
    bindAddress: "127.0.0.1",
    peerTimeouts: { unreadMs: 30_000, tcpUserMs: 0 },
    logger: createLogger("error", () => undefined),
  });
  const { xdsPort } = await controlPlane.start();
  await connectAll(xdsPort);
});

afterEach(async () => {
  for (const client of [...proxies, ...modules]) client.vanish();
  await controlPlane.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What a client has been sent meanwhile; a request for something new is answered after all that. */
async function sentMeanwhile(
  client: AdsClient,
  type: ResourceType,
  names: readonly string[] = [],
): Promise<string[]> {
  const before = client.unread.length;
  client.request(type, { names });
  await expect.poll(() => client.unread.length).toBeGreaterThan(before);
  return client.unread.slice(0, -1).map(({ typeUrl }) => typeUrl);
}

describe(`of ${SERVICES} services`, () => {
  test("the routes of one go to the modules that subscribe to them, and nobody gets anything else", async () => {
    write(5, service(5, 10));
    const subscribers = new Set([3, 4, 5]);
    for (const index of subscribers) {
      const { resources } = (await modules[index]?.take(ROUTES_TYPE, namesOf(index))) ?? {};
      expect(resources).toHaveLength(1);
      const routes = fromBinary(
        RouteConfigurationSchema,
        resources?.[0]?.value ?? new Uint8Array(),
      );
      expect(routes.name).toBe(routesOf(5));
      expect(routes.routes[0]?.destinations.map(({ weight }) => weight)).toEqual([10, 90]);
    }
    for (const [index, module] of modules.entries()) {
      expect(await sentMeanwhile(module, ROUTES_TYPE, [routesOf(100 + index)])).toEqual([]);
    }
    for (const proxy of proxies) {
      expect(await sentMeanwhile(proxy, LISTENER_TYPE)).toEqual([]);
    }
  });

  test("the endpoints of one go to all proxies, one resource for each of its clusters that has them", async () => {
    write(5, service(5, 80, 3));
    for (const proxy of proxies) {
      const { resources } = await proxy.take(ENDPOINT_TYPE, endpointNames);
      const changed = resources.map(({ value }) => fromBinary(ClusterLoadAssignmentSchema, value));
      expect(changed.map(({ clusterName }) => clusterName).sort()).toEqual([
        `outbound|${port(5)}|v1|service-5.test`,
        `outbound|${port(5)}||service-5.test`,
      ]);
    }
    // How many endpoints there are decides about connections: that is part of the routes.
    for (const index of [3, 4, 5]) {
      const { resources } = (await modules[index]?.take(ROUTES_TYPE, namesOf(index))) ?? {};
      expect(resources).toHaveLength(1);
    }
    for (const [index, module] of modules.entries()) {
      expect(await sentMeanwhile(module, ROUTES_TYPE, [routesOf(100 + index)])).toEqual([]);
    }
  });
});
