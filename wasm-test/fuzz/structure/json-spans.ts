// Values, members and elements of JSON texts.
import { collectSpans, type Span, type SpanReader, Unstructured } from "./span.js";

const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d]);
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

function skipBlanks(reader: SpanReader): void {
  while (reader.at < reader.end && BLANKS.has(reader.peek())) reader.at++;
}

function readString(reader: SpanReader): void {
  if (reader.u8() !== QUOTE) throw new Unstructured();
  for (let byte = reader.u8(); byte !== QUOTE; byte = reader.u8()) {
    if (byte === BACKSLASH) reader.u8();
  }
}

/** A number or a word: up to what may follow one. */
function readWord(reader: SpanReader): void {
  const ends = new Set([COMMA, CLOSE_OBJECT, CLOSE_ARRAY, ...BLANKS]);
  if (ends.has(reader.peek())) throw new Unstructured();
  while (reader.at < reader.end && !ends.has(reader.peek())) reader.at++;
}

function readItems(reader: SpanReader, close: number, readItem: () => void): void {
  reader.u8();
  for (;;) {
    skipBlanks(reader);
    if (reader.peek() === close) break;
    // With the comma behind it, it can be taken out and put elsewhere.
    reader.span(() => {
      readItem();
      skipBlanks(reader);
      if (reader.peek() === COMMA) reader.u8();
    });
  }
  reader.u8();
}

function readValue(reader: SpanReader): void {
  skipBlanks(reader);
  reader.span(() => {
    const first = reader.peek();
    if (first === QUOTE) readString(reader);
    else if (first === OPEN_ARRAY) readItems(reader, CLOSE_ARRAY, () => readValue(reader));
    else if (first === OPEN_OBJECT) readItems(reader, CLOSE_OBJECT, () => readMember(reader));
    else readWord(reader);
  });
}

function readMember(reader: SpanReader): void {
  reader.span(() => readString(reader));
  skipBlanks(reader);
  if (reader.u8() !== COLON) throw new Unstructured();
  readValue(reader);
}

export function jsonSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, readValue);
}
