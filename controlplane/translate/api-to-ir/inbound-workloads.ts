// Which workloads serve a service, and on which of their ports.
import type { WorkloadEntry } from "../../api/workload-entry.js";
import type { Labels } from "../../ir/placement.js";
import { endpointsOf } from "./endpoints.js";
import { type IstioFacts, NO_FACTS } from "./istio-facts.js";
import type { Report } from "./report.js";
import type { Service } from "./services.js";

/** Aeraki's: `value` (of the label `app`) or `key: value`. */
const SELECTOR_ANNOTATION = "workloadSelector";

export function entryKey({ entry }: Service): string {
  return `${entry.metadata.namespace}/${entry.metadata.name}`;
}

/** Labels of the workloads; undefined: nobody says which they are. */
export function workloadSelectorOf(service: Service, facts: IstioFacts): Labels | undefined {
  const { spec, metadata } = service.entry;
  const { selector } = facts.services.get(entryKey(service)) ?? NO_FACTS;
  const labels =
    selector ?? spec.workloadSelector ?? annotated(metadata.annotations[SELECTOR_ANNOTATION]);
  return labels === undefined || Object.keys(labels).length === 0 ? undefined : labels;
}

function annotated(text: string | undefined): Labels | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const colon = text.indexOf(":");
  if (colon < 0) return { app: text.trim() };
  return { [text.slice(0, colon).trim()]: text.slice(colon + 1).trim() };
}

function namedPortsOf(service: Service, { services }: IstioFacts): readonly number[] | undefined {
  return services.get(entryKey(service))?.targetPorts?.[service.port.number];
}

/** Whether the port of the workloads has a name, and nobody knows yet which it is. */
export function awaitsEndpoints(service: Service, facts: IstioFacts): boolean {
  const hasWorkloads = workloadSelectorOf(service, facts) !== undefined;
  return hasWorkloads && namedPortsOf(service, facts)?.length === 0;
}

interface WorkloadContext {
  readonly workloads: readonly WorkloadEntry[];
  readonly facts: IstioFacts;
  readonly report: Report;
}

/** Ports that the workloads listen on, ascending. */
export function workloadPortsOf(
  service: Service,
  { workloads, facts, report }: WorkloadContext,
): readonly number[] {
  const { port, portIndex } = service;
  const named = namedPortsOf(service, facts);
  if (awaitsEndpoints(service, facts))
    report.warning(
      service.entry,
      `spec.ports[${portIndex}]`,
      `policies of \`${service.host}\` are not enforced until it has endpoints, which say what its named target port is`,
    );
  if (named !== undefined) return named;
  const endpoints = endpointsOf(service, {}, workloads, report) ?? [];
  const ports = new Set(endpoints.map((endpoint) => endpoint.port));
  if (ports.size === 0) ports.add(port.targetPort ?? port.number);
  return Array.from(ports).sort((a, b) => a - b);
}
