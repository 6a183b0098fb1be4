// EnvoyFilters: https://istio.io/latest/docs/reference/config/networking/envoy-filter
import type { JsonValue } from "@bufbuild/protobuf";
import type { Labels } from "../../ir/placement.js";
import {
  type Component,
  COMPONENT_LABEL,
  type KubernetesObject,
  MANAGED_BY,
} from "./kubernetes-object.js";

/** Istio's default is 0: filters that others insert before tcp_proxy are there already, and stay before ours. */
const PRIORITY = 10;
/** Of what changes what the others have put there. */
export const LATE_PRIORITY = 20;

const GATEWAY_API = "gateway.networking.k8s.io";

export type PatchContext = "ANY" | "SIDECAR_INBOUND" | "SIDECAR_OUTBOUND" | "GATEWAY";

export interface ListenerMatch {
  /** Undefined: any. */
  readonly name?: string;
  readonly filterChain?: {
    readonly name?: string;
    readonly sni?: string;
    readonly destinationPort?: number;
    readonly filter?: { readonly name: string };
  };
}

export interface ConfigPatch {
  readonly applyTo: "CLUSTER" | "LISTENER" | "FILTER_CHAIN" | "NETWORK_FILTER" | "EXTENSION_CONFIG";
  readonly context: PatchContext;
  readonly listener?: ListenerMatch;
  /** Name of the cluster. */
  readonly cluster?: string;
  readonly operation: "ADD" | "MERGE" | "INSERT_FIRST" | "INSERT_BEFORE" | "REPLACE" | "REMOVE";
  /** A message of Envoy, with the field names of its .proto files. */
  readonly value?: JsonValue;
}

export interface EnvoyFilterContent {
  readonly component: Component;
  readonly name: string;
  readonly namespace: string;
  /** Undefined: all workloads of the namespace, and in the root namespace those of all. */
  readonly selector?: Labels;
  /** Waypoints, which none without reaches: the Gateway of one of the same namespace, or in the root namespace all. */
  readonly waypoint?: { readonly gateway: string } | "all";
  /** Default: that of all others of ours. */
  readonly priority?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly patches: readonly ConfigPatch[];
}

export function envoyFilter(content: EnvoyFilterContent): KubernetesObject {
  const { component, name, namespace, selector, waypoint, patches, annotations } = content;
  return {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: {
      name,
      namespace,
      labels: { ...MANAGED_BY, [COMPONENT_LABEL]: component },
      ...(annotations && { annotations }),
    },
    spec: {
      ...(selector && { workloadSelector: { labels: { ...selector } } }),
      ...(waypoint && { targetRefs: [targetOf(waypoint)] }),
      priority: content.priority ?? PRIORITY,
      configPatches: patches.map(patchJson),
    },
  };
}

function targetOf(waypoint: NonNullable<EnvoyFilterContent["waypoint"]>): JsonValue {
  return waypoint === "all"
    ? { group: GATEWAY_API, kind: "GatewayClass", name: "istio-waypoint" }
    : { group: GATEWAY_API, kind: "Gateway", name: waypoint.gateway };
}

function patchJson(patch: ConfigPatch): JsonValue {
  const { applyTo, context, listener, cluster, operation, value } = patch;
  const match = {
    context,
    ...(listener && { listener: listenerJson(listener) }),
    ...(cluster !== undefined && { cluster: { name: cluster } }),
  };
  return {
    applyTo,
    match,
    patch: { operation, ...(value !== undefined && { value }) },
  };
}

function listenerJson({ name, filterChain }: ListenerMatch): JsonValue {
  const listener = name === undefined ? {} : { name };
  if (filterChain === undefined) return listener;
  const { filter, ...rest } = filterChain;
  const chain = { ...rest, ...(filter && { filter: { name: filter.name } }) };
  return { ...listener, filterChain: chain };
}
