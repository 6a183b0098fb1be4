import type { Report } from "./report.js";
import type { Service } from "./services.js";

export function isWildcard(service: Service): boolean {
  return service.host.startsWith("*");
}

function expectedPortName({ port }: Service): string {
  return port.stockProtocol === undefined
    ? "tcp-metaprotocol-<protocol>"
    : `tcp-${port.stockProtocol}`;
}

/** What keeps it from being served is reported. */
export function canBeServed(service: Service, isUnderIstio: boolean, report: Report): boolean {
  const { entry, host, hostIndex } = service;
  const { exportTo, resolution } = entry.spec;
  if (isWildcard(service)) {
    report.refuse(
      entry,
      `spec.hosts[${hostIndex}]`,
      `\`${host}\` cannot be served: the host of a port \`${expectedPortName(service)}\` must not have a wildcard`,
    );
    return false;
  }
  if (resolution === "DYNAMIC_DNS" || (resolution === "NONE" && !isUnderIstio)) {
    report.refuse(
      entry,
      "spec.resolution",
      `${resolution} cannot be served: a proxy without Istio must know the endpoints; use STATIC or DNS`,
    );
    return false;
  }
  if (exportTo.includes("~")) {
    report.warning(entry, "spec.exportTo", "`~`: not served, since it is exported to nobody");
    return false;
  }
  return true;
}
