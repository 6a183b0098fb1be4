import type { Endpoint } from "../../ir/cluster.js";
import { entryKey } from "./inbound-workloads.js";
import { type IstioFacts, NO_FACTS } from "./istio-facts.js";
import type { Service } from "./services.js";

/**
 * What Kubernetes says of a Service's workloads: Istio gives them to proxies, and pools are to know how many there are
 * and when they change. None where clients choose the instance by themselves.
 */
export function serviceEndpoints(
  service: Service,
  istio: IstioFacts | undefined,
): readonly Endpoint[] {
  if (service.entry.spec.resolution !== "STATIC") return [];
  const { endpoints = [], targetPorts = {} } = istio?.services.get(entryKey(service)) ?? NO_FACTS;
  const { number, targetPort = number } = service.port;
  const port = targetPorts[number]?.[0] ?? targetPort;
  const locality = { region: "", zone: "", subZone: "" };
  return endpoints.map((address) => ({ address, port, weight: 1, locality }));
}
