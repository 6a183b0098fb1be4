import { isIP } from "node:net";
import { nonEmptyList } from "./schema/composites.js";
import { checked, type Schema } from "./schema/schema.js";
import { text } from "./schema/scalars.js";

const MAX_NAME_LENGTH = 255;
const LABEL = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;

/** One label of a DNS name, as RFC 1123 has it, in either case. */
export function isDnsLabel(text: string): boolean {
  return LABEL.test(text);
}

/**
 * Judges the name of a host as Istio and Aeraki do: labels of RFC 1123, one is enough, a final dot is allowed.
 * @returns what is wrong with it, or undefined.
 */
export function hostNameFault(name: string): string | undefined {
  if (name === "") return "must not be empty";
  if (name.length > MAX_NAME_LENGTH) return `must not be longer than ${MAX_NAME_LENGTH} characters`;
  const labels = (name.endsWith(".") ? name.slice(0, -1) : name).split(".");
  const bad = labels.find((label) => !isDnsLabel(label));
  if (bad !== undefined)
    return `\`${name}\` is not a host name: its part \`${bad}\` must consist of letters, digits and \`-\`, and begin and end with a letter or digit`;
  if (/^\d+$/.test(labels.at(-1) ?? ""))
    return `\`${name}\` is not a host name: its last part must not be a number`;
  return undefined;
}

/** The name of a Kubernetes object: as the name of a host, but the last part may be a number. */
export function objectNameFault(name: string): string | undefined {
  if (hostNameFault(`${name}.x`) === undefined && !name.endsWith(".")) return undefined;
  return `\`${name}\` is not a valid name: only letters, digits, \`-\` and \`.\` may occur, and it must begin and end with a letter or digit`;
}

/** As `hostNameFault`, but the first label may be `*`. */
export function wildcardHostNameFault(name: string): string | undefined {
  if (name === "*") return "`*` is not allowed: name the host";
  return name.startsWith("*.")
    ? hostNameFault(name.slice(2))?.replace(`\`${name.slice(2)}\``, `\`${name}\``)
    : hostNameFault(name);
}

export function isIpAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/** `address/prefix length`. */
export function isCidr(text: string): boolean {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (match === null) return false;
  const version = isIP(match[1] ?? "");
  return version !== 0 && Number(match[2]) <= (version === 4 ? 32 : 128);
}

/** Of Kubernetes, where nobody has set another one. */
export const DEFAULT_CLUSTER_DOMAIN = "cluster.local";

/** Two names with an equal result name the same host. */
export function canonicalHostName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/**
 * What a host may mean when it is written in a resource of `namespace`, best guess first, in canonical form:
 * as Istio does, a name without dots is one of the same namespace.
 * @param clusterDomain in canonical form.
 */
export function hostNameCandidates(
  name: string,
  namespace: string,
  clusterDomain: string,
): readonly string[] {
  const host = canonicalHostName(name);
  if (!host.includes(".")) return [host, `${host}.${namespace}.svc.${clusterDomain}`];
  return host.endsWith(".svc") ? [host, `${host}.${clusterDomain}`] : [host];
}

/** At least one, each once, and none of which `nameFault` finds something wrong. */
export function hostNames(
  nameFault: (name: string) => string | undefined,
): Schema<readonly string[]> {
  const name = checked(text, (value, site) => {
    const fault = nameFault(value);
    if (fault !== undefined) site.fault(fault);
  });
  return nonEmptyList(name, "at least one host is required", {
    check: (names, site) => {
      const seen = new Set<string>();
      names.forEach((item, index) => {
        const canonical = canonicalHostName(item);
        if (seen.has(canonical) && nameFault(item) === undefined)
          site.item(index).fault(`\`${item}\` is there twice`);
        seen.add(canonical);
      });
    },
  });
}
