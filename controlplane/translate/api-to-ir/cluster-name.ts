/** Istio's name of a cluster; `subset` empty: all endpoints. */
export function clusterName(host: string, port: number, subset: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** Undefined: not such a name. */
export function parseClusterName(
  name: string,
): { readonly host: string; readonly port: number; readonly subset: string } | undefined {
  const match = /^outbound\|(\d+)\|([^|]*)\|([^|]+)$/.exec(name);
  if (match === null) return undefined;
  const [, port, subset = "", host = ""] = match;
  return { host, port: Number(port), subset };
}
