// The structure of an input, as the mutator wants it: which parts are something by themselves, and where
// their lengths are written. What cannot be understood has no structure.

export const LengthKind = { None: 0, U8: 1, U16Be: 2, U32Be: 3, Varint: 4 } as const;
export type LengthKind = (typeof LengthKind)[keyof typeof LengthKind];

/** A part of an input: [start, end). */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** Where its length is written, and how. */
  readonly length?: { readonly at: number; readonly kind: LengthKind };
}

/** An input with more is not looked into further. */
const MAX_SPANS = 4000;

/** Thrown within a reader where the bytes are not what it reads. */
export class Unstructured extends Error {}

/** Reads numbers, and collects spans in the order of their beginnings. */
export class SpanReader {
  readonly spans: Span[] = [];
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
    public end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skip(length: number): void {
    if (length < 0 || this.at + length > this.end) throw new Unstructured();
    this.at += length;
  }

  peek(): number {
    const byte = this.at < this.end ? this.bytes[this.at] : undefined;
    if (byte === undefined) throw new Unstructured();
    return byte;
  }

  u8(): number {
    const byte = this.peek();
    this.at++;
    return byte;
  }

  u16(): number {
    this.skip(2);
    return this.view.getUint16(this.at - 2);
  }

  i32(): number {
    this.skip(4);
    return this.view.getInt32(this.at - 4);
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** What `read` reads is a span; it comes before those within it. */
  span<T>(read: () => T): T {
    if (this.spans.length > MAX_SPANS) throw new Unstructured();
    const index = this.spans.push({ start: this.at, end: this.at }) - 1;
    const start = this.at;
    const result = read();
    this.spans[index] = { start, end: this.at };
    return result;
  }

  /** `length` bytes whose length is written at `at`. */
  sized(at: number, kind: LengthKind, length: number): void {
    const start = this.at;
    this.skip(length);
    this.spans.push({ start, end: this.at, length: { at, kind } });
  }
}

/** The spans that `read` finds before it fails, those that it was within left out. */
export function collectSpans(
  bytes: Uint8Array,
  read: (reader: SpanReader) => void,
): readonly Span[] {
  const reader = new SpanReader(bytes);
  try {
    read(reader);
  } catch (error) {
    if (!(error instanceof Unstructured)) throw error;
  }
  return reader.spans.filter((span) => span.end > span.start);
}

/** Spans of bytes that begin at `by`. */
export function shifted(spans: readonly Span[], by: number): readonly Span[] {
  return spans.map(({ start, end, length }) => {
    const span = { start: start + by, end: end + by };
    return length === undefined ? span : { ...span, length: { ...length, at: length.at + by } };
  });
}
