import { isIpAddress } from "../../api/host-name.js";
import type { WorkloadEntry, WorkloadEntrySpec } from "../../api/workload-entry.js";
import type { Endpoint } from "../../ir/cluster.js";
import type { Report } from "./report.js";
import type { Service } from "./services.js";

type Labels = Readonly<Record<string, string>>;

/**
 * The endpoints of a service that have all of `labels`, each address and port once.
 * Undefined: only the proxy of the client would know them (resolution NONE or DYNAMIC_DNS).
 */
export function endpointsOf(
  service: Service,
  labels: Labels,
  workloads: readonly WorkloadEntry[],
  report: Report,
): readonly Endpoint[] | undefined {
  const { entry, host, port } = service;
  const { resolution, workloadSelector } = entry.spec;
  if (resolution === "NONE" || resolution === "DYNAMIC_DNS") return undefined;
  const portNumber = port.targetPort ?? port.number;
  if (
    resolution !== "STATIC" &&
    workloadSelector === undefined &&
    entry.spec.endpoints.length === 0
  )
    return hasLabels(entry.metadata.labels, labels) ? [hostItself(host, portNumber)] : [];
  const specs =
    workloadSelector === undefined
      ? entry.spec.endpoints
      : selectWorkloads(service, workloadSelector, workloads, report);
  const endpoints = new Map<string, Endpoint>();
  for (const spec of specs) {
    if (spec.address === "" || !hasLabels(spec.labels, labels)) continue;
    const endpoint = {
      address: spec.address,
      port: spec.ports[port.name] ?? portNumber,
      weight: spec.weight,
      locality: spec.locality,
    };
    const key = `${endpoint.address} ${endpoint.port}`;
    if (!endpoints.has(key)) endpoints.set(key, endpoint);
  }
  return Array.from(endpoints.values());
}

function hostItself(host: string, port: number): Endpoint {
  return {
    address: host,
    port,
    weight: 1,
    locality: { region: "", zone: "", subZone: "" },
  };
}

function selectWorkloads(
  service: Service,
  selector: Labels,
  workloads: readonly WorkloadEntry[],
  report: Report,
): readonly WorkloadEntrySpec[] {
  const { metadata, spec } = service.entry;
  const selected = workloads.filter(
    (workload) =>
      workload.metadata.namespace === metadata.namespace &&
      hasLabels(workload.spec.labels, selector),
  );
  return selected
    .filter((workload) => {
      const isUsable =
        spec.resolution !== "STATIC" ||
        workload.spec.address === "" ||
        isIpAddress(workload.spec.address);
      if (!isUsable)
        report.warning(
          workload,
          "spec.address",
          `is left out of the ServiceEntry \`${metadata.name}\`, whose resolution STATIC needs IP addresses`,
        );
      return isUsable;
    })
    .map((workload) => workload.spec);
}

function hasLabels(labels: Labels, required: Labels): boolean {
  return Object.entries(required).every(([key, value]) => labels[key] === value);
}
