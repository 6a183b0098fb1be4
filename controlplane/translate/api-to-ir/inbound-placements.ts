// Which of Istio's inbound listeners are those of a service: each port of a workload is managed as that of one service.
import type { InboundPlacement } from "../../ir/placement.js";
import { workloadPortsOf, workloadSelectorOf } from "./inbound-workloads.js";
import type { PlacementContext } from "./outbound-placements.js";
import { compareText, type Service } from "./services.js";

export interface InboundPlace {
  /** Of the listener. */
  readonly name: string;
  /** That the workloads listen on. */
  readonly port: number;
  /** Istio's, of the port. */
  readonly cluster: string;
  readonly placement: InboundPlacement;
}

/** Istio's cluster of a workload's own port. */
export function inboundClusterName(port: number): string {
  return `inbound|${port}||`;
}

export class InboundPlacements {
  private readonly owners = new Map<string, Service>();

  constructor(private readonly context: PlacementContext) {}

  /** Empty: nobody says which workloads serve it, or another service has been asked for that has its ports. */
  of(service: Service): readonly InboundPlace[] {
    const { entry, host } = service;
    const selector = workloadSelectorOf(service, this.context.facts);
    if (selector === undefined) return [];
    const { namespace } = entry.metadata;
    const labels = Object.entries(selector).sort(([a], [b]) => compareText(a, b));
    return workloadPortsOf(service, this.context).flatMap((port) => {
      const key = JSON.stringify([namespace, labels, port]);
      const owner = this.owners.get(key) ?? service;
      this.owners.set(key, owner);
      if (owner !== service) {
        this.context.report.warning(
          entry,
          "spec.ports",
          `port ${port} of the workloads of \`${host}\` is managed as that of \`${owner.host}\``,
        );
        return [];
      }
      const cluster = inboundClusterName(port);
      const placement = {
        kind: "inbound",
        namespace,
        selector: Object.fromEntries(labels),
      } as const;
      return [{ name: `${cluster}${host}`, port, cluster, placement }];
    });
  }
}
