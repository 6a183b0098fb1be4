import { Command } from "commander";
import type { AttributeMatch } from "../ir/attribute-match.js";
import type { Filter } from "../ir/filter.js";
import type { Listener, Mesh, RedisListener, StockListener } from "../ir/mesh.js";
import type { Mutation, Route } from "../ir/route.js";
import type { ProxyView } from "../server/proxy-status.js";
import type { SocketAddress } from "../server/socket-address.js";
import { adminJson } from "./admin-client.js";
import { adminAddressOption, modulesOption, rootNamespaceOption } from "./options.js";
import { redisListenerText } from "./redis-routes.js";
import { table } from "./table.js";

interface RoutesOptions {
  readonly adminAddress: SocketAddress;
  readonly config?: string;
  readonly modules: string;
  readonly rootNamespace: string;
}

/** Versions by resource name, as /debug/snapshot?type=routes tells them. */
type Versions = ReadonlyMap<string, string>;

export function routesCommand(): Command {
  return new Command("routes")
    .description("show the routes of a service and which proxies have them")
    .argument("<host>", "host of the service, or <host>:<port>")
    .addOption(adminAddressOption())
    .option("--config <dir>", "show what this directory would yield instead of asking")
    .addOption(modulesOption())
    .addOption(rootNamespaceOption())
    .action(async (host: string, options: RoutesOptions) => {
      process.stdout.write(`${await routesText(host, options)}\n`);
    });
}

async function routesText(host: string, options: RoutesOptions): Promise<string> {
  const { adminAddress, config, modules, rootNamespace } = options;
  if (config !== undefined) {
    const { readDirectoryMesh } = await import("../server/directory-mesh.js");
    const { mesh, faults } = await readDirectoryMesh({ config, modules, rootNamespace });
    for (const line of faults) process.stderr.write(`error: ${line}\n`);
    const { managed, redis } = select(mesh, host);
    return [...managed.map(listenerText), ...redis.map(redisListenerText)].join("\n\n");
  }
  const mesh = (await adminJson(adminAddress, "/debug/mesh")) as Mesh;
  const { managed, redis } = select(mesh, host);
  const snapshot = (await adminJson(adminAddress, "/debug/snapshot?type=routes")) as {
    types: { routes: { resources: { name: string; version: string }[] } };
  };
  const versions = new Map(
    snapshot.types.routes.resources.map(({ name, version }) => [name, version]),
  );
  const answer = await adminJson(adminAddress, "/debug/proxies");
  const { proxies } = answer as { readonly proxies: readonly ProxyView[] };
  return [
    ...managed.map(
      (listener) => `${listenerText(listener)}\n${holders(listener, versions, proxies)}`,
    ),
    ...redis.map(redisListenerText),
  ].join("\n\n");
}

interface Selected {
  readonly managed: readonly Listener[];
  readonly redis: readonly RedisListener[];
}

/** @throws Error that lists the hosts there are. */
function select({ listeners, redisListeners = [] }: Mesh, host: string): Selected {
  const isWanted = (listener: StockListener): boolean =>
    [listener.host, listener.name, `${listener.host}:${listener.port}`].includes(host);
  const selected = {
    managed: listeners.filter(isWanted),
    redis: redisListeners.filter(isWanted),
  };
  if (selected.managed.length + selected.redis.length > 0) return selected;
  const hosts = [...listeners, ...redisListeners].map((listener) => listener.host);
  const known = [...new Set(hosts)].join(", ");
  throw new Error(`no managed service ${host}; there are: ${known === "" ? "none" : known}`);
}

function listenerText(listener: Listener): string {
  const rows = listener.routes.map((route, index) => [
    String(index + 1),
    route.name === "" ? "-" : route.name,
    route.match.length === 0 ? "any" : route.match.map(matchText).join(" and "),
    destinationsText(route),
    route.timeoutMs === undefined
      ? "default"
      : route.timeoutMs === 0
        ? "none"
        : `${route.timeoutMs} ms`,
    [
      ...route.requestMutation.map((mutation) => mutationText("request", mutation)),
      ...route.responseMutation.map((mutation) => mutationText("response", mutation)),
    ].join(", ") || "-",
    policiesText(route),
  ]);
  const header = ["#", "NAME", "MATCH", "DESTINATIONS", "TIMEOUT", "MUTATIONS", "POLICIES"];
  const hasPolicies = rows.some((row) => row.at(-1) !== "-");
  const shown = hasPolicies ? [header, ...rows] : [header, ...rows].map((row) => row.slice(0, -1));
  const filters = listener.filters.map(filterText).join(", ");
  const title = `${listener.name} (${listener.protocol})`;
  return `${title}${filters === "" ? "" : `, all requests: ${filters}`}\n${table(shown[0] ?? [], shown.slice(1))}`;
}

const HASH_SOURCES = { sourceIp: "source address", sourceConnection: "source connection" } as const;

function policiesText(route: Route): string {
  const { retryPolicy, mirrors, hashPolicy, stickySession, filters } = route;
  const parts = [
    ...(retryPolicy === undefined ? [] : [`${retryPolicy.attempts} retries`]),
    ...mirrors.map(({ cluster, perMillion }) => `mirror ${perMillion / 10_000}% ${cluster}`),
    ...(hashPolicy === undefined
      ? []
      : [
          `hash ${hashPolicy.kind === "attribute" ? hashPolicy.name : HASH_SOURCES[hashPolicy.kind]}`,
        ]),
    ...(stickySession === undefined ? [] : [`sticky by ${stickySession.attribute}`]),
    ...filters.map(filterText),
  ];
  return parts.join(", ") || "-";
}

function filterText(filter: Filter): string {
  if (filter.kind === "own") return filter.name;
  return filter.kind === "disabled" ? `without ${filter.name}` : filter.kind;
}

function matchText({ name, specifier, invert }: AttributeMatch): string {
  const not = invert ? "not " : "";
  switch (specifier.kind) {
    case "exact":
      return `${not}${name} = ${JSON.stringify(specifier.value)}`;
    case "prefix":
      return `${not}${name} starts with ${JSON.stringify(specifier.value)}`;
    case "regex":
      return `${not}${name} matches ${JSON.stringify(specifier.pattern)}`;
    case "present":
      return `${not}${name} is present`;
  }
}

function destinationsText({ destinations }: Route): string {
  if (destinations.length === 1) return destinations[0]?.cluster ?? "";
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
  return destinations
    .map(({ cluster, weight }) => `${Math.round((weight * 1000) / total) / 10}% ${cluster}`)
    .join(", ");
}

function mutationText(side: string, { operation, key, value }: Mutation): string {
  return operation === "remove"
    ? `${side}: remove ${key}`
    : `${side}: ${operation === "set" ? "set" : "add"} ${key}=${value}`;
}

/** Of each proxy, how many of its modules' streams have the newest routes of `listener`. */
function holders({ name }: Listener, versions: Versions, proxies: readonly ProxyView[]): string {
  const newest = versions.get(name);
  const lines = proxies.flatMap(({ node, streams }) => {
    const held = streams.flatMap(({ types }) =>
      types.flatMap(({ type, resources }) =>
        type === "routes" ? resources.filter((resource) => resource.name === name) : [],
      ),
    );
    if (held.length === 0) return [];
    const current = held.filter(({ acceptedVersion }) => acceptedVersion === newest).length;
    return [`  ${node}: ${current} of ${held.length} module streams have it`];
  });
  const title = `version ${newest ?? "none"}`;
  return [title, ...(lines.length === 0 ? ["  no proxy has asked for it"] : lines)].join("\n");
}
