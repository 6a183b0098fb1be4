// What `metaproto status` prints: a table, and below it what is wrong, whatever the number of workers and modules.
import type { ModuleView, ProxyView, StreamView, TypeStatus } from "../server/proxy-status.js";
import { table } from "./table.js";

const PROXY_TYPES = ["CDS", "EDS", "LDS", "ECDS"];
const ROUTES = "routes";

/** One line for each proxy. */
export function statusText(proxies: readonly ProxyView[]): string {
  const rows = proxies.flatMap(({ node, streams, modules: versions, elsewhere }) => {
    const modules = streams.filter(({ role }) => role === "module");
    const own = streams.filter(({ role }) => role === "proxy");
    // A proxy that lost its stream, while modules of its still have theirs.
    if (own.length === 0)
      return [
        [
          node,
          "-",
          elsewhere === undefined ? "not connected" : `at ${elsewhere.replica}`,
          ...PROXY_TYPES.map(() => "-"),
          elsewhere?.routes ?? routesCell(modules),
          modulesCell(versions),
        ],
      ];
    return own.map((stream, index) => [
      node,
      stream.agent,
      timeOf(stream),
      ...PROXY_TYPES.map((type) => typeCell(stream, type)),
      index === 0 ? routesCell(modules) : "-",
      index === 0 ? modulesCell(versions) : "-",
    ]);
  });
  return withRemarks(
    ["PROXY", "AGENT", "CONNECTED", ...PROXY_TYPES, "ROUTES", "MODULES"],
    rows,
    proxies,
  );
}

/** One line for each stream. */
export function streamsText(proxies: readonly ProxyView[]): string {
  const rows = proxies.flatMap(({ node, streams, elsewhere }) => [
    ...(elsewhere === undefined ? [] : [elsewhereRow(node, elsewhere)]),
    ...streams.map((stream) => [
      node,
      stream.role,
      stream.protocols.join(", ") || "-",
      stream.agent,
      timeOf(stream),
      ...[...PROXY_TYPES, ROUTES].map((type) => typeCell(stream, type)),
    ]),
  ]);
  const header = ["PROXY", "STREAM", "PROTOCOL", "AGENT", "CONNECTED", ...PROXY_TYPES, "ROUTES"];
  return withRemarks(header, rows, proxies);
}

function elsewhereRow(
  node: string,
  { replica, routes }: NonNullable<ProxyView["elsewhere"]>,
): readonly string[] {
  return [node, "-", "-", "-", `at ${replica}`, ...PROXY_TYPES.map(() => "-"), routes ?? "-"];
}

function timeOf({ connectedAt }: StreamView): string {
  return connectedAt.replace(/\.\d+Z$/, "Z");
}

function typeCell(stream: StreamView, typeName: string): string {
  const type = stream.types.find(({ type: name }) => name === typeName);
  if (type === undefined) return "-";
  return type.missing.length === 0 ? type.state : `${type.state}, ${type.missing.length} missing`;
}

/** Of each protocol, how many of its streams have all their routes, out of how many: one for each worker with clients. */
function routesCell(modules: readonly StreamView[]): string {
  const counts = new Map<string, { synced: number; all: number }>();
  for (const stream of modules) {
    // One without clients yet, which only tells that it runs.
    if (stream.plugin !== undefined && stream.protocols.length === 0) continue;
    const protocol = stream.protocols.join("+") || "?";
    const count = counts.get(protocol) ?? { synced: 0, all: 0 };
    counts.set(protocol, count);
    count.all++;
    if (typeCell(stream, ROUTES) === "synced") count.synced++;
  }
  const cells = [...counts].map(([protocol, { synced, all }]) => `${protocol} ${synced}/${all}`);
  return cells.sort().join(", ") || "-";
}

/** Digits of a SHA-256 that tell versions apart. */
const DIGEST_LENGTH = 12;

function modulesCell(modules: readonly ModuleView[]): string {
  const cells = modules.map(
    ({ protocol, sha256 = "?" }) => `${protocol} ${sha256.slice(0, DIGEST_LENGTH)}`,
  );
  return cells.join(", ") || "-";
}

function withRemarks(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  proxies: readonly ProxyView[],
): string {
  return [table(header, rows), ...proxies.flatMap(remarks)].join("\n");
}

/** What is wrong with a proxy, each thing once: the modules of all workers say the same. */
function remarks({ node, streams }: ProxyView): string[] {
  const latest = new Map<string, { count: number; at: string }>();
  for (const { text, at } of streams.flatMap(({ types }) => types.flatMap(typeRemarks))) {
    const before = latest.get(text);
    const isLater = before === undefined || at > before.at;
    latest.set(text, { count: (before?.count ?? 0) + 1, at: isLater ? at : before.at });
  }
  return [...latest].map(([text, { count, at }]) => {
    const details = [
      ...(count === 1 ? [] : [`${count} streams`]),
      ...(at === "" ? [] : [`last at ${at}`]),
    ].join(", ");
    return `${node}: ${text}${details === "" ? "" : ` (${details})`}`;
  });
}

interface Remark {
  readonly text: string;
  /** RFC 3339; empty: it has no time. */
  readonly at: string;
}

function typeRemarks({ type, state, lastRefusal, missing }: TypeStatus): Remark[] {
  const lines = missing.map((name) => ({ text: `${type} ${name} does not exist`, at: "" }));
  if (state !== "refused" || lastRefusal === undefined) return lines;
  const names = lastRefusal.resources.map(({ name }) => name).join(", ");
  const text = `refused ${type} ${names}: ${lastRefusal.message}`;
  return [...lines, { text, at: lastRefusal.at }];
}
