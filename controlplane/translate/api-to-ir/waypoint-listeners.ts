// The listeners of services at the waypoints that their requests pass in ambient mode.
import type { Router } from "../../api/virtual-service.js";
import type { Listener } from "../../ir/mesh.js";
import { entryKey } from "./inbound-workloads.js";
import { type IstioContext, istioListener, onSide, type ServedService } from "./istio-listeners.js";
import { defaultRouting } from "./routes.js";
import type { Service } from "./services.js";
import { telemetryFilters } from "./telemetry-filters.js";

export interface WaypointContext extends IstioContext {
  /** Which resource has the routes of a service. */
  readonly owners: ReadonlyMap<Service, Router>;
}

/** Istio's filter chain for a TCP port of a service at its waypoint. */
function waypointChainName({ host, port }: Service): string {
  return `inbound-vip|${port.number}|tcp|${host}`;
}

/** Nobody else knows of requests that come through a waypoint: it routes, limits and judges them. */
export function waypointListeners(
  served: readonly ServedService[],
  context: WaypointContext,
): readonly Listener[] {
  return served.flatMap(({ service, protocol, resource }) => {
    const { entry, host, port } = service;
    const waypoint = context.facts.services.get(entryKey(service))?.waypoint;
    if (waypoint === undefined) return [];
    const warn = (message: string): void =>
      context.report.warning(context.owners.get(service) ?? entry, "", `\`${host}\` ${message}`);
    if ("missing" in waypoint) {
      warn(`is not managed at the waypoint \`${waypoint.missing}\`: ${waypoint.reason}`);
      return [];
    }
    if (entry.spec.resolution === "NONE") {
      warn("is not managed at its waypoint: its clients choose the instance by themselves");
      return [];
    }
    const { routes, filters } = context.routing.get(service) ?? defaultRouting(service);
    const telemetry =
      resource === undefined
        ? []
        : telemetryFilters(resource, { service, routes }, context.filterContext);
    return istioListener(waypointChainName(service), protocol, {
      host,
      port: port.number,
      routes,
      filters: [
        ...filters,
        ...context.authorizations.filtersOf(service),
        ...telemetry.map((filter) => onSide(filter, "server")),
      ],
      placement: { kind: "waypoint", ...waypoint },
    });
  });
}
