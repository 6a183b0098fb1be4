// Goldens: testdata/<case>.in.yaml -> testdata/<case>.out.yaml. Written anew with UPDATE_GOLDEN=1, to be reviewed.
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { equals } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../../gen/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Mesh } from "../../ir/mesh.js";
import type { Protocol } from "../../ir/protocol.js";
import type { ModuleVersion } from "./module-version.js";
import type { PeerTimeouts } from "./peer-timeouts.js";
import { pluginVersions } from "./plugin-version.js";
import { type XdsInput, type XdsResources, translateToXds } from "./translate-to-xds.js";
import { resourceJson } from "./type-registry.js";

const TESTDATA = join(import.meta.dirname, "testdata");
const isUpdate = process.env["UPDATE_GOLDEN"] === "1";

type GoldenModule = Omit<ModuleVersion, "code"> & { readonly code: string };

interface GoldenInput {
  readonly bindAddress: string;
  readonly peerTimeouts?: PeerTimeouts;
  readonly modules: readonly GoldenModule[];
  readonly retiredPlugins?: readonly { protocol: Protocol; module: GoldenModule }[];
  readonly retiredClusters?: readonly Cluster[];
  readonly mesh: Mesh;
}

const cases = readdirSync(TESTDATA)
  .filter((file) => file.endsWith(".in.yaml"))
  .map((file) => file.slice(0, -".in.yaml".length));

function readCase(name: string): XdsInput {
  const input = parse(readFileSync(join(TESTDATA, `${name}.in.yaml`), "utf8")) as GoldenInput;
  const byName = (modules: readonly GoldenModule[]): ReadonlyMap<string, ModuleVersion> =>
    new Map(modules.map((module) => [module.name, { ...module, code: Buffer.from(module.code) }]));
  return {
    mesh: input.mesh,
    bindAddress: input.bindAddress,
    peerTimeouts: input.peerTimeouts ?? { unreadMs: 0, tcpUserMs: 0 },
    modules: byName(input.modules),
    retiredPlugins: (input.retiredPlugins ?? []).flatMap(({ protocol, module }) =>
      pluginVersions([protocol], byName([module])),
    ),
    retiredClusters: input.retiredClusters ?? [],
  };
}

function toGolden(resources: XdsResources): string {
  return stringify(
    {
      faults: resources.faults,
      clusters: resources.clusters.map(({ message }) => resourceJson(ClusterSchema, message())),
      endpoints: resources.endpoints.map(({ message }) =>
        resourceJson(ClusterLoadAssignmentSchema, message()),
      ),
      listeners: resources.listeners.map(({ message }) => resourceJson(ListenerSchema, message())),
      extensionConfigs: resources.extensionConfigs.map(({ message }) =>
        resourceJson(TypedExtensionConfigSchema, message()),
      ),
      extensionConfigOrder: Object.fromEntries(resources.extensionConfigOrder),
    },
    { lineWidth: 0 },
  );
}

describe("goldens", () => {
  test.each(cases)("%s", (name) => {
    const file = join(TESTDATA, `${name}.out.yaml`);
    const actual = toGolden(translateToXds(readCase(name)));
    if (isUpdate) writeFileSync(file, actual);
    expect(actual).toBe(readFileSync(file, "utf8"));
  });

  test("there is no output without an input", () => {
    const stale = readdirSync(TESTDATA).filter(
      (file) => file.endsWith(".out.yaml") && !cases.includes(file.slice(0, -".out.yaml".length)),
    );
    if (isUpdate) for (const file of stale) rmSync(join(TESTDATA, file));
    expect(isUpdate ? [] : stale).toEqual([]);
  });
});

describe("what must hold whatever the mesh", () => {
  test("both roles of a module get byte-identical plugins, so that they share a root context", () => {
    const { extensionConfigs } = translateToXds(readCase("basic"));
    const byName = new Map(
      extensionConfigs.map(({ name, message }) => [name, message().typedConfig?.value]),
    );
    const downstream = byName.get("metaproto.dubbo");
    expect(downstream).toBeDefined();
    expect(byName.get("metaproto.dubbo.0123456789ab")).toEqual(downstream);
  });

  test("equal sources give equal messages, and the name of a resource is that of its message", () => {
    for (const name of cases) {
      const first = translateToXds(readCase(name));
      const second = translateToXds(readCase(name));
      first.clusters.forEach((resource, i) => {
        const other = second.clusters[i];
        expect(other?.source).toBe(resource.source);
        const message = resource.message();
        expect(other && equals(ClusterSchema, other.message(), message)).toBe(true);
        expect(message.name).toBe(resource.name);
      });
      first.endpoints.forEach(({ name: resourceName, message }) => {
        expect(message().clusterName).toBe(resourceName);
      });
      first.listeners.forEach(({ name: resourceName, message }) => {
        expect(message().name).toBe(resourceName);
      });
    }
  });

  test("whatever a cluster or a listener has is part of its source", () => {
    const input = readCase("policies");
    const before = translateToXds(input);
    const [from] = input.mesh.clusters;
    const [listener] = input.mesh.listeners;
    if (from === undefined || listener === undefined) throw new Error("nothing to change");
    const changedClusters: Cluster[] = [
      { ...from, connectTimeoutMs: 1 },
      { ...from, maxConnections: 1 },
      { ...from, outlierDetection: undefined },
      { ...from, tls: undefined },
      { ...from, endpoints: [] },
    ];
    for (const cluster of changedClusters) {
      const after = translateToXds({ ...input, mesh: { ...input.mesh, clusters: [cluster] } });
      expect(after.clusters[0]?.source).not.toBe(before.clusters[0]?.source);
    }
    const changedListeners = [
      { ...listener, address: "127.0.0.10" },
      { ...listener, port: 1 },
      { ...listener, downstreamTls: undefined },
    ];
    for (const changed of changedListeners) {
      const after = translateToXds({ ...input, mesh: { ...input.mesh, listeners: [changed] } });
      expect(after.listeners.at(-1)?.source).not.toBe(before.listeners.at(-1)?.source);
    }
  });
});
