import { describe, expect, test } from "vitest";
import type { Cluster } from "../ir/cluster.js";
import type { Listener, Mesh } from "../ir/mesh.js";
import { DEFAULT_SETTINGS } from "../ir/protocol.js";
import type { ModuleVersion } from "../translate/ir-to-xds/module-version.js";
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  EXTENSION_CONFIG_TYPE,
  LISTENER_TYPE,
  RESOURCE_TYPES,
  ROUTES_TYPE,
  type ResourceType,
} from "../xds/resource-type.js";
import type { Snapshot } from "../xds/snapshot.js";
import { type ProxyConfigurationOptions, ProxyConfigurator } from "./proxy-configuration.js";

const LOCALITY = { region: "", zone: "", subZone: "" };

function cluster(name: string, ports: readonly number[]): Cluster {
  return {
    name,
    discovery: "static",
    endpoints: ports.map((port) => ({
      address: "10.0.0.1",
      port,
      weight: 1,
      locality: LOCALITY,
    })),
    loadBalancer: "leastRequest",
    connectTimeoutMs: 1000,
    maxConnections: undefined,
    maxPendingRequests: undefined,
    maxRequests: undefined,
    tcpKeepalive: undefined,
    outlierDetection: undefined,
    requestOutlierDetection: undefined,
    hashPolicy: undefined,
    stickySession: undefined,
    isGrpc: false,
    tls: undefined,
  };
}

