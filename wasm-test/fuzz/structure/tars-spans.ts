// Fields of TARS packets, and what is within their maps, lists and structs.
import { collectSpans, LengthKind, type Span, SpanReader, Unstructured } from "./span.js";

const LENGTH_BYTES = 4;
const MAX_DEPTH = 10;
const LONG_TAG = 15;

function readHead(reader: SpanReader): number {
  const head = reader.u8();
  if (head >> 4 === LONG_TAG) reader.u8();
  return head & 15;
}

function readNumber(reader: SpanReader, type: number): number {
  if (type === 12) return 0;
  if (type === 0) return reader.u8();
  if (type === 1) return reader.u16();
  if (type === 2) return reader.i32();
  throw new Unstructured();
}

function readFields(reader: SpanReader, count: number, depth: number): void {
  for (let i = 0; i < count; i++) reader.span(() => readField(reader, depth));
}

function readField(reader: SpanReader, depth: number): number {
  if (depth > MAX_DEPTH) throw new Unstructured();
  const type = readHead(reader);
  switch (type) {
    case 3:
    case 5:
      reader.skip(8);
      return type;
    case 4:
      reader.skip(4);
      return type;
    case 6:
    case 7: {
      const at = reader.at;
      const length = type === 6 ? reader.u8() : reader.i32();
      reader.sized(at, type === 6 ? LengthKind.U8 : LengthKind.U32Be, length);
      return type;
    }
    case 8:
      readFields(reader, 2 * readNumber(reader, readHead(reader)), depth + 1);
      return type;
    case 9:
      readFields(reader, readNumber(reader, readHead(reader)), depth + 1);
      return type;
    case 10:
      while (readField(reader, depth + 1) !== 11);
      return type;
    case 11:
      return type;
    case 13:
      readHead(reader);
      reader.skip(readNumber(reader, readHead(reader)));
      return type;
    default:
      readNumber(reader, type);
      return type;
  }
}

export function tarsSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => {
    reader.skip(LENGTH_BYTES);
    while (reader.at < reader.end) reader.span(() => readField(reader, 0));
  });
}
