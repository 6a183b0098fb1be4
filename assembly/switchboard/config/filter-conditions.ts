// Conditions of a filter on attributes: metaproto.v1.AttributeMatch, decoded one by one.
// Source: proto/metaproto/v1/route.proto
// Allocates: at configuration; never when asked.

import { Codec } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { Conditions } from "../../filter/filter-setup";
import { equalBytes, makeLowerCase } from "../../wire/bytes";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { Dfa, DFA_ACCEPTING, DFA_CLASS_OF } from "../route/dfa";
import { MatchKind } from "../route/match";
import { checkDfa, nextOffset } from "./dfa-check";
import { Faults } from "./faults";
import { MAX_MATCHES_PER_ROUTE, MAX_TEXT_BYTES } from "./route-limits";
import { DfaRecord } from "./route-records";
import { utf8Prefix } from "./utf8";
import { copyBytes } from "../../wire/owned-bytes";

const MATCH_NAME: u32 = 1;
const MATCH_EXACT: u32 = 2;
const MATCH_PREFIX: u32 = 3;
const MATCH_REGEX: u32 = 4;
const MATCH_PRESENT: u32 = 5;
const MATCH_INVERT: u32 = 6;
const REGEX_DFA: u32 = 2;

const UNSPECIFIED: i32 = -1;

/** One for all: it is not the garbage collector's, and each list's own would be left behind with its table. */
const found: Slice = new Slice();

class Condition {
  attribute: i32 = 0;
  /** Lower case. */
  name: ArrayBuffer = new ArrayBuffer(0);
  kind: i32 = UNSPECIFIED;
  invert: bool = false;
  /** What to compare with, or the automaton. */
  value: ArrayBuffer = new ArrayBuffer(0);
  /** A Dfa, which leads into `value`. */
  automaton: ArrayBuffer = new ArrayBuffer(0);
  start: u32 = 0;

  matches(ptr: usize, len: u32): bool {
    const value = this.value;
    const valueLen = <u32>value.byteLength;
    switch (this.kind) {
      case MatchKind.Exact:
        return len == valueLen && equalBytes(ptr, changetype<usize>(value), len);
      case MatchKind.Prefix:
        return len >= valueLen && equalBytes(ptr, changetype<usize>(value), valueLen);
      case MatchKind.Regex:
        return changetype<Dfa>(changetype<usize>(this.automaton)).accepts(this.start, ptr, len);
      default:
        return true;
    }
  }
}

export class ConditionList extends Conditions {
  private readonly conditions: Array<Condition> = new Array<Condition>();

  constructor(
    private readonly codec: Codec,
    private readonly faults: Faults,
  ) {
    super();
  }

  override get isEmpty(): bool {
    return this.conditions.length == 0;
  }

  override hold(codec: Codec, message: Message): bool {
    for (let i = 0; i < this.conditions.length; i++) {
      const condition = unchecked(this.conditions[i]);
      const value = found;
      const name = changetype<usize>(condition.name);
      const length = <u32>condition.name.byteLength;
      const isPresent = codec.attribute(message, condition.attribute, name, length, value);
      // An absent attribute matches none, so an inverted match on it holds.
      const holds = isPresent && condition.matches(value.ptr, value.len);
      if (holds == condition.invert) return false;
    }
    return true;
  }

  override add(ptr: usize, len: u32): bool {
    const before = this.faults.count;
    if (<u32>this.conditions.length == MAX_MATCHES_PER_ROUTE) {
      this.faults.add("more than " + MAX_MATCHES_PER_ROUTE.toString() + " matches");
      return false;
    }
    const condition = new Condition();
    const reader = new ProtobufReader();
    reader.reset(ptr, len);
    while (reader.next()) this.decodeField(reader, condition);
    if (reader.isMalformed) this.faults.add("malformed protobuf");
    if (condition.name.byteLength == 0) this.faults.addAt("name", "missing");
    if (condition.kind == UNSPECIFIED) {
      this.faults.add("needs one of exact, prefix, regex, present");
    }
    if (this.faults.count > before) return false;
    const name = changetype<usize>(condition.name);
    condition.attribute = this.codec.attributeId(name, <u32>condition.name.byteLength);
    this.conditions.push(condition);
    return true;
  }

  private decodeField(reader: ProtobufReader, condition: Condition): void {
    if (reader.wireType == WireType.Varint) {
      if (reader.field == MATCH_INVERT) condition.invert = reader.value != 0;
      if (reader.field != MATCH_PRESENT) return;
      condition.kind = MatchKind.Present;
      if (reader.value == 0) this.faults.addAt("present", "must be true");
      return;
    }
    if (reader.wireType != WireType.Bytes) return;
    if (reader.field == MATCH_NAME) {
      condition.name = this.text("name", reader);
      makeLowerCase(changetype<usize>(condition.name), <u32>condition.name.byteLength);
    } else if (reader.field == MATCH_EXACT) {
      condition.kind = MatchKind.Exact;
      condition.value = this.text("exact", reader);
    } else if (reader.field == MATCH_PREFIX) {
      condition.kind = MatchKind.Prefix;
      condition.value = this.text("prefix", reader);
    } else if (reader.field == MATCH_REGEX) {
      condition.kind = MatchKind.Regex;
      this.decodeRegex(reader, condition);
    }
  }

  private text(field: string, reader: ProtobufReader): ArrayBuffer {
    if (reader.len > MAX_TEXT_BYTES) {
      this.faults.addAt(field, reader.len.toString() + " bytes");
      return new ArrayBuffer(0);
    }
    if (utf8Prefix(reader.ptr, reader.len) != reader.len) this.faults.addAt(field, "not UTF-8");
    return copyBytes(reader.ptr, reader.len);
  }

  private decodeRegex(reader: ProtobufReader, condition: Condition): void {
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes || reader.field != REGEX_DFA) continue;
      condition.value = copyBytes(reader.ptr, reader.len);
    }
    reader.leave(end);
    const bytes = changetype<usize>(condition.value);
    const record = changetype<DfaRecord>(heap.alloc(offsetof<DfaRecord>()));
    const text = checkDfa(bytes, <u32>condition.value.byteLength, record);
    if (text.length > 0) {
      this.faults.addAt("regex.dfa", text);
    } else {
      condition.automaton = new ArrayBuffer(offsetof<Dfa>());
      const dfa = changetype<Dfa>(changetype<usize>(condition.automaton));
      dfa.classes = record.classes;
      dfa.classOf = bytes + DFA_CLASS_OF;
      dfa.accepting = bytes + DFA_ACCEPTING;
      dfa.next = bytes + nextOffset(record.states);
      condition.start = record.start;
    }
    heap.free(changetype<usize>(record));
  }
}
