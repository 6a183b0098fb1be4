// Fields of the RpcMeta of frames of bRPC.
import { protobufSpans } from "./protobuf-spans.js";
import { LengthKind, shifted, type Span } from "./span.js";

const HEAD_BYTES = 12;
const META_LENGTH_AT = 8;

export function brpcSpans(bytes: Uint8Array): readonly Span[] {
  if (bytes.length < HEAD_BYTES) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(HEAD_BYTES + view.getUint32(META_LENGTH_AT), bytes.length);
  const meta = {
    start: HEAD_BYTES,
    end,
    length: { at: META_LENGTH_AT, kind: LengthKind.U32Be },
  };
  return [meta, ...shifted(protobufSpans(bytes.subarray(HEAD_BYTES, end)), HEAD_BYTES)];
}
