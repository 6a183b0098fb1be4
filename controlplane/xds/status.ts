// Who is connected and what each has accepted, as data for people and programs.
import type { AdsStream } from "./ads-stream.js";
import { RESOURCE_TYPES } from "./resource-type.js";
import type { Snapshot } from "./snapshot.js";
import type { Subscription } from "./subscription.js";

export interface ProxyStatus {
  readonly node: string;
  readonly cluster: string;
  /** Streams of the proxy itself and of the modules in it. */
  readonly streams: readonly StreamStatus[];
}

export interface StreamStatus {
  readonly role: "proxy" | "module";
  /** See `StreamNode`. */
  readonly plugin?: string;
  readonly agent: string;
  readonly peer: string;
  /** RFC 3339. */
  readonly connectedAt: string;
  readonly types: readonly TypeStatus[];
}

export interface TypeStatus {
  /** CDS, EDS, LDS, ECDS or routes. */
  readonly type: string;
  /**
   * `refused`: it refused the newest version of something and keeps what it had; `pending`: it was or is to be sent
   * something that it has not answered; `synced`: it has accepted everything.
   */
  readonly state: "synced" | "pending" | "refused";
  /** Of the last response that was accepted. */
  readonly acceptedVersion: string | undefined;
  readonly acceptedAt: string | undefined;
  readonly resources: readonly ResourceStatus[];
  /** Names that it asks for and that do not exist. */
  readonly missing: readonly string[];
  readonly lastRefusal: RefusalStatus | undefined;
}

export interface ResourceStatus {
  readonly name: string;
  readonly sentVersion: string | undefined;
  readonly acceptedVersion: string | undefined;
}

export interface RefusalStatus {
  readonly message: string;
  readonly at: string;
  readonly resources: readonly { readonly name: string; readonly version: string }[];
}

const timestamp = (ms: number): string => new Date(ms).toISOString();

function resourceStatuses(subscription: Subscription): ResourceStatus[] {
  const { sent, accepted } = subscription;
  return [...new Set([...sent.keys(), ...accepted.keys()])].sort().map((name) => ({
    name,
    sentVersion: sent.get(name),
    acceptedVersion: accepted.get(name),
  }));
}

function typeStatus(
  stream: AdsStream,
  subscription: Subscription,
  snapshot: Snapshot | undefined,
): TypeStatus {
  const { type, lastRefusal, acceptedAt } = subscription;
  const resources = resourceStatuses(subscription);
  const known = snapshot?.types.get(type.typeUrl)?.resources;
  return {
    type: type.name,
    state:
      subscription.refused.size > 0 ? "refused" : stream.isUpToDate(type) ? "synced" : "pending",
    acceptedVersion: subscription.acceptedVersionInfo,
    acceptedAt: acceptedAt === undefined ? undefined : timestamp(acceptedAt),
    resources,
    missing: [...subscription.wantedNames].filter((name) => known?.has(name) !== true).sort(),
    lastRefusal: lastRefusal && {
      message: lastRefusal.message,
      at: timestamp(lastRefusal.at),
      resources: [...lastRefusal.resources].map(([name, version]) => ({ name, version })),
    },
  };
}

/** By node id, sorted; a stream that has not said who it is is left out. */
export function proxyStatuses(
  streams: Iterable<AdsStream>,
  snapshot: Snapshot | undefined,
): ProxyStatus[] {
  const proxies = new Map<string, { cluster: string; streams: StreamStatus[] }>();
  for (const stream of streams) {
    const { node } = stream;
    if (node === undefined) continue;
    let proxy = proxies.get(node.id);
    if (proxy === undefined) {
      proxy = { cluster: node.cluster, streams: [] };
      proxies.set(node.id, proxy);
    }
    proxy.streams.push({
      role: node.role,
      ...(node.plugin !== undefined && { plugin: node.plugin }),
      agent: node.agent,
      peer: stream.peer,
      connectedAt: timestamp(stream.connectedAt),
      types: RESOURCE_TYPES.flatMap((type) => {
        const subscription = stream.subscriptions.get(type.typeUrl);
        return subscription === undefined ? [] : [typeStatus(stream, subscription, snapshot)];
      }),
    });
  }
  return [...proxies]
    .map(([node, { cluster, streams: all }]) => ({ node, cluster, streams: all }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}
