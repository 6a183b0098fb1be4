// Fields of protobuf messages. What is a message within a message is guessed: what reads as one.
import { collectSpans, LengthKind, type Span, SpanReader, Unstructured } from "./span.js";

const MAX_FIELD = 32;
const MAX_DEPTH = 10;

function readField(reader: SpanReader, depth: number): void {
  const tag = reader.varint();
  if (tag >> 3 === 0 || tag >> 3 > MAX_FIELD) throw new Unstructured();
  switch (tag & 7) {
    case 0:
      reader.varint();
      break;
    case 1:
      reader.skip(8);
      break;
    case 5:
      reader.skip(4);
      break;
    case 2: {
      const at = reader.at;
      const length = reader.varint();
      const start = reader.at;
      reader.sized(at, LengthKind.Varint, length);
      reader.spans.push(...inner(reader.bytes, start, reader.at, depth + 1));
      break;
    }
    default:
      throw new Unstructured();
  }
}

function readMessage(reader: SpanReader, depth: number): void {
  while (reader.at < reader.end) reader.span(() => readField(reader, depth));
}

function inner(bytes: Uint8Array, start: number, end: number, depth: number): readonly Span[] {
  if (depth > MAX_DEPTH) return [];
  const reader = new SpanReader(bytes, start, end);
  try {
    readMessage(reader, depth);
  } catch (error) {
    if (error instanceof Unstructured) return [];
    throw error;
  }
  return reader.spans;
}

export function protobufSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => readMessage(reader, 0));
}
