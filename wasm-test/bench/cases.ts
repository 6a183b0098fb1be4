// What is measured: a load on the contenders of a protocol. Written as `dubbo:4x1:64KiB:w2:open`.
import { PROTOCOLS, type Protocol } from "./contenders.js";

/** One load, for all contenders of its protocol. */
export interface Case {
  readonly protocol: Protocol;
  readonly connections: number;
  /** Requests in flight on each connection; at most, in an open loop. */
  readonly inFlight: number;
  /** Bytes of the string that is sent and echoed. */
  readonly payload: number;
  /** Worker threads of Envoy. */
  readonly workers: number;
  /**
   * Closed: each connection always has its requests in flight; says what a request costs and how many
   * there can be. Open: so many requests a second, the same for all contenders; says how long they take.
   */
  readonly loop: "closed" | "open";
}

const KIB = 1024;
const MIB = KIB * KIB;
const CASE =
  /^(?<protocol>\w+):(?<connections>\d+)x(?<inFlight>\d+)(?::(?<size>\d+)(?<unit>B|KiB|MiB))?(?::w(?<workers>\d+))?(?<open>:open)?$/;

/** Connections x requests in flight. */
export function shapeName({ connections, inFlight }: Case): string {
  return `${connections}x${inFlight}`;
}

export function payloadName({ payload }: Case): string {
  if (payload >= MIB && payload % MIB === 0) return `${payload / MIB} MiB`;
  return payload >= KIB && payload % KIB === 0 ? `${payload / KIB} KiB` : `${payload} B`;
}

/** As `parseCase` reads it. */
export function caseName(entry: Case): string {
  const load = `${entry.protocol}:${shapeName(entry)}:${payloadName(entry).replace(" ", "")}`;
  const workers = entry.workers === 1 ? "" : `:w${entry.workers}`;
  return `${load}${workers}${entry.loop === "open" ? ":open" : ""}`;
}

/** @throws Error when the text is no case. */
export function parseCase(text: string): Case {
  const groups = CASE.exec(text)?.groups;
  const protocol = PROTOCOLS.find((name) => name === groups?.["protocol"]);
  if (groups === undefined || protocol === undefined) {
    throw new Error(`${text} is no case; one is dubbo:4x1, or thrift:64x1:64KiB:w2:open`);
  }
  const unit = { B: 1, KiB: KIB, MiB: MIB }[groups["unit"] ?? "B"] ?? 1;
  return {
    protocol,
    connections: Number(groups["connections"]),
    inFlight: Number(groups["inFlight"]),
    payload: Number(groups["size"] ?? 100) * unit,
    workers: Number(groups["workers"] ?? 1),
    loop: groups["open"] === undefined ? "closed" : "open",
  };
}

function casesOf(protocols: readonly Protocol[], loads: readonly string[]): Case[] {
  return protocols.flatMap((protocol) => loads.map((load) => parseCase(`${protocol}:${load}`)));
}

const SHAPES = ["4x1", "8x8", "64x1", "100x1", "1000x1", "64x64"];
/** One request at a time, and several, which share reads and writes. */
const PAYLOADS = ["8x4:4KiB", "4x1:64KiB", "8x4:64KiB", "4x1:1MiB", "8x4:1MiB"];
const OPEN = [...SHAPES, "4x1:64KiB", "4x1:1MiB"].map((load) => `${load}:open`);

/** Everything. Closed loops come first: the rates of the open ones follow from them. */
export const FULL_PLAN: readonly Case[] = [
  ...casesOf(PROTOCOLS, SHAPES),
  ...casesOf(["dubbo"], PAYLOADS),
  ...casesOf(["thrift"], ["4x1:64KiB", "4x1:1MiB"]),
  ...casesOf(["dubbo"], OPEN),
  ...casesOf(["thrift"], OPEN),
  // Two workers: many connections for each, and pools that they do not share.
  ...casesOf(["dubbo"], ["100x1:w2", "64x64:w2"]),
  ...casesOf(["thrift"], ["100x1:w2"]),
];

/** What the targets of the project are about. */
export const QUICK_PLAN: readonly Case[] = [
  ...casesOf(["dubbo"], ["4x1", "8x8", "100x1", "1000x1", "64x64", "8x4:64KiB", "8x4:1MiB"]),
  ...casesOf(["thrift"], ["4x1", "64x1", "1000x1"]),
  ...casesOf(["dubbo"], ["4x1:open", "100x1:open"]),
  ...casesOf(["thrift"], ["64x1:open"]),
];

/** What each filter adds is measured with; the first one with many requests in each read. */
export const FILTER_PLAN: readonly Case[] = casesOf(["dubbo"], ["8x8", "100x1"]);
