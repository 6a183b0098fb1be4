import type { KubernetesObject } from "../../kubernetes/object.js";
import type { ServiceEndpoints } from "./endpoint-slices.js";
import { isHeadless, isIpv6, managedPorts } from "./service-document.js";
import type { WaypointFacts } from "./waypoints.js";

/** What Istio and Kubernetes know of a service, and its resource does not say. */
export interface ServiceFacts {
  /** That Istio has allocated for hosts that have none. */
  readonly addresses?: readonly { readonly host: string; readonly value: string }[];
  /** All labels by which a Service selects its workloads. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Of a Service without an address: those of its workloads, sorted. */
  readonly instances?: readonly string[];
  /** Of a Service with an address: those of its workloads that are ready, of the IP version of that address, sorted. */
  readonly endpoints?: readonly string[];
  /** By the number of a port whose target is a name: ports of workloads. Empty: there was no workload yet. */
  readonly targetPorts?: Readonly<Record<string, readonly number[]>>;
  /** That its requests pass. */
  readonly waypoint?: WaypointFacts;
}

/**
 * Undefined: there is nothing to know.
 * @param endpoints of the Service. @param before what was known of it.
 */
export function serviceFactsOf(
  object: KubernetesObject,
  endpoints: ServiceEndpoints | undefined,
  before: ServiceFacts | undefined,
): ServiceFacts | undefined {
  if (object.kind === "Service") return factsOfService(object, endpoints, before);
  if (object.kind !== "ServiceEntry") return undefined;
  const { addresses = [] } = (object.status ?? {}) as { addresses?: readonly Partial<Allocated>[] };
  const whole = addresses.flatMap(({ host, value }) =>
    host === undefined || value === undefined ? [] : [{ host, value }],
  );
  return whole.length > 0 ? { addresses: whole } : undefined;
}

function factsOfService(
  service: KubernetesObject,
  endpoints: ServiceEndpoints | undefined,
  before: ServiceFacts | undefined,
): ServiceFacts | undefined {
  const { selector = {} } = (service.spec ?? {}) as Pick<ServiceFacts, "selector">;
  const ports = managedPorts(service);
  const named = ports.flatMap(({ name = "", port, targetPort }) => {
    if (typeof targetPort !== "string") return [];
    const now = endpoints?.ports.get(name) ?? [];
    // Workloads that come back have the port that they had, and are to find it managed.
    return [[port, now.length > 0 ? now : (before?.targetPorts?.[port] ?? [])] as const];
  });
  const hasIpv6 = isIpv6(service);
  const ready = endpoints?.ready.filter((address) => address.includes(":") === hasIpv6) ?? [];
  const facts: ServiceFacts = {
    ...(Object.keys(selector).length > 0 && { selector }),
    ...(ports.length > 0 && isHeadless(service) && { instances: endpoints?.addresses ?? [] }),
    ...(ports.length > 0 && !isHeadless(service) && ready.length > 0 && { endpoints: ready }),
    ...(named.length > 0 && { targetPorts: Object.fromEntries(named) }),
  };
  return Object.keys(facts).length > 0 ? facts : undefined;
}

interface Allocated {
  readonly host: string;
  readonly value: string;
}
