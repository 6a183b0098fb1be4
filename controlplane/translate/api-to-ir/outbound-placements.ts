// Which of Istio's outbound listeners are those of a service.
//
// Istio names a listener after an address and a port. A service without an address of its own shares one with
// everything else on its port, whose filter chains no patch can tell apart: it is managed only where it is alone.
import { isCidr, isIpAddress } from "../../api/host-name.js";
import type { WorkloadEntry } from "../../api/workload-entry.js";
import type { OutboundPlacement } from "../../ir/placement.js";
import { endpointsOf } from "./endpoints.js";
import { entryKey } from "./inbound-workloads.js";
import { type IstioFacts, NO_FACTS } from "./istio-facts.js";
import { Report } from "./report.js";
import { compareText, type Service } from "./services.js";

export interface PlacementContext {
  readonly facts: IstioFacts;
  readonly workloads: readonly WorkloadEntry[];
  readonly report: Report;
}

export class OutboundPlacements {
  private readonly owners = new Map<string, Service>();
  private readonly withoutAddress = new Map<number, Service[]>();

  /** @param services all, by precedence, whether managed or not. */
  constructor(
    services: readonly Service[],
    private readonly context: PlacementContext,
  ) {
    for (const service of services) {
      const { number } = service.port;
      if (this.isOnWildcard(service)) {
        const others = this.withoutAddress.get(number);
        if (others === undefined) this.withoutAddress.set(number, [service]);
        else others.push(service);
      }
      for (const address of this.addressesOf(service)) {
        const key = placeKey(address, number);
        if (!this.owners.has(key)) this.owners.set(key, service);
      }
    }
  }

  /** Undefined, with a warning: no listener is the service's alone. */
  of(service: Service): OutboundPlacement | undefined {
    const { entry, port } = service;
    const { namespace } = entry.metadata;
    const wanted = this.addressesOf(service);
    const addresses = wanted.filter(
      (address) => this.owners.get(placeKey(address, port.number)) === service,
    );
    for (const address of wanted.filter((item) => !addresses.includes(item)))
      this.reportTaken(service, address);
    const others = this.withoutAddress.get(port.number) ?? [];
    const isOnWildcard = this.isOnWildcard(service);
    const hasWildcard = isOnWildcard && others.length === 1;
    if (addresses.length === 0 && !hasWildcard) {
      this.reportUnmanaged(service, isOnWildcard ? others : []);
      return undefined;
    }
    const exportedTo = exportedNamespaces(service);
    return { kind: "outbound", namespace, exportedTo, addresses, hasWildcard };
  }

  /** @param others without an address on the same port, the service among them. */
  private reportUnmanaged(service: Service, others: readonly Service[]): void {
    const { entry, host, port } = service;
    const other = others.find((item) => item !== service);
    if (other !== undefined)
      this.context.report.warning(
        entry,
        "spec.addresses",
        `clients of \`${host}\` are not managed: it has no address of its own, and \`${other.host}\` of ` +
          `\`${entryKey(other)}\` has none on port ${port.number} either, so that Istio's listener may be of either`,
      );
    else if (this.addressesOf(service).length === 0)
      this.context.report.warning(
        entry,
        "spec.addresses",
        `clients of \`${host}\` are not managed: it has no address, and those of its workloads are not known`,
      );
  }

  private reportTaken(service: Service, address: string): void {
    const { entry, host, port } = service;
    const owner = this.owners.get(placeKey(address, port.number));
    this.context.report.warning(
      entry,
      "spec.addresses",
      `clients of \`${host}\` are not managed at ${address}: port ${port.number} of it is ` +
        `of \`${owner?.host ?? ""}\``,
    );
  }

  /** Sorted. Istio has a listener for each instance of a service that its clients address by themselves. */
  private addressesOf(service: Service): readonly string[] {
    const { entry, host } = service;
    const { addresses, resolution } = entry.spec;
    if (addresses.length > 0) return addresses.filter(isIpAddress).sort(compareText);
    if (resolution === "NONE") return this.instancesOf(service);
    const allocated = this.context.facts.services.get(entryKey(service))?.addresses;
    const own = (allocated ?? []).filter((item) => item.host === host || item.host === "");
    return own
      .map(({ value }) => value)
      .filter(isIpAddress)
      .sort(compareText);
  }

  private instancesOf(service: Service): readonly string[] {
    const { workloads, facts } = this.context;
    const { entry } = service;
    const known = facts.services.get(entryKey(service))?.instances;
    if (known !== undefined) return known;
    const spec = { ...entry.spec, resolution: "STATIC" as const };
    const instances =
      endpointsOf({ ...service, entry: { ...entry, spec } }, {}, workloads, new Report()) ?? [];
    return Array.from(new Set(instances.map(({ address }) => address)))
      .filter(isIpAddress)
      .sort(compareText);
  }

  /** Whether there are proxies on which Istio has the service in the listener of all addresses. */
  private isOnWildcard(service: Service): boolean {
    const { addresses, resolution, workloadSelector } = service.entry.spec;
    if (addresses.length > 0) return addresses.some(isCidr);
    if (resolution !== "NONE") return true;
    const { selector, instances } = this.context.facts.services.get(entryKey(service)) ?? NO_FACTS;
    // A Service without instances has no listener at all.
    if (instances !== undefined) return false;
    return (selector ?? workloadSelector) === undefined && this.instancesOf(service).length === 0;
  }
}

function placeKey(address: string, port: number): string {
  return `${address} ${port}`;
}

/** Whose proxies may know the service, sorted; undefined: all. */
export function exportedNamespaces({ entry }: Service): readonly string[] | undefined {
  const { exportTo } = entry.spec;
  const own = entry.metadata.namespace;
  if (exportTo.length === 0 || exportTo.includes("*")) return undefined;
  return Array.from(new Set(exportTo.map((item) => (item === "." ? own : item)))).sort(compareText);
}
