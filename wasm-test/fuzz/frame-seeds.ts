// What inputs for described protocols are made from: tables of the descriptions, frames of theirs.
import { compile, describedFrame } from "../codecs/protocols/descriptions.js";
import { COURIER } from "../codecs/protocols/courier.js";
import { PARCEL } from "../codecs/protocols/parcel.js";
import { boltSeeds } from "./bolt-seeds.js";
import { trpcSeeds } from "./codec-seeds.js";
import { brpcSeeds } from "./rpc-seeds.js";
import { boltSpans } from "./structure/bolt-spans.js";
import { brpcSpans } from "./structure/brpc-spans.js";
import { courierSpans, parcelSpans } from "./structure/pair-spans.js";
import { protobufSpans } from "./structure/protobuf-spans.js";
import { LengthKind, shifted, type Span } from "./structure/span.js";
import { trpcSpans } from "./structure/trpc-spans.js";

const TABLE_AT = 2;
const FRAMES_PER_TABLE = 12;
const SMALL_FRAME = 400;

const courierSeeds = (): Uint8Array[] => [...COURIER.frames.values()];
const parcelSeeds = (): Uint8Array[] => [...PARCEL.frames.values()];

/** How frames of each described protocol are had, and what their parts are. */
export const DESCRIBED = {
  courier: { seeds: courierSeeds, spans: courierSpans },
  brpc: { seeds: brpcSeeds, spans: brpcSpans },
  trpc: { seeds: trpcSeeds, spans: trpcSpans },
  bolt: { seeds: boltSeeds, spans: boltSpans },
  parcel: { seeds: parcelSeeds, spans: parcelSpans },
} as const;

export type DescribedProtocol = keyof typeof DESCRIBED;

export function tableOf(protocol: DescribedProtocol): Uint8Array {
  return compile(describedFrame(protocol)).table;
}

/** The length of a table, the table, a frame. */
export function tableSeeds(): Uint8Array[] {
  return Object.entries(DESCRIBED).flatMap(([protocol, { seeds }]) => {
    const table = tableOf(protocol as DescribedProtocol);
    const small = seeds().filter(({ length }) => length <= SMALL_FRAME);
    return small.slice(0, FRAMES_PER_TABLE).map((frame) => {
      const head = Buffer.alloc(TABLE_AT);
      head.writeUInt16BE(table.length);
      return new Uint8Array(Buffer.concat([head, table, frame]));
    });
  });
}

/** The fields of the table. */
export function tableSpans(bytes: Uint8Array): readonly Span[] {
  if (bytes.length < TABLE_AT) return [];
  const length = new DataView(bytes.buffer, bytes.byteOffset, TABLE_AT).getUint16(0);
  const end = Math.min(TABLE_AT + length, bytes.length);
  const table = { start: TABLE_AT, end, length: { at: 0, kind: LengthKind.U16Be } };
  return [table, ...shifted(protobufSpans(bytes.subarray(TABLE_AT, end)), TABLE_AT)];
}

/** Numbers of a table that are too large, encodings, sources and contents, fields in protobuf. */
export const TABLE_TOKENS = [
  ...["00", "01", "0f", "10", "1f", "2f", "3f", "40", "7f", "ff01", "8020", "ff1f", "8080808008"],
  ...["ffffffff0f", "ffffffffffffffffff01", "0800", "0801", "1004", "1801", "2002", "2802", "3001"],
  ...["3801", "3804", "38ff01", "42020104", "320c0801180428023801", "0a0a0801100118032002280f"],
].map((text) => new Uint8Array(Buffer.from(text, "hex")));
