import { describe, expect, test } from "vitest";
import { create } from "@bufbuild/protobuf";
import { BootstrapSchema } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { RouteConfigurationSchema } from "../../gen/metaproto/v1/route_pb.js";
import type { Listener, Mesh } from "../../ir/mesh.js";
import { DEFAULT_SETTINGS } from "../../ir/protocol.js";
import { staticBootstrap } from "./static-bootstrap.js";
import { resourceJson } from "./type-registry.js";

interface FilterJson {
  readonly name: string;
  readonly typed_config: unknown;
}

interface BootstrapJson {
  readonly static_resources: {
    readonly listeners?: readonly {
      readonly name: string;
      readonly filter_chains: readonly { readonly filters: readonly FilterJson[] }[];
    }[];
    readonly clusters: readonly { readonly name: string; readonly type?: string }[];
  };
}

function listener(port: number): Listener {
  return {
    name: `demo.meta_${port}`,
    host: "demo.meta",
    port,
    address: undefined,
    protocol: "dubbo",
    routes: [],
    filters: [],
    clusterNames: [],
    downstreamTls: undefined,
  };
}

const mesh: Mesh = {
  listeners: [listener(1), listener(2)],
  protocols: [
    {
      name: "dubbo",
      module: "dubbo",
      settings: { ...DEFAULT_SETTINGS, limits: { maxRequests: 7 }, defaultTimeoutMs: 1500 },
    },
  ],
  clusters: [
    {
      name: "outbound|1||demo.meta",
      discovery: "static",
      endpoints: [],
      loadBalancer: "random",
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
    },
  ],
};

function build(moduleFiles: ReadonlyMap<string, string>): {
  readonly json: BootstrapJson;
  readonly faults: readonly string[];
} {
  const { bootstrap, faults } = staticBootstrap({
    mesh,
    moduleFiles,
    routes: new Map(
      mesh.listeners.map(({ name }) => [name, create(RouteConfigurationSchema, { name })]),
    ),
    bindAddress: "127.0.0.1",
    peerTimeouts: { unreadMs: 30_000, tcpUserMs: 0 },
    admin: { host: "127.0.0.1", port: 19000 },
  });
  return { json: resourceJson(BootstrapSchema, bootstrap) as unknown as BootstrapJson, faults };
}

describe("static bootstrap", () => {
  test("all listeners of a module and its internal listener have the same plugin, routes included", () => {
    const { json, faults } = build(new Map([["dubbo", "build/dubbo.wasm"]]));
    expect(faults).toEqual([]);
    const { listeners = [], clusters } = json.static_resources;
    expect(listeners.map(({ name }) => name)).toEqual([
      "metaproto.dubbo",
      "demo.meta_1",
      "demo.meta_2",
    ]);
    const plugins = listeners.map(
      ({ filter_chains }) => filter_chains[0]?.filters[0]?.typed_config,
    );
    expect(plugins[1]).toEqual(plugins[0]);
    expect(plugins[2]).toEqual(plugins[0]);
    expect(plugins[0]).toMatchObject({
      config: {
        vm_config: { code: { local: { filename: "build/dubbo.wasm" } } },
        configuration: {
          value: JSON.stringify(
            {
              dialCluster: "metaproto.dubbo",
              routeConfigurations: [{ name: "demo.meta_1" }, { name: "demo.meta_2" }],
              limits: { maxRequests: 7 },
              defaultTimeout: "1.500s",
            },
            undefined,
            2,
          ),
        },
      },
    });
    expect(clusters.map(({ name, type }) => [name, type ?? "STATIC"])).toEqual([
      ["outbound|1||demo.meta", "STATIC"],
      ["metaproto.blackhole", "STATIC"],
      ["metaproto.dubbo", "STATIC"],
    ]);
  });

  test("a module that is missing is told, and its listeners are left out", () => {
    const { json, faults } = build(new Map());
    expect(json.static_resources.listeners ?? []).toEqual([]);
    expect(faults).toHaveLength(2);
    expect(faults[0]).toBe(
      "listener demo.meta_1 is left out: there is no module dubbo for protocol dubbo",
    );
  });
});