function listener(index: number, pattern = "v1"): Listener {
  const name = `outbound|80||s${index}.meta`;
  return {
    name: `s${index}.meta_80`,
    host: `s${index}.meta`,
    port: 80,
    address: `127.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    protocol: "dubbo",
    routes: [
      {
        name: "r",
        match: [{ name: "version", specifier: { kind: "regex", pattern }, invert: false }],
        destinations: [{ cluster: name, weight: 1 }],
        timeoutMs: undefined,
        requestMutation: [],
        responseMutation: [],
        retryPolicy: undefined,
        mirrors: [],
        hashPolicy: undefined,
        stickySession: undefined,
        filters: [],
      },
    ],
    filters: [],
    clusterNames: [name],
    downstreamTls: undefined,
  };
}

function meshOf(count: number): Mesh {
  const indices = Array.from({ length: count }, (_, index) => index);
  return {
    listeners: indices.map((index) => listener(index)),
    protocols: [{ name: "dubbo", module: "dubbo", settings: DEFAULT_SETTINGS }],
    clusters: indices.map((index) => cluster(`outbound|80||s${index}.meta`, [1, 2])),
  };
}

function modules(digest: string): ReadonlyMap<string, ModuleVersion> {
  return new Map([["dubbo", { name: "dubbo", digest, code: Buffer.from(`code ${digest}`) }]]);
}

function configurator(options: Partial<ProxyConfigurationOptions> = {}): ProxyConfigurator {
  return new ProxyConfigurator({
    bindAddress: "0.0.0.0",
    peerTimeouts: { unreadMs: 30_000, tcpUserMs: 0 },
    compileRegex: (pattern) =>
      pattern === "("
        ? { error: "missing closing )" }
        : { dfa: Buffer.from(pattern), literalPrefix: "" },
    ...options,
  });
}

const names = (snapshot: Snapshot, { typeUrl }: ResourceType): string[] => [
  ...(snapshot.types.get(typeUrl)?.resources.keys() ?? []),
];

/** `<type> <name>` of every resource that differs between two snapshots. */
function difference(before: Snapshot, after: Snapshot): string[] {
  return RESOURCE_TYPES.flatMap(({ name: type, typeUrl }) => {
    const old = before.types.get(typeUrl)?.resources;
    const now = after.types.get(typeUrl)?.resources;
    return [...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])]
      .filter((name) => old?.get(name)?.version !== now?.get(name)?.version)
      .map((name) => `${type} ${name}`);
  });
}

describe("snapshots", () => {
  test("one edit among 1,000 services changes what it is about", () => {
    const proxies = configurator();
    const mesh = meshOf(1000);
    const first = proxies.configure(mesh, modules("a".repeat(64)), 0).snapshot;
    const listeners = mesh.listeners.with(500, listener(500, "v2"));
    const rerouted = proxies.configure({ ...mesh, listeners }, modules("a".repeat(64)), 0).snapshot;
    expect(difference(first, rerouted)).toEqual(["routes s500.meta_80"]);

    const clusters = mesh.clusters.with(7, cluster("outbound|80||s7.meta", [1, 3]));
    const moved = proxies.configure(
      { ...mesh, listeners, clusters },
      modules("a".repeat(64)),
      0,
    ).snapshot;
    // The module renews its connections when the endpoints are others.
    expect(difference(rerouted, moved)).toEqual(["EDS outbound|80||s7.meta", "routes s7.meta_80"]);
    expect(
      proxies.configure({ ...mesh, listeners, clusters }, modules("a".repeat(64)), 0).snapshot
        .version,
    ).toBe(moved.version);
  });

  test("a cluster that is gone stays for a while, with its endpoints", () => {
    const proxies = configurator({ retiredClusterMs: 1000 });
    const module = modules("a".repeat(64));
    proxies.configure(meshOf(2), module, 0);
    const during = proxies.configure(meshOf(1), module, 10).snapshot;
    expect(names(during, CLUSTER_TYPE)).toContain("outbound|80||s1.meta");
    expect(names(during, ENDPOINT_TYPE)).toContain("outbound|80||s1.meta");
    expect(names(during, LISTENER_TYPE)).not.toContain("s1.meta_80");
    expect(proxies.nextExpiryMs).toBe(1010);
    const after = proxies.configure(meshOf(1), module, 1010).snapshot;
    expect(names(after, CLUSTER_TYPE)).not.toContain("outbound|80||s1.meta");
    expect(proxies.nextExpiryMs).toBeUndefined();
  });

  test("a new version of a module comes beside the old one, which goes later", () => {
    const proxies = configurator({ maxRetiredPlugins: 1, retiredPluginMs: 1000 });
    proxies.configure(meshOf(1), modules("a".repeat(64)), 0);
    proxies.configure(meshOf(1), modules("b".repeat(64)), 1);
    const { snapshot } = proxies.configure(meshOf(1), modules("c".repeat(64)), 2);
    const versions = ["metaproto.dubbo.cccccccccccc", "metaproto.dubbo.bbbbbbbbbbbb"];
    expect(names(snapshot, LISTENER_TYPE)).toEqual([...versions, "s0.meta_80"]);
    expect(names(snapshot, CLUSTER_TYPE)).toEqual(expect.arrayContaining(versions));
    expect(names(snapshot, EXTENSION_CONFIG_TYPE)).toEqual([...versions, "metaproto.dubbo"]);
    const resources = snapshot.types.get(EXTENSION_CONFIG_TYPE.typeUrl)?.resources;
    expect(resources?.get("metaproto.dubbo")?.after).toBe("metaproto.dubbo.cccccccccccc");
  });

  test("a change of settings is a new plugin beside the old one, of its protocol only", () => {
    const proxies = configurator();
    const mesh = meshOf(2);
    const [first, second] = mesh.listeners;
    const meshWith = (maxRequests: number): Mesh => {
      const settings = { ...DEFAULT_SETTINGS, limits: { maxRequests } };
      return {
        ...mesh,
        listeners: [first, second && { ...second, protocol: "orders" }].filter(
          (item) => item !== undefined,
        ),
        protocols: [...mesh.protocols, { name: "orders", module: "dubbo", settings }],
      };
    };
    const code = modules("a".repeat(64));
    const before = proxies.configure(meshWith(1), code, 0).snapshot;
    const after = proxies.configure(meshWith(2), code, 1).snapshot;
    const changes = difference(before, after);
    const [dial] = changes.flatMap((change) => /^LDS (.*)$/.exec(change)?.[1] ?? []);
    expect(dial).toMatch(/^metaproto\.orders\.[0-9a-f]{12}$/);
    expect(changes.sort()).toEqual([
      `CDS ${dial}`,
      "ECDS metaproto.orders",
      `ECDS ${dial}`,
      `LDS ${dial}`,
    ]);
    expect(names(before, LISTENER_TYPE)).toHaveLength(4);
    expect(names(after, LISTENER_TYPE)).toHaveLength(5);
    const resources = after.types.get(EXTENSION_CONFIG_TYPE.typeUrl)?.resources;
    expect(resources?.get("metaproto.orders")?.after).toBe(dial);
    // And back again, it is what it was.
    const back = proxies.configure(meshWith(1), code, 2).snapshot;
    expect(difference(before, back).sort()).toEqual([`CDS ${dial}`, `ECDS ${dial}`, `LDS ${dial}`]);
  });

  test("a version of a module that no proxy could load does not stay", () => {
    let refused = "metaproto.dubbo.bbbbbbbbbbbb";
    const proxies = configurator({ isRefused: (name) => name === refused });
    for (const digest of ["a", "b", "c"]) {
      proxies.configure(meshOf(1), modules(digest.repeat(64)), 0);
    }
    // What is not served any more is not refused either.
    refused = "";
    const { snapshot } = proxies.configure(meshOf(1), modules("c".repeat(64)), 0);
    expect(names(snapshot, EXTENSION_CONFIG_TYPE)).toEqual([
      "metaproto.dubbo.cccccccccccc",
      "metaproto.dubbo.aaaaaaaaaaaa",
      "metaproto.dubbo",
    ]);
  });

  test("routes that cannot be translated stay as they were", () => {
    const proxies = configurator();
    const module = modules("a".repeat(64));
    const mesh = meshOf(2);
    const first = proxies.configure(mesh, module, 0).snapshot;
    const broken = { ...mesh, listeners: mesh.listeners.with(0, listener(0, "(")) };
    const { snapshot, faults } = proxies.configure(broken, module, 0);
    expect(faults).toEqual(['s0.meta_80: route r: match on version: regex "(": missing closing )']);
    expect(difference(first, snapshot)).toEqual([]);
    expect(names(snapshot, ROUTES_TYPE)).toContain("s0.meta_80");
  });
});
