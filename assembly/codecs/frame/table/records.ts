// A description of a protocol as the codec uses it. Made once for each plugin configuration; everything that
// one record says of another one has been checked by then.
// Source: proto/metaproto/v1/frame.proto, whose words these are.
// Allocates: when a table is decoded.

/** Bytes that belong to the table. */
export class OwnedText {
  readonly ptr: usize;
  readonly len: u32;

  /** `bytes` live as long as this. */
  constructor(readonly bytes: ArrayBuffer) {
    this.ptr = changetype<usize>(bytes);
    this.len = bytes.byteLength;
  }
}

export enum SectionSize {
  None = 0,
  /** The number at `sizeSection`, `sizeOffset`. */
  Field = 1,
  /** The number in front of it. */
  Prefix = 2,
  /** Up to the fixed parts that end the frame. */
  Rest = 3,
  /** A varint's own bytes. */
  Varint = 4,
}

export enum Content {
  Opaque = 0,
  Protobuf = 1,
  Pairs = 2,
  Tlv = 3,
  Json = 4,
}

/** A value that a field of protobuf is. */
export class FieldLeaf {
  readonly isText: bool;
  readonly isZigzag: bool;
  /** Another value of the same path. */
  next: FieldLeaf | null = null;

  /** `index`: position of the value; `isId`: it is the request's id. */
  constructor(
    readonly index: u32,
    type: FieldType,
    readonly isId: bool,
  ) {
    this.isText = type == FieldType.Text;
    this.isZigzag = type == FieldType.Zigzag;
  }
}

/** What a field of protobuf is good for. */
export class FieldAction {
  leaf: FieldLeaf | null = null;
  /** Of a message within which there are values. */
  inner: FieldNode | null = null;
  /** Of another field whose number has the same place. */
  next: FieldAction | null = null;

  constructor(readonly field: u32) {}
}

/** One message of protobuf: actions by field number. */
export class FieldNode {
  readonly slots: StaticArray<FieldAction | null>;

  constructor(slots: u32) {
    this.slots = new StaticArray<FieldAction | null>(slots);
  }
}

export class Section {
  fixedBytes: u32 = 0;
  size: SectionSize = SectionSize.None;
  sizeSection: u32 = 0;
  sizeOffset: u32 = 0;
  sizeEncoding: u32 = 0;
  sizeAdjust: i32 = 0;
  content: Content = Content.Opaque;
  keyEncoding: u32 = 0;
  valueEncoding: u32 = 0;
  valueAdjust: i32 = 0;
  countEncoding: u32 = 0;
  mapField: u32 = 0;
  isDynamic: bool = false;
  /** Positions of the values within its variable part that only a walk finds. */
  found: StaticArray<u32> = new StaticArray<u32>(0);
  /** Of protobuf: where `found` are. */
  fields: FieldNode | null = null;
  /** Of pairs: bits of the lengths of keys, modulo 64, among `found`. */
  keyLengths: u64 = 0;
  /** It has to be walked over before a message can be described. */
  isEager: bool = false;
}

export enum Source {
  Number = 0,
  Text = 1,
  SectionText = 2,
  SectionVarint = 3,
  Protobuf = 4,
  Pair = 5,
  Tlv = 6,
  Json = 7,
}

export enum FieldType {
  Unsigned = 0,
  Signed = 1,
  Zigzag = 2,
  Text = 3,
}

export class Value {
  /** Position of its name plus one. */
  attribute: u32 = 0;
  section: u32 = 0;
  source: Source = Source.Number;
  offset: u32 = 0;
  encoding: u32 = 0;
  size: u32 = 0;
  padding: OwnedText | null = null;
  path: StaticArray<u32> = new StaticArray<u32>(0);
  names: StaticArray<OwnedText> = new StaticArray<OwnedText>(0);
  type: FieldType = FieldType.Unsigned;

  /** Whether it has a number, which can be compared and is written in decimal digits. */
  isNumber: bool = false;

  /** To be called once the fields above are known. */
  complete(): Value {
    const source = this.source;
    this.isNumber =
      source == Source.Number ||
      source == Source.SectionVarint ||
      (source == Source.Protobuf && this.type != FieldType.Text) ||
      (source == Source.Tlv && this.encoding != 0);
    return this;
  }

  /** Whether the number may be below zero. */
  get isSigned(): bool {
    if (this.source == Source.Protobuf) {
      return this.type == FieldType.Signed || this.type == FieldType.Zigzag;
    }
    return (this.encoding & 0x20) != 0;
  }
}

