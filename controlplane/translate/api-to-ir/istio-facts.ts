import type { Labels } from "../../ir/placement.js";

/** What Istio and Kubernetes know of services beyond what the resources themselves say. */
export interface IstioFacts {
  /** By `<namespace>/<name>` of a ServiceEntry. */
  readonly services: ReadonlyMap<string, ServiceFacts>;
  /** Of Istio's mesh configuration: to whom resources are exported that do not say so. Default: to all. */
  readonly defaultExportTo?: DefaultExportTo;
}

export interface DefaultExportTo {
  readonly services: readonly string[];
  readonly destinationRules: readonly string[];
}

/** Of a ServiceEntry, or of a Kubernetes Service that was made one. */
export interface ServiceFacts {
  /** That Istio has allocated for hosts without: `status.addresses`. */
  readonly addresses?: readonly { readonly host: string; readonly value: string }[];
  /** All labels by which a Service selects its workloads. Undefined: what the ServiceEntry says. */
  readonly selector?: Labels;
  /** Addresses of the workloads of a Service that has none of its own, ready or not, sorted. */
  readonly instances?: readonly string[];
  /** Of a Service with an address: addresses of its workloads that are ready, as far as they are known, sorted. */
  readonly endpoints?: readonly string[];
  /** By the number of a port whose target is a name: which ports of workloads have it. Empty: nobody knows yet. */
  readonly targetPorts?: Readonly<Record<string, readonly number[]>>;
  /** That its requests pass in ambient mode, or why it has none although its labels name one. */
  readonly waypoint?: WaypointFacts;
}

export type WaypointFacts =
  | { readonly namespace: string; readonly gateway: string }
  /** `missing`: what its labels name; `reason`: completes "has no waypoint: ". */
  | { readonly missing: string; readonly reason: string };

export const NO_FACTS: ServiceFacts = {};
