// What one replica tells the others of its proxies: as short as it can be, since it is in an annotation. Proxies mostly
// ask for the same and have accepted all of it, so what they have in common is said once.
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { isObject } from "../api/schema/composites.js";
import { type Progress, ProgressState, type RefusalNote } from "../xds/acknowledgements.js";
import { numbersIn, rangesOf } from "./number-ranges.js";
import type { RunningPlugins } from "./plugin-rollout.js";

export interface ReplicaReport {
  /** Version of the package that the replica runs: another one may make other routes of the same resources. */
  readonly build: string;
  /** Connected proxies. */
  readonly proxies: number;
  /** Of routes; undefined: it was too large. */
  readonly progress: Progress | undefined;
  /** Undefined: even that was too large. */
  readonly plugins: RunningPlugins | undefined;
}

/** Another one is not understood. */
const FORMAT = 1;
/** The annotations of an object have at most 256 KiB, of which others may want some. */
export const MAX_REPORT_LENGTH = 240_000;
const MAX_JSON_BYTES = 64 * 1024 * 1024;
const MAX_MESSAGE_LENGTH = 300;
const MAX_REFUSED_NAMES = 200;

interface Content {
  readonly format: typeof FORMAT;
  readonly build: string;
  readonly proxies: number;
  readonly nodes: readonly string[];
  /** By name of a plugin, places in `nodes`. */
  readonly plugins?: Readonly<Record<string, string>>;
  readonly names?: readonly string[];
  readonly versions?: readonly string[];
  /** Places in `names` with the state `Accepted`, `Pending`, `Refused`, and places in `nodes` where that is so. */
  readonly groups?: readonly (readonly [string, string, string, string])[];
  readonly refusals?: Readonly<Record<string, readonly RefusalNote[]>>;
}

/** The same for the same report; without its larger parts when it is too long. */
export function encodeReport(report: ReplicaReport, maxLength = MAX_REPORT_LENGTH): string {
  const withoutProgress = { ...report, progress: undefined };
  const texts = [report, withoutProgress, { ...withoutProgress, plugins: undefined }].values();
  for (const candidate of texts) {
    const text = encoded(candidate);
    if (text.length <= maxLength) return text;
  }
  return "";
}

function encoded({ build, proxies, progress, plugins }: ReplicaReport): string {
  const nodes = [
    ...new Set([progress?.nodes.keys() ?? [], ...(plugins?.values() ?? [])].flatMap(spread)),
  ].sort();
  const places = new Map(nodes.map((node, place) => [node, place]));
  const placesOf = (some: Iterable<string>): string =>
    rangesOf([...some].map((node) => places.get(node) ?? 0).sort((a, b) => a - b));
  const content: Content = {
    format: FORMAT,
    build,
    proxies,
    nodes,
    ...(plugins && {
      plugins: Object.fromEntries(
        [...plugins].sort(byKey).map(([name, running]) => [name, placesOf(running)]),
      ),
    }),
    ...(progress && {
      names: progress.names,
      versions: progress.versions,
      groups: groupsOf(progress, placesOf),
      refusals: Object.fromEntries(
        [...progress.refusals].sort(byKey).slice(0, MAX_REFUSED_NAMES).map(shortened),
      ),
    }),
  };
  const json = Buffer.from(JSON.stringify(content));
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 5,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: json.length,
  };
  return brotliCompressSync(json, { params }).toString("base64");
}

function groupsOf(
  { nodes }: Progress,
  placesOf: (some: Iterable<string>) => string,
): NonNullable<Content["groups"]> {
  const groups = new Map<string, { readonly states: Uint8Array; readonly nodes: string[] }>();
  for (const [node, states] of nodes) {
    const key = Buffer.from(states.buffer, states.byteOffset, states.length).toString("latin1");
    const group = groups.get(key) ?? { states, nodes: [] };
    groups.set(key, group);
    group.nodes.push(node);
  }
  const texts = [...groups.values()].map(
    ({ states, nodes: alike }) =>
      [
        placesWith(states, ProgressState.Accepted),
        placesWith(states, ProgressState.Pending),
        placesWith(states, ProgressState.Refused),
        placesOf(alike),
      ] as const,
  );
  return texts.sort(([, , , a], [, , , b]) => (a < b ? -1 : 1));
}

function placesWith(states: Uint8Array, wanted: number): string {
  const places: number[] = [];
  for (let place = 0; place < states.length; place++)
    if (states[place] === wanted) places.push(place);
  return rangesOf(places);
}

/** @throws Error when it is not of this format. */
export function decodeReport(text: string): ReplicaReport {
  const bytes = brotliDecompressSync(Buffer.from(text, "base64"), {
    maxOutputLength: MAX_JSON_BYTES,
  });
  const content: unknown = JSON.parse(bytes.toString());
  if (!isContent(content)) throw new Error("it is of another format");
  const { build, proxies, nodes, plugins } = content;
  const nodesAt = (ranges: string): readonly string[] =>
    numbersIn(ranges, nodes.length).map((place) => nodes[place] ?? "");
  return {
    build,
    proxies,
    plugins:
      plugins &&
      new Map(Object.entries(plugins).map(([name, where]) => [name, new Set(nodesAt(where))])),
    progress: progressIn(content, nodesAt),
  };
}

function progressIn(
  { names, versions, groups, refusals = {} }: Content,
  nodesAt: (ranges: string) => readonly string[],
): Progress | undefined {
  if (names === undefined || versions === undefined || groups === undefined) return undefined;
  const nodes = new Map<string, Uint8Array>();
  for (const [accepted, pending, refused, where] of groups) {
    const states = new Uint8Array(names.length);
    for (const place of numbersIn(accepted, names.length)) states[place] = ProgressState.Accepted;
    for (const place of numbersIn(pending, names.length)) states[place] = ProgressState.Pending;
    for (const place of numbersIn(refused, names.length)) states[place] = ProgressState.Refused;
    for (const node of nodesAt(where)) nodes.set(node, states);
  }
  return { names, versions, nodes, refusals: new Map(Object.entries(refusals)) };
}

/** Whoever may write Leases wrote it; what else is wrong with it shows when it is read. */
function isContent(value: unknown): value is Content {
  if (!isObject(value) || value["format"] !== FORMAT) return false;
  const { nodes, names, versions, groups, build, proxies } = value as Partial<Content>;
  const isList = (list: unknown): boolean => list === undefined || Array.isArray(list);
  return (
    typeof build === "string" &&
    typeof proxies === "number" &&
    Array.isArray(nodes) &&
    [names, versions, groups].every(isList)
  );
}

function shortened([name, notes]: readonly [string, readonly RefusalNote[]]): readonly [
  string,
  readonly RefusalNote[],
] {
  const cut = notes.map(({ node, message }) => ({
    node,
    message: message.slice(0, MAX_MESSAGE_LENGTH),
  }));
  return [name, cut];
}

function spread<T>(items: Iterable<T>): T[] {
  return [...items];
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}
