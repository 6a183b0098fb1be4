// How far proxies are with resources: those that ask for one, and those that have accepted its newest version. A proxy
// may have streams to several control planes, so what these know is put together proxy by proxy.
import type { AdsStream } from "./ads-stream.js";
import type { ResourceType } from "./resource-type.js";
import type { Snapshot } from "./snapshot.js";
import type { Subscription } from "./subscription.js";

export interface Acknowledgement {
  /** Proxies that ask for it. One whose modules have several streams counts once. */
  readonly proxies: number;
  /** Those of which all streams have accepted the newest version. */
  readonly accepted: number;
  /** Those of which a stream refuses the newest version. */
  readonly refused: number;
  /** Node and message of some that refuse it. */
  readonly refusals: readonly RefusalNote[];
}

export interface RefusalNote {
  readonly node: string;
  readonly message: string;
}

/** The larger, the worse: a proxy is as far as the last of its streams. */
export const ProgressState = { NotAsked: 0, Accepted: 1, Pending: 2, Refused: 3 } as const;

/** What one control plane knows of the proxies that are connected to it. */
export interface Progress {
  /** Of resources that are asked for, sorted; of those that do not exist, not all. */
  readonly names: readonly string[];
  /** Of each name its newest version there; empty: it does not exist. */
  readonly versions: readonly string[];
  /** By node: of each name, a `ProgressState`. */
  readonly nodes: ReadonlyMap<string, Uint8Array>;
  /** By name, of some that refuse it. */
  readonly refusals: ReadonlyMap<string, readonly RefusalNote[]>;
}

const MAX_REFUSALS = 3;
/** Of names that do not exist; whoever asks for more makes them up. */
const MAX_MISSING = 1_000;

export function progressOf(
  streams: Iterable<AdsStream>,
  { typeUrl }: ResourceType,
  snapshot: Snapshot | undefined,
): Progress {
  const asking = [...streams].flatMap(({ node, subscriptions }) => {
    const subscription = subscriptions.get(typeUrl);
    return node === undefined || subscription === undefined ? [] : [{ node, subscription }];
  });
  const newest = snapshot?.types.get(typeUrl)?.resources;
  const names = namesOf(asking, (name) => newest?.has(name) === true);
  const versions = names.map((name) => newest?.get(name)?.version ?? "");
  const places = new Map(names.map((name, place) => [name, place]));
  const nodes = new Map<string, Uint8Array>();
  const refusals = new Map<string, RefusalNote[]>();
  for (const { node, subscription } of asking) {
    const { wantedNames, accepted, refused, lastRefusal } = subscription;
    if (wantedNames.size === 0) continue;
    const states = nodes.get(node.id) ?? new Uint8Array(names.length);
    nodes.set(node.id, states);
    for (const name of wantedNames) {
      const place = places.get(name);
      if (place === undefined) continue;
      const state = stateOf(versions[place] ?? "", accepted.get(name), refused.get(name));
      states[place] = Math.max(states[place] ?? 0, state);
      if (state === ProgressState.Refused && lastRefusal !== undefined)
        noteRefusal(refusals, name, { node: node.id, message: lastRefusal.message });
    }
  }
  return { names, versions, nodes, refusals };
}

function namesOf(
  asking: readonly { readonly subscription: Subscription }[],
  exists: (name: string) => boolean,
): readonly string[] {
  const asked = new Set<string>();
  for (const { subscription } of asking)
    for (const name of subscription.wantedNames) asked.add(name);
  const missing = [...asked].filter((name) => !exists(name));
  for (const name of missing.slice(MAX_MISSING)) asked.delete(name);
  return [...asked].sort();
}

function noteRefusal(
  refusals: Map<string, RefusalNote[]>,
  name: string,
  refusal: RefusalNote,
): void {
  const notes = refusals.get(name);
  if (notes === undefined) refusals.set(name, [refusal]);
  else if (notes.length < MAX_REFUSALS) notes.push(refusal);
}

function stateOf(
  newest: string,
  accepted: string | undefined,
  refused: string | undefined,
): number {
  if (newest === "") return ProgressState.Pending;
  if (refused === newest) return ProgressState.Refused;
  return accepted === newest ? ProgressState.Accepted : ProgressState.Pending;
}

/** What it comes to for one who has these versions: whatever proxies made of others, they have yet to get these. */
export function measuredBy(
  progress: Progress,
  newest: (name: string) => string | undefined,
): Progress {
  const { names, versions } = progress;
  const versionsHere = names.map((name) => newest(name) ?? "");
  const outdated = names.flatMap((_, place) =>
    versions[place] === versionsHere[place] ? [] : [place],
  );
  if (outdated.length === 0) return progress;
  const nodes = new Map(
    Array.from(progress.nodes, ([node, states]) => {
      const judged = Uint8Array.from(states);
      for (const place of outdated)
        if (judged[place] !== ProgressState.NotAsked) judged[place] = ProgressState.Pending;
      return [node, judged] as const;
    }),
  );
  const refusals = new Map(progress.refusals);
  for (const place of outdated) refusals.delete(names[place] ?? "");
  return { names, versions: versionsHere, nodes, refusals };
}

/** By name of the resource, of all proxies together: one that is in several parts counts once. */
export function acknowledgements(parts: readonly Progress[]): ReadonlyMap<string, Acknowledgement> {
  const names = Array.from(new Set(parts.flatMap((part) => part.names)));
  const places = new Map(names.map((name, place) => [name, place]));
  const counts = [0, 1, 2, 3].map(() => new Uint32Array(names.length));
  for (const states of statesByNode(parts, places).values())
    for (let place = 0; place < states.length; place++) {
      const count = counts[states[place] ?? 0];
      if (count !== undefined) count[place] = (count[place] ?? 0) + 1;
    }
  const count = (state: number, place: number): number => counts[state]?.[place] ?? 0;
  return new Map(
    names.map((name, place) => {
      const accepted = count(ProgressState.Accepted, place);
      const refused = count(ProgressState.Refused, place);
      const proxies = accepted + refused + count(ProgressState.Pending, place);
      const refusals = parts.flatMap((part) => part.refusals.get(name) ?? []);
      return [name, { proxies, accepted, refused, refusals: refusals.slice(0, MAX_REFUSALS) }];
    }),
  );
}

function statesByNode(
  parts: readonly Progress[],
  places: ReadonlyMap<string, number>,
): ReadonlyMap<string, Uint8Array> {
  const all = new Map<string, Uint8Array>();
  for (const { names, nodes } of parts) {
    const here = Uint32Array.from(names, (name) => places.get(name) ?? 0);
    for (const [node, states] of nodes) {
      const whole = all.get(node) ?? new Uint8Array(places.size);
      all.set(node, whole);
      for (let own = 0; own < states.length; own++) {
        const place = here[own] ?? 0;
        whole[place] = Math.max(whole[place] ?? 0, states[own] ?? 0);
      }
    }
  }
  return all;
}
