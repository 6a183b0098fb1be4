// What /debug/proxies answers.
import type { Mesh } from "../ir/mesh.js";
import { pluginName } from "../translate/ir-to-xds/names.js";
import type { ProxyStatus, StreamStatus, TypeStatus } from "../xds/status.js";
import type { ProxyElsewhere } from "./all-proxies.js";
import type { ServedModule } from "./proxy-configuration.js";
import { withoutSecretText } from "./secrets.js";

export type { TypeStatus } from "../xds/status.js";

export interface StreamView extends StreamStatus {
  /** Those whose routes the stream has asked for: a module's stream has one. Sorted. */
  readonly protocols: readonly string[];
}

export interface ProxyView extends ProxyStatus {
  readonly streams: readonly StreamView[];
  /** What new connections of a protocol get there, sorted. */
  readonly modules: readonly ModuleView[];
  /** Present: it is connected to that replica, which tells how far it is with its routes, and no more. */
  readonly elsewhere?: { readonly replica: string; readonly routes: ProxyElsewhere["routes"] };
}

export interface ModuleView {
  readonly protocol: string;
  /** Of the code, hexadecimal; undefined: of a control plane before this one. */
  readonly sha256: string | undefined;
}

/** What is known of the versions of modules, to tell which of them proxies run. */
export interface KnownModules {
  /** By the version of an extension configuration. */
  readonly served: ReadonlyMap<string, ServedModule>;
  /** By the name that modules tell; the latest first. */
  readonly plugins: ReadonlyMap<string, ServedModule>;
}

export function proxiesView(
  proxies: readonly ProxyStatus[],
  mesh: Mesh | undefined,
  { served, plugins }: KnownModules,
): ProxyView[] {
  const protocols = new Map(mesh?.listeners.map(({ name, protocol }) => [name, protocol]));
  const ofStream = ({ types }: StreamStatus): string[] => {
    const asked = types
      .filter(({ type }) => type === "routes")
      .flatMap(({ resources, missing }) => [...resources.map(({ name }) => name), ...missing]);
    return [...new Set(asked.flatMap((name) => protocols.get(name) ?? []))].sort();
  };
  return proxies.map((proxy) => ({
    ...proxy,
    streams: proxy.streams.map((stream) => ({
      ...stream,
      types: stream.types.map(typeView),
      protocols: ofStream(stream),
    })),
    modules: [
      ...proxy.streams.flatMap((stream) => modulesOf(stream, mesh, served)),
      ...runningModules(
        proxy.streams.flatMap(({ plugin }) => plugin ?? []),
        plugins,
      ),
    ],
  }));
}

/** Proxies of other replicas. */
export function elsewhereView(
  proxies: readonly ProxyElsewhere[],
  plugins: ReadonlyMap<string, ServedModule>,
): ProxyView[] {
  return proxies.map(({ node, replica, routes, plugins: running }) => ({
    node,
    cluster: "",
    streams: [],
    modules: runningModules(running, plugins),
    elsewhere: { replica, routes },
  }));
}

/** Of proxies that have their modules from elsewhere: what runs there, and what connections begin with comes first. */
function runningModules(
  names: readonly string[],
  plugins: ReadonlyMap<string, ServedModule>,
): ModuleView[] {
  const running = new Set(names);
  const known = [...plugins].flatMap(([name, module]) => (running.has(name) ? [module] : []));
  // The plugins of inbound listeners are others, of the same code.
  return [...new Map(known.map((module) => [JSON.stringify(module), module])).values()].sort(
    (a, b) => (a.protocol < b.protocol ? -1 : Number(a.protocol > b.protocol)),
  );
}

function typeView(status: TypeStatus): TypeStatus {
  const { lastRefusal } = status;
  if (lastRefusal === undefined) return status;
  const message = withoutSecretText(lastRefusal.message);
  return { ...status, lastRefusal: { ...lastRefusal, message } };
}

function modulesOf(
  { types }: StreamStatus,
  mesh: Mesh | undefined,
  served: ReadonlyMap<string, ServedModule>,
): ModuleView[] {
  const accepted = new Map(
    types
      .filter(({ type }) => type === "ECDS")
      .flatMap(({ resources }) => resources)
      .map(({ name, acceptedVersion }) => [name, acceptedVersion]),
  );
  return (mesh?.protocols ?? []).flatMap(({ name: protocol }) => {
    const version = accepted.get(pluginName(protocol));
    return version === undefined ? [] : [{ protocol, sha256: served.get(version)?.sha256 }];
  });
}
