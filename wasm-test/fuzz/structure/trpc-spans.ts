// Fields of tRPC frames: of the header of unary ones, of the body of those of streams.
import { protobufSpans } from "./protobuf-spans.js";
import { LengthKind, shifted, type Span } from "./span.js";

const HEAD_BYTES = 16;
const HEADER_LENGTH_AT = 8;

export function trpcSpans(bytes: Uint8Array): readonly Span[] {
  if (bytes.length < HEAD_BYTES) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isStream = bytes[2] === 1;
  const header = isStream ? bytes.length - HEAD_BYTES : view.getUint16(HEADER_LENGTH_AT);
  const end = Math.min(HEAD_BYTES + header, bytes.length);
  const sized = { at: HEADER_LENGTH_AT, kind: LengthKind.U16Be };
  const whole = isStream ? [] : [{ start: HEAD_BYTES, end, length: sized }];
  const fields = shifted(protobufSpans(bytes.subarray(HEAD_BYTES, end)), HEAD_BYTES);
  return [...whole, ...fields];
}