export class Match {
  mask0: u64 = 0;
  mask1: u64 = 0;
  value0: u64 = 0;
  value1: u64 = 0;
  /** Bytes up to the last that counts. */
  len: u32 = 0;
}

export class Condition {
  value: u32 = 0;
  mask: u64 = u64.MAX_VALUE;
  any: StaticArray<u64> = new StaticArray<u64>(0);
  negate: bool = false;
  /** 1: it must be there; 2: it must not. */
  presence: u32 = 0;
  text: OwnedText | null = null;
}

export class Rule {
  outcome: u32 = 0;
  origins: u32 = 0;
  conditions: StaticArray<Condition> = new StaticArray<Condition>(0);
  // What follows from the above.
  /** Conditions on the first 16 bytes, in one. */
  readonly head: Match = new Match();
  /** The other ones. */
  others: StaticArray<Condition> = new StaticArray<Condition>(0);
}

export class Length {
  section: u32 = 0;
  offset: u32 = 0;
  encoding: u32 = 0;
  counted: u32 = 0;
}

export class Term {
  offset: u32 = 0;
  encoding: u32 = 0;
}

export enum OperationCode {
  Bytes = 1,
  Id = 2,
  Code = 3,
  Text = 4,
  Copy = 5,
  Begin = 6,
  End = 7,
  GroupLength = 8,
  FollowingLength = 9,
  Checksum = 10,
}

export class Operation {
  code: OperationCode = OperationCode.Bytes;
  encoding: u32 = 0;
  index: u32 = 0;
  adjust: i32 = 0;
  bytes: OwnedText | null = null;
}

export class Template {
  kinds: u32 = 0;
  operations: StaticArray<Operation> = new StaticArray<Operation>(0);
  codes: StaticArray<i64> = new StaticArray<i64>(0);
}

export class Layout {
  origins: u32 = 3;
  matches: StaticArray<Match> = new StaticArray<Match>(0);
  sections: StaticArray<Section> = new StaticArray<Section>(0);
  totalBase: i64 = 0;
  terms: StaticArray<Term> = new StaticArray<Term>(0);
  lengths: StaticArray<Length> = new StaticArray<Length>(0);
  values: StaticArray<Value> = new StaticArray<Value>(0);
  /** Position plus one. */
  id: u32 = 0;
  checks: StaticArray<Condition> = new StaticArray<Condition>(0);
  kinds: StaticArray<Rule> = new StaticArray<Rule>(0);
  results: StaticArray<Rule> = new StaticArray<Rule>(0);
  /** Position plus one. */
  timeout: u32 = 0;
  timeoutUnit: u32 = 0;
  /** Position plus one. */
  mutableSection: u32 = 0;
  /** Position plus one. */
  checksum: u32 = 0;
  errorReplies: StaticArray<Template> = new StaticArray<Template>(0);
  heartbeatReplies: StaticArray<Template> = new StaticArray<Template>(0);
  heartbeats: StaticArray<Template> = new StaticArray<Template>(0);
  // What follows from the above.
  /** Bytes of the first fixed part, and of a varint that the length needs the first. */
  headBytes: u32 = 0;
  /** Bytes of all fixed parts: no frame has less. */
  leastBytes: u32 = 0;
  /** The fixed parts behind the section whose size is the rest. */
  trailerBytes: u32 = 0;
  /** The head tells which kind the message is. */
  isKindInHead: bool = false;
  isIdInHead: bool = false;
  /** Of an id whose width varies: lengths of fixed width that count it. */
  idLengths: StaticArray<Length> = new StaticArray<Length>(0);
  /** In front of the section of such an id is its length, of fixed width. */
  isIdPrefixed: bool = false;
  /** Positions of the sections that have to be walked over before a message can be described. */
  eager: StaticArray<u32> = new StaticArray<u32>(0);
  /** For each attribute of the table the position of its value plus one. */
  byAttribute: StaticArray<u32> = new StaticArray<u32>(0);
  /** Values that templates copy from a request. */
  copies: StaticArray<u32> = new StaticArray<u32>(0);
}

export class Table {
  attributes: StaticArray<OwnedText> = new StaticArray<OwnedText>(0);
  layouts: StaticArray<Layout> = new StaticArray<Layout>(0);
  idBits: u32 = 0;
  connectionMode: u32 = 0;
  protocol: OwnedText = new OwnedText(new ArrayBuffer(0));
}
