// Fields, values and elements of Thrift messages: framed or not, binary or compact; of THeader frames,
// those of the payload.
import { collectSpans, LengthKind, type Span, type SpanReader, Unstructured } from "./span.js";

const HEADER_MAGIC = 0x0fff;
const FIXED: Readonly<Record<number, number>> = { 2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8, 16: 16 };
const MAX_ELEMENTS = 1000;

function counted(count: number): number {
  if (count < 0 || count > MAX_ELEMENTS) throw new Unstructured();
  return count;
}

function binaryText(reader: SpanReader): void {
  const at = reader.at;
  reader.sized(at, LengthKind.U32Be, reader.i32());
}

function binaryValue(reader: SpanReader, type: number): void {
  reader.span(() => {
    const fixed = FIXED[type];
    if (fixed !== undefined) {
      reader.skip(fixed);
    } else if (type === 11) {
      binaryText(reader);
    } else if (type === 12) {
      binaryStruct(reader);
    } else if (type === 13) {
      const [key, value] = [reader.u8(), reader.u8()];
      for (let left = counted(reader.i32()); left > 0; left--) {
        binaryValue(reader, key);
        binaryValue(reader, value);
      }
    } else if (type === 14 || type === 15) {
      const element = reader.u8();
      for (let left = counted(reader.i32()); left > 0; left--) binaryValue(reader, element);
    } else throw new Unstructured();
  });
}

function binaryStruct(reader: SpanReader): void {
  while (reader.peek() !== 0) {
    reader.span(() => {
      const type = reader.u8();
      reader.u16();
      binaryValue(reader, type);
    });
  }
  reader.u8();
}

function compactText(reader: SpanReader): void {
  const at = reader.at;
  reader.sized(at, LengthKind.Varint, reader.varint());
}

function compactValue(reader: SpanReader, type: number): void {
  reader.span(() => {
    if (type === 3) reader.skip(1);
    else if (type >= 4 && type <= 6) reader.varint();
    else if (type === 7) reader.skip(8);
    else if (type === 8) compactText(reader);
    else if (type === 9 || type === 10) compactList(reader);
    else if (type === 11) compactMap(reader);
    else if (type === 12) compactStruct(reader);
    else if (type === 13) reader.skip(16);
    else throw new Unstructured();
  });
}

function compactElement(reader: SpanReader, type: number): void {
  if (type === 1 || type === 2) reader.skip(1);
  else compactValue(reader, type);
}

function compactList(reader: SpanReader): void {
  const head = reader.u8();
  const count = head >> 4 === 15 ? counted(reader.varint()) : head >> 4;
  for (let i = 0; i < count; i++) compactElement(reader, head & 15);
}

function compactMap(reader: SpanReader): void {
  const count = counted(reader.varint());
  const types = count === 0 ? 0 : reader.u8();
  for (let i = 0; i < count; i++) {
    compactElement(reader, types >> 4);
    compactElement(reader, types & 15);
  }
}

function compactStruct(reader: SpanReader): void {
  while (reader.peek() !== 0) {
    reader.span(() => {
      const head = reader.u8();
      if (head >> 4 === 0) reader.varint();
      const type = head & 15;
      if (type !== 1 && type !== 2) compactValue(reader, type);
    });
  }
  reader.u8();
}

function readMessage(reader: SpanReader): void {
  const first = reader.peek();
  if (first === 0x82) {
    reader.skip(2);
    reader.varint();
    compactText(reader);
    compactStruct(reader);
  } else {
    if (first === 0x80) reader.skip(4);
    binaryText(reader);
    if (first !== 0x80) reader.skip(1);
    reader.skip(4);
    binaryStruct(reader);
  }
}

/** The frame's length and, in THeader, what comes before the payload. */
function readTransport(reader: SpanReader): void {
  const end = reader.i32() + reader.at;
  if (end !== reader.end) throw new Unstructured();
  reader.spans.push({ start: reader.at, end, length: { at: 0, kind: LengthKind.U32Be } });
  if (reader.peek() !== HEADER_MAGIC >> 8) return;
  if (reader.u16() !== HEADER_MAGIC) throw new Unstructured();
  reader.skip(6);
  reader.skip(4 * reader.u16());
}

export function thriftSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => {
    const length = reader.i32();
    reader.at = 0;
    if (length === bytes.length - 4) readTransport(reader);
    readMessage(reader);
  });
}
