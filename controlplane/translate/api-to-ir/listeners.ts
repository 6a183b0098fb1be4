import { isIpAddress } from "../../api/host-name.js";
import type { Filter } from "../../ir/filter.js";
import type { DownstreamTls, Listener } from "../../ir/mesh.js";
import type { Report } from "./report.js";
import { withoutDisabled } from "./router-filters.js";
import type { Routing } from "./routes.js";
import { compareText, type Service } from "./services.js";

/** Addresses that Aeraki and Istio allocate by themselves: 240.240.0.0/16. */
const AUTO_ALLOCATED = /^240\.240\./;

/** Name of a listener and of its routes. */
export function listenerName(service: Service): string {
  return `${service.host}_${service.port.number}`;
}

export function listenerOf(service: Service, routing: Routing, report: Report): Listener {
  const { routes, filters } = routing;
  const clusterNames = routes.flatMap(({ destinations, mirrors }) =>
    [...destinations, ...mirrors].map(({ cluster }) => cluster),
  );
  return {
    name: listenerName(service),
    host: service.host,
    port: service.port.number,
    address: addressOf(service, report),
    protocol: service.port.applicationProtocol ?? "",
    routes,
    filters: [...withoutDisabled(filters)].sort((a, b) => compareText(filterKey(a), filterKey(b))),
    clusterNames: Array.from(new Set(clusterNames)).sort(compareText),
    downstreamTls: tlsOf(service),
  };
}

function filterKey(filter: Filter): string {
  return "name" in filter ? `${filter.kind} ${filter.name}` : filter.kind;
}

/**
 * The address of the host, if the ServiceEntry has one that can be bound. An entry of several hosts with as many
 * addresses has one for each, in order; else all hosts have the first.
 */
export function addressOf(service: Service, report: Report): string | undefined {
  const { addresses, hosts } = service.entry.spec;
  const usable: { address: string; index: number }[] = [];
  for (const [index, address] of addresses.entries())
    if (isIpAddress(address)) usable.push({ address, index });
    else
      report.warning(
        service.entry,
        `spec.addresses[${index}]`,
        "is ignored: a listener cannot be bound to a CIDR range",
      );
  const isPaired = hosts.length > 1 && usable.length === hosts.length;
  if (!isPaired)
    for (const { address, index } of usable.slice(1))
      report.warning(
        service.entry,
        `spec.addresses[${index}]`,
        `\`${address}\` is ignored: a listener is bound to one address, \`${usable[0]?.address ?? ""}\``,
      );
  const address = usable[isPaired ? service.hostIndex : 0]?.address;
  return address === undefined || AUTO_ALLOCATED.test(address) ? undefined : address;
}

export function tlsOf(service: Service): DownstreamTls | undefined {
  const tls = service.entry.spec.listenerTls;
  return (
    tls && {
      certificateChainFile: tls.certificateFile,
      privateKeyFile: tls.privateKeyFile,
      trustedCaFile: tls.caFile,
    }
  );
}

type Place = Pick<Listener, "name" | "port" | "address">;

export interface BoundListener<L extends Place = Listener> {
  readonly service: Service;
  readonly listener: L;
}

/**
 * No two listeners can be bound to the same address and port. One that is bound already keeps its place, since its
 * connections would be lost; else the order decides.
 *
 * @returns the names of those that can be bound.
 */
export function withoutAddressConflicts(
  candidates: readonly BoundListener<Place>[],
  former: readonly Place[],
  report: Report,
): ReadonlySet<string> {
  const owners = new Map<string, string>();
  const names = new Set(candidates.map(({ listener }) => listener.name));
  for (const listener of former)
    if (names.has(listener.name)) owners.set(placeOf(listener), listener.name);
  const isBoundAlready = ({ listener }: BoundListener<Place>): boolean =>
    owners.get(placeOf(listener)) === listener.name;
  const ordered = [
    ...candidates.filter(isBoundAlready),
    ...candidates.filter((candidate) => !isBoundAlready(candidate)),
  ];
  owners.clear();
  const free = new Set<string>();
  for (const { listener, service } of ordered) {
    const owner = owners.get(placeOf(listener));
    if (owner === undefined) {
      owners.set(placeOf(listener), listener.name);
      free.add(listener.name);
      continue;
    }
    report.refuse(
      service.entry,
      service.hostIndex > 0 ? `spec.hosts[${service.hostIndex}]` : "spec.addresses",
      `\`${listener.name}\` cannot be served: port ${listener.port} of ${listener.address ?? "the default address"} is taken by \`${owner}\`; give each host an address of its own`,
    );
  }
  return free;
}

/** Those whose names are among `free`, by name. */
export function boundOf<L extends { readonly name: string }>(
  candidates: readonly { readonly listener: L }[],
  free: ReadonlySet<string>,
): readonly L[] {
  return candidates
    .map(({ listener }) => listener)
    .filter(({ name }) => free.has(name))
    .sort((a, b) => compareText(a.name, b.name));
}

function placeOf(listener: Place): string {
  return `${listener.address ?? ""} ${listener.port}`;
}
