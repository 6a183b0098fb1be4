// Values of Dubbo bodies: of Hessian2 at every depth, of fastjson2 at the top.
import { collectSpans, LengthKind, type Span, type SpanReader, Unstructured } from "./span.js";

const HEADER_BYTES = 16;
const LENGTH_AT = 12;
const FASTJSON2 = 23;
const END = 0x5a;

type TagRange = readonly [first: number, last: number];
const TEXTS: readonly TagRange[] = [
  [0x00, 0x1f],
  [0x30, 0x33],
  [0x52, 0x53],
];
const BINARIES: readonly TagRange[] = [
  [0x20, 0x2f],
  [0x34, 0x37],
  [0x41, 0x42],
];
const LISTS: readonly TagRange[] = [
  [0x55, 0x58],
  [0x70, 0x7f],
];
const OBJECTS: readonly TagRange[] = [
  [0x4f, 0x4f],
  [0x60, 0x6f],
];
/** Bytes behind the tag. */
const SCALARS: readonly (readonly [bytes: number, tags: readonly TagRange[]])[] = [
  [
    8,
    [
      [0x4c, 0x4c],
      [0x44, 0x44],
      [0x4a, 0x4a],
    ],
  ],
  [
    4,
    [
      [0x49, 0x49],
      [0x59, 0x59],
      [0x5f, 0x5f],
      [0x4b, 0x4b],
    ],
  ],
  [
    2,
    [
      [0x38, 0x3f],
      [0x5e, 0x5e],
      [0xd0, 0xd7],
    ],
  ],
  [
    1,
    [
      [0x5d, 0x5d],
      [0xc0, 0xcf],
      [0xf0, 0xff],
    ],
  ],
  [
    0,
    [
      [0x4e, 0x4e],
      [0x54, 0x54],
      [0x46, 0x46],
      [0x5b, 0x5c],
      [0x80, 0xbf],
      [0xd8, 0xef],
    ],
  ],
];

function isOneOf(tag: number, ranges: readonly TagRange[]): boolean {
  return ranges.some(([first, last]) => tag >= first && tag <= last);
}

function scalarBytes(tag: number): number {
  const bytes = SCALARS.find(([, tags]) => isOneOf(tag, tags))?.[0];
  if (bytes === undefined) throw new Unstructured();
  return bytes;
}

class HessianReader {
  private readonly fieldCounts: number[] = [];

  constructor(private readonly reader: SpanReader) {}

  value(): void {
    this.reader.span(() => this.content());
  }

  private content(): void {
    const tag = this.reader.u8();
    if (isOneOf(tag, TEXTS)) this.text(tag);
    else if (isOneOf(tag, BINARIES)) this.binary(tag);
    else if (isOneOf(tag, LISTS)) this.list(tag);
    else if (isOneOf(tag, OBJECTS)) this.object(tag);
    else if (tag === 0x43) this.definition();
    else if (tag === 0x48 || tag === 0x4d) this.map(tag);
    else if (tag === 0x51) this.value();
    else this.reader.skip(scalarBytes(tag));
  }

  private map(tag: number): void {
    if (tag === 0x4d) this.value();
    while (this.reader.peek() !== END) this.value();
    this.reader.u8();
  }

  private text(tag: number): void {
    const { reader } = this;
    let units = tag;
    if (tag >= 0x52) units = reader.u16();
    else if (tag >= 0x30) units = ((tag & 3) << 8) | reader.u8();
    for (; units > 0; units--) {
      const first = reader.u8();
      if (first >= 0xe0) reader.skip(2);
      else if (first >= 0xc0) reader.skip(1);
    }
    if (tag === 0x52) this.text(reader.u8());
  }

  private binary(tag: number): void {
    const { reader } = this;
    let length = tag - 0x20;
    if (tag >= 0x41) length = reader.u16();
    else if (tag >= 0x34) length = ((tag & 3) << 8) | reader.u8();
    reader.skip(length);
    if (tag === 0x41) this.binary(reader.u8());
  }

  /** An int of one or two bytes, or the long form. */
  private int(): number {
    const { reader } = this;
    const tag = reader.u8();
    if (tag >= 0x80 && tag < 0xc0) return tag - 0x90;
    if (tag >= 0xc0 && tag < 0xd0) return ((tag - 0xc8) << 8) | reader.u8();
    if (tag === 0x49) return reader.i32();
    throw new Unstructured();
  }

  private definition(): void {
    this.value();
    const fields = this.int();
    for (let i = 0; i < fields; i++) this.value();
    this.fieldCounts.push(fields);
    this.value();
  }

  private object(tag: number): void {
    const fields = this.fieldCounts[tag === 0x4f ? this.int() : tag - 0x60];
    if (fields === undefined) throw new Unstructured();
    for (let i = 0; i < fields; i++) this.value();
  }

  private list(tag: number): void {
    const { reader } = this;
    const isTyped = tag === 0x55 || tag === 0x56 || (tag >= 0x70 && tag < 0x78);
    if (isTyped) this.value();
    if (tag === 0x55 || tag === 0x57) {
      while (reader.peek() !== END) this.value();
      reader.u8();
      return;
    }
    const count = tag >= 0x70 ? tag & 7 : this.int();
    for (let i = 0; i < count; i++) this.value();
  }
}

function readJsonbValue(reader: SpanReader): void {
  reader.span(() => {
    const at = reader.at;
    reader.sized(at, LengthKind.U32Be, reader.i32());
  });
}

export function dubboSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => {
    reader.skip(HEADER_BYTES);
    const body = { start: HEADER_BYTES, end: bytes.length };
    reader.spans.push({ ...body, length: { at: LENGTH_AT, kind: LengthKind.U32Be } });
    const hessian = new HessianReader(reader);
    const isJsonb = ((bytes[2] ?? 0) & 0x1f) === FASTJSON2;
    while (reader.at < reader.end) {
      if (isJsonb) readJsonbValue(reader);
      else hessian.value();
    }
  });
}
