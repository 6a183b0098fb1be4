// Which cluster a MetaRouter means by a destination.
import type { Destination } from "../../api/destination.js";
import { canonicalHostName } from "../../api/host-name.js";
import type { Router } from "../../api/virtual-service.js";
import { clusterName } from "./cluster-name.js";
import type { DestinationRules } from "./destination-rules.js";
import type { Report } from "./report.js";
import type { Service, Services } from "./services.js";

export interface DestinationContext {
  readonly services: Services;
  readonly rules: DestinationRules;
  readonly report: Report;
  /** Whether this version of the router is in effect already. */
  readonly isInEffect: (router: Router) => boolean;
  /** Whether there was such a cluster in the translation before. */
  readonly hadCluster: (name: string) => boolean;
  /** Clusters whose endpoints only Istio knows can be reached. */
  readonly isUnderIstio: boolean;
  /** Is told of each port that a destination names. */
  readonly onReference: (service: Service) => void;
}

/** A destination within a router's route to a service. */
export interface PlacedDestination {
  readonly router: Router;
  /** Whose requests the route is for. */
  readonly service: Service;
  readonly destination: Destination;
  /** Such as `spec.routes[0].mirror`; asked for where there is a fault. */
  readonly path: () => string;
}

/** Why a destination cannot be reached. */
interface Unresolved {
  readonly field: "host" | "subset" | "port.number";
  readonly message: string;
}

/** @returns the name of a cluster that will exist; empty if the router is refused. */
export function clusterOf(placed: PlacedDestination, context: DestinationContext): string {
  const cluster = resolve(placed, context);
  if (typeof cluster === "string") return cluster;
  const kept = keptCluster(placed, context);
  const path = `${placed.path()}.${cluster.field}`;
  if (kept === undefined) context.report.refuse(placed.router, path, cluster.message);
  else
    context.report.fault(
      placed.router,
      path,
      `${cluster.message}; its former endpoints stay in use`,
    );
  return kept ?? "";
}

function resolve(
  { router, service, destination }: PlacedDestination,
  { services, rules, onReference, isUnderIstio }: DestinationContext,
): string | Unresolved {
  const ports = services.resolve(destination.host, router.metadata.namespace);
  if (ports.length === 0)
    return {
      field: "host",
      message: `no ServiceEntry that is visible from \`${router.metadata.namespace}\` has the host \`${destination.host}\``,
    };
  const number = destination.port ?? service.port.number;
  const target = ports.find(({ port }) => port.number === number);
  if (target === undefined) {
    const known = ports.map(({ port }) => port.number).join(", ");
    const field = destination.port === undefined ? "host" : "port.number";
    return { field, message: `\`${destination.host}\` has no port ${number}, only ${known}` };
  }
  const fault = protocolFault(target, service, isUnderIstio);
  if (fault !== undefined) return { field: "host", message: fault };
  const { subsets } = rules.of(target);
  if (
    destination.subset !== undefined &&
    !subsets.some(({ name }) => name === destination.subset)
  ) {
    const known = subsets.map(({ name }) => `\`${name}\``).join(", ");
    return {
      field: "subset",
      message:
        `no DestinationRule of \`${target.host}\` has the subset \`${destination.subset}\`` +
        (known === "" ? "" : `, only ${known}`),
    };
  }
  onReference(target);
  return clusterName(target.host, number, destination.subset ?? "");
}

function protocolFault(
  target: Service,
  source: Service,
  isUnderIstio: boolean,
): string | undefined {
  const { resolution } = target.entry.spec;
  if (resolution === "DYNAMIC_DNS" || (resolution === "NONE" && !isUnderIstio))
    return `the endpoints of \`${target.host}\` are not known: its resolution is ${resolution}`;
  const protocol = target.port.applicationProtocol;
  if (protocol === undefined || protocol === source.port.applicationProtocol) return undefined;
  return `port ${target.port.number} of \`${target.host}\` speaks ${protocol}, not ${source.port.applicationProtocol ?? ""}`;
}

/** What was resolved once, for a router in effect, stays in use when what it refers to goes. */
function keptCluster(
  { router, service, destination }: PlacedDestination,
  { services, isInEffect, hadCluster }: DestinationContext,
): string | undefined {
  if (!isInEffect(router)) return undefined;
  const port = destination.port ?? service.port.number;
  return [
    destination.host,
    canonicalHostName(destination.host),
    ...services.candidates(destination.host, router.metadata.namespace),
  ]
    .map((host) => clusterName(host, port, destination.subset ?? ""))
    .find((name) => hadCluster(name));
}
