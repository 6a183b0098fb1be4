import { canonicalHostName, hostNameCandidates } from "../../api/host-name.js";
import { isServiceVisible, type ServiceEntry, type ServicePort } from "../../api/service-entry.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";

/** One port of one host, of the ServiceEntry that it belongs to. */
export interface Service {
  readonly entry: ServiceEntry;
  /** As written in the ServiceEntry. */
  readonly host: string;
  readonly hostIndex: number;
  readonly port: ServicePort;
  readonly portIndex: number;
}

/** All services, such that a host and a port are those of one ServiceEntry. */
export class Services {
  private readonly byHost = new Map<string, Service[]>();
  private readonly ordered: Service[] = [];

  /** @param clusterDomain of the Services of Kubernetes that short names mean. */
  constructor(
    entries: readonly ServiceEntry[],
    report: Report,
    private readonly clusterDomain: string,
  ) {
    for (const entry of byPrecedence(entries))
      for (const service of servicesOf(entry)) this.add(service, report);
  }

  /** By precedence. */
  all(): readonly Service[] {
    return this.ordered;
  }

  /** The ports of the host that a resource of `namespace` means by `name`; empty: there is none that it may refer to. */
  resolve(name: string, namespace: string): readonly Service[] {
    for (const candidate of this.candidates(name, namespace)) {
      const visible = this.byHost
        .get(candidate)
        ?.filter(({ entry }) => isServiceVisible(entry, namespace));
      if (visible !== undefined && visible.length > 0) return visible;
    }
    return [];
  }

  /** See `hostNameCandidates`. */
  candidates(name: string, namespace: string): readonly string[] {
    return hostNameCandidates(name, namespace, this.clusterDomain);
  }

  /** A port of a host, whoever may refer to it. */
  named(host: string, port: number): Service | undefined {
    const services = this.byHost.get(canonicalHostName(host));
    return services?.find((service) => service.port.number === port);
  }

  private add(service: Service, report: Report): void {
    const canonical = canonicalHostName(service.host);
    const services = this.byHost.get(canonical) ?? [];
    const owner = services.find((other) => other.port.number === service.port.number);
    if (owner === undefined) {
      services.push(service);
      this.ordered.push(service);
      this.byHost.set(canonical, services);
    } else if (isServed(owner) || isServed(service)) {
      const { name, namespace } = owner.entry.metadata;
      report.fault(
        service.entry,
        `spec.ports[${service.portIndex}].number`,
        `port ${service.port.number} of \`${service.host}\` already belongs to the ServiceEntry \`${namespace}/${name}\``,
      );
    }
  }
}

const known = new WeakMap<ServiceEntry, readonly Service[]>();

/** The same objects each time. */
function servicesOf(entry: ServiceEntry): readonly Service[] {
  const before = known.get(entry);
  if (before !== undefined) return before;
  const { hosts, ports } = entry.spec;
  const services = hosts.flatMap((host, hostIndex) =>
    ports.map((port, portIndex) => ({ entry, host, hostIndex, port, portIndex })),
  );
  known.set(entry, services);
  return services;
}

export function isManaged(service: Service): boolean {
  return service.port.applicationProtocol !== undefined;
}

export function isRedis(service: Service): boolean {
  return service.port.stockProtocol === "redis";
}

function isServed(service: Service): boolean {
  return isManaged(service) || service.port.stockProtocol !== undefined;
}

/** By code units, so that the order does not depend on a locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
