// What /debug/proxies answers.
import type { Mesh } from "../ir/mesh.js";
import type { ProxyStatus, StreamStatus } from "../xds/status.js";

export type { TypeStatus } from "../xds/status.js";

export interface StreamView extends StreamStatus {
  /** Those whose routes the stream has asked for: a module's stream has one. Sorted. */
  readonly protocols: readonly string[];
}

export interface ProxyView extends ProxyStatus {
  readonly streams: readonly StreamView[];
}

export function proxiesView(proxies: readonly ProxyStatus[], mesh: Mesh | undefined): ProxyView[] {
  const protocols = new Map(mesh?.listeners.map(({ name, protocol }) => [name, protocol]));
  const ofStream = ({ types }: StreamStatus): string[] => {
    const asked = types
      .filter(({ type }) => type === "routes")
      .flatMap(({ resources, missing }) => [...resources.map(({ name }) => name), ...missing]);
    return [...new Set(asked.flatMap((name) => protocols.get(name) ?? []))].sort();
  };
  return proxies.map((proxy) => ({
    ...proxy,
    streams: proxy.streams.map((stream) => ({ ...stream, protocols: ofStream(stream) })),
  }));
}
