// One AttributeMatch of a route while it is decoded; part of RouteTableBuilder.
// Allocates: on growth; cold path only.

import { equalBytes, hashBytes } from "../../wire/bytes";
import { MatchKind } from "../route/match";
import { canBeginWith, checkDfa, deriveLiteral } from "./dfa-check";
import { HashIndex } from "./hash-index";
import { RouteRecorder } from "./route-recorder";
import { DfaRecord, MatchRecord } from "./route-records";

/** No specifier was given yet. */
const UNSPECIFIED: i32 = -1;

export class MatchBuilder {
  private recorder: RouteRecorder;
  private dfaIndex: HashIndex = new HashIndex();
  // The match at hand; texts are where `recorder.taken` was.
  private name: u32 = 0;
  private nameLen: u32 = 0;
  private hasName: bool = false;
  private kind: i32 = UNSPECIFIED;
  private invert: bool = false;
  private value: u32 = 0;
  private valueLen: u32 = 0;
  private hasFault: bool = false;
  private dfa: u32 = 0;
  private dfaLen: u32 = 0;
  private literal: u32 = 0;
  private literalLen: u32 = 0;

  constructor(recorder: RouteRecorder) {
    this.recorder = recorder;
  }

  begin(): void {
    this.hasName = false;
    this.kind = UNSPECIFIED;
    this.invert = false;
    this.hasFault = false;
    this.recorder.records.dfaBytes.align(2);
    this.dfa = this.recorder.records.dfaBytes.len;
    this.dfaLen = 0;
    this.literalLen = 0;
  }

  setName(ptr: usize, len: u32): void {
    this.hasName = this.recorder.takeSome("name", ptr, len);
    this.hasFault = this.hasFault || !this.hasName;
    this.name = this.recorder.taken;
    this.nameLen = len;
  }

  setExact(ptr: usize, len: u32): void {
    this.setValue(MatchKind.Exact, "exact", ptr, len);
  }

  setPrefix(ptr: usize, len: u32): void {
    this.setValue(MatchKind.Prefix, "prefix", ptr, len);
  }

  setPresent(isPresent: bool): void {
    this.kind = MatchKind.Present;
    if (isPresent) return;
    this.fault("present", "must be true; `invert` asks for the absence of an attribute");
  }

  setInvert(invert: bool): void {
    this.invert = invert;
  }

  /** The specifier is a regular expression; several such calls add to the same one. */
  setRegex(): void {
    if (this.kind == MatchKind.Regex) return;
    this.kind = MatchKind.Regex;
    this.setDfa(0, 0);
    this.literalLen = 0;
  }

  setDfa(ptr: usize, len: u32): void {
    if (!this.recorder.spend(len)) {
      this.hasFault = true;
      return;
    }
    const bytes = this.recorder.records.dfaBytes;
    bytes.len = this.dfa;
    bytes.append(ptr, len);
    this.dfaLen = len;
  }

  setLiteralPrefix(ptr: usize, len: u32): void {
    if (this.recorder.take("regex.literalPrefix", ptr, len)) {
      this.literal = this.recorder.taken;
      this.literalLen = len;
    } else {
      this.hasFault = true;
    }
  }

  /** The decoder has found a fault in the match: no further ones follow from it. */
  refuse(): void {
    this.hasFault = true;
  }

  end(): void {
    if (!this.hasName && !this.hasFault) this.fault("name", "missing");
    if (this.kind == UNSPECIFIED && !this.hasFault) {
      this.fault("", "needs one of exact, prefix, regex, present");
    }
    let dfa: u32 = 0;
    if (this.kind == MatchKind.Regex && !this.hasFault) dfa = this.endRegex();
    if (this.hasFault || !this.recorder.spendRecord()) return;
    const attribute = this.recorder.attribute(this.name, this.nameLen);
    const match = changetype<MatchRecord>(this.recorder.records.matches.add());
    match.attribute = attribute;
    match.invert = this.invert;
    match.kind = <MatchKind>this.kind;
    // Every value begins with nothing.
    if (match.kind == MatchKind.Prefix && this.valueLen == 0) match.kind = MatchKind.Present;
    match.value = this.value;
    match.valueLen = this.valueLen;
    match.dfa = dfa;
  }

  free(): void {
    this.dfaIndex.free();
  }

  private setValue(kind: MatchKind, field: string, ptr: usize, len: u32): void {
    this.kind = kind;
    if (!this.recorder.take(field, ptr, len)) this.hasFault = true;
    this.value = this.recorder.taken;
    this.valueLen = len;
  }

  /** The index of the automaton's record; equal automata have one. */
  private endRegex(): u32 {
    const records = this.recorder.records;
    if (this.dfaLen == 0) {
      this.fault("regex.dfa", "missing; compile the pattern with `metaproto regex`");
      return 0;
    }
    const ptr = records.dfaBytes.ptr + this.dfa;
    const hash = hashBytes(ptr, this.dfaLen);
    const index = this.findDfa(hash);
    if (index == records.dfas.count) {
      const dfa = changetype<DfaRecord>(records.dfas.add());
      dfa.offset = this.dfa;
      dfa.len = this.dfaLen;
      const text = checkDfa(ptr, this.dfaLen, dfa);
      if (text.length > 0) {
        this.fault("regex.dfa", text);
        return 0;
      }
      deriveLiteral(ptr, dfa, records.bytes);
      this.dfaIndex.insert(hash, index + 1);
    } else {
      records.dfaBytes.len = this.dfa;
    }
    this.checkLiteral(records.dfa(index));
    return index;
  }

  private findDfa(hash: u32): u32 {
    const records = this.recorder.records;
    const bytes = records.dfaBytes.ptr;
    const index = this.dfaIndex;
    for (let slot = index.start(hash); index.reference(slot) != 0; slot = index.next(slot)) {
      if (index.hash(slot) != hash) continue;
      const known = records.dfa(index.reference(slot) - 1);
      if (known.len != this.dfaLen) continue;
      if (equalBytes(bytes + known.offset, bytes + this.dfa, known.len)) {
        return index.reference(slot) - 1;
      }
    }
    return records.dfas.count;
  }

  private checkLiteral(dfa: DfaRecord): void {
    const records = this.recorder.records;
    const literal = records.bytes.ptr + this.literal;
    if (this.literalLen == 0) return;
    if (canBeginWith(records.dfaBytes.ptr + dfa.offset, dfa, literal, this.literalLen)) return;
    this.fault("regex.literalPrefix", "no value that begins so matches the automaton");
  }

  private fault(field: string, text: string): void {
    this.recorder.faults.addAt(field, text);
    this.hasFault = true;
  }
}
