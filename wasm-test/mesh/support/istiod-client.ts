// What istiod would give a sidecar, without the sidecar.
import { fromBinary, type JsonObject } from "@bufbuild/protobuf";
import { credentials } from "@grpc/grpc-js";
import { ClusterSchema } from "../../../controlplane/gen/envoy/config/cluster/v3/cluster_pb.js";
import {
  type Listener,
  ListenerSchema,
} from "../../../controlplane/gen/envoy/config/listener/v3/listener_pb.js";
import { TypedExtensionConfigSchema } from "../../../controlplane/gen/envoy/config/core/v3/extension_pb.js";
import {
  type Wasm,
  WasmSchema,
} from "../../../controlplane/gen/envoy/extensions/filters/network/wasm/v3/wasm_pb.js";
import type { DiscoveryResponse } from "../../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";
import { discover } from "./discover.js";

export interface Sidecar {
  readonly address: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Default: `sidecar`. */
  readonly type?: "sidecar" | "router" | "waypoint";
  /** Of the node, beside what follows from the rest. */
  readonly metadata?: JsonObject;
}

export function nodeOf({ address, namespace, labels, type = "sidecar", metadata }: Sidecar): {
  readonly id: string;
  readonly metadata: JsonObject;
} {
  return {
    id: `${type}~${address}~app-1.${namespace}~${namespace}.svc.cluster.local`,
    metadata: {
      NAMESPACE: namespace,
      ISTIO_VERSION: "1.31.0",
      CLUSTER_ID: "Kubernetes",
      INSTANCE_IPS: address,
      LABELS: { ...labels },
      ...metadata,
    },
  };
}

/** What of a type the sidecar gets. @param target such as `unix:/path`. */
function resourcesFor(
  target: string,
  sidecar: Sidecar,
  typeUrl: string,
  resourceNames: readonly string[],
): Promise<DiscoveryResponse> {
  const { id, metadata } = nodeOf(sidecar);
  return discover(
    { target, credentials: credentials.createInsecure() },
    { node: { id, cluster: "app", metadata }, typeUrl, resourceNames: [...resourceNames] },
  );
}

/** By name. */
export async function listenersOf(
  port: number,
  sidecar: Sidecar,
): Promise<ReadonlyMap<string, Listener>> {
  const type = `type.googleapis.com/${ListenerSchema.typeName}`;
  const { resources } = await resourcesFor(`127.0.0.1:${String(port)}`, sidecar, type, []);
  const listeners = resources.map(({ value }) => fromBinary(ListenerSchema, value));
  return new Map(listeners.map((listener) => [listener.name, listener]));
}

/** Their names, sorted. */
export async function clustersOf(port: number, sidecar: Sidecar): Promise<readonly string[]> {
  const type = `type.googleapis.com/${ClusterSchema.typeName}`;
  const { resources } = await resourcesFor(`127.0.0.1:${String(port)}`, sidecar, type, []);
  return resources.map(({ value }) => fromBinary(ClusterSchema, value).name).sort();
}

/** Names of the extension configurations and clusters that it would get. */
export async function countOf(
  port: number,
  sidecar: Sidecar,
  type: string,
  names: readonly string[] = [],
): Promise<number> {
  const target = `127.0.0.1:${String(port)}`;
  const { resources } = await resourcesFor(target, sidecar, `type.googleapis.com/${type}`, names);
  return resources.length;
}

/** How a module is configured: what an extension configuration of this name has. @param target such as `unix:/path`. */
export async function wasmPlugin(target: string, sidecar: Sidecar, name: string): Promise<Wasm> {
  const type = `type.googleapis.com/${TypedExtensionConfigSchema.typeName}`;
  const { resources } = await resourcesFor(target, sidecar, type, [name]);
  const [resource] = resources;
  if (resource === undefined) throw new Error(`there is no ${name}`);
  const { typedConfig } = fromBinary(TypedExtensionConfigSchema, resource.value);
  if (typedConfig?.typeUrl !== `type.googleapis.com/${WasmSchema.typeName}`)
    throw new Error(`${name} is a ${typedConfig?.typeUrl ?? "nothing"}`);
  return fromBinary(WasmSchema, typedConfig.value);
}
