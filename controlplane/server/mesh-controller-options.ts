// What a controller is told when it starts.
import type { KubernetesApi } from "../kubernetes/api.js";
import type { ReflectorTimes } from "../kubernetes/reflector.js";
import type { DefaultExportTo } from "../translate/api-to-ir/istio-facts.js";
import type { ControlPlaneAddress } from "../translate/ir-to-istio/envoy-filters.js";
import type { WebhookOptions } from "./admission-webhook.js";
import type { ControlPlaneOptions } from "./control-plane.js";
import type { ModuleDelivery } from "./module-delivery.js";
import type { SocketAddress } from "./socket-address.js";

export interface MeshControllerOptions extends Omit<
  ControlPlaneOptions,
  "source" | "onServed" | "waitingFor" | "isReady" | "istioFacts" | "plugins" | "proxiesElsewhere"
> {
  readonly api: KubernetesApi;
  /** Of this replica; no other has it. */
  readonly identity: string;
  /** Of the Leases. */
  readonly namespace: string;
  /** Those whose resources are read; undefined: all. */
  readonly namespaces?: readonly string[] | undefined;
  /** Whether waypoints get modules as well. Default: no. */
  readonly hasWaypoints?: boolean;
  /** Istio's, for resources that do not say to whom they are exported. Default: to all. */
  readonly defaultExportTo?: DefaultExportTo;
  /** Where proxies find this control plane, and by which name they know it. */
  readonly address: ControlPlaneAddress;
  /** Absent: API servers do not ask before they write. */
  readonly webhook?: WebhookOptions | undefined;
  /** Default: inline. */
  readonly delivery?: ModuleDelivery;
  /** Where modules are handed out, with `http`. */
  readonly modulesAddress?: SocketAddress;
  /** See `IstioObjectsOptions`. */
  readonly stageMs?: number;
  readonly deadlineMs?: number;
  readonly times?: MeshControllerTimes;
}

export interface MeshControllerTimes extends ReflectorTimes {
  /** Milliseconds: see `LeaderElectionOptions`. */
  readonly leaseMs?: number;
  readonly leaseRetryMs?: number;
  /** Between looks at how far proxies are. Milliseconds, default 2000. */
  readonly statusMs?: number;
  /** Milliseconds: see `ReplicaReportsTimes`. */
  readonly reportRenewMs?: number;
  readonly reportExpiryMs?: number;
  /** How long a new leader takes proxies that it does not see for some that have yet to come back. Milliseconds, default 30 000. */
  readonly settleMs?: number;
  /** Milliseconds: see `ResourceReporterOptions`. */
  readonly doubtMs?: number;
}

/** What Istio's mesh configuration says. */
export interface MeshDefaults {
  readonly rootNamespace: string;
  readonly defaultExportTo: DefaultExportTo | undefined;
}
