// One condition of a route on one attribute.
// Allocates: never.
// Next: switchboard/route/weighted-cluster.ts

import { Codec } from "../../codec/codec";
import { Message } from "../../codec/message";
import { equalBytes } from "../../wire/bytes";
import { TableAttribute } from "./attribute";
import { Dfa } from "./dfa";
import { LookupCost } from "./lookup-cost";

export enum MatchKind {
  Exact = 0,
  Prefix = 1,
  Regex = 2,
  Present = 3,
}

@unmanaged
export class AttributeMatch {
  attribute: TableAttribute;
  kind: MatchKind;
  /** Holds when the specifier does not. */
  invert: bool;
  /** Exact and Prefix: the bytes to compare with. */
  valuePtr: usize;
  valueLen: u32;
  /** Regex. */
  dfa: Dfa;
  /** Regex: bytes that the value is known to begin with, and the state that they lead to. */
  skip: u32;
  state: u32;

  /** An absent attribute matches none, so an inverted match on it holds. */
  holds(codec: Codec, message: Message, lookup: u32): bool {
    LookupCost.steps++;
    const attribute = this.attribute;
    if (!attribute.fetch(codec, message, lookup)) return this.invert;
    return this.matches(attribute.valuePtr, attribute.valueLen) != this.invert;
  }

  private matches(ptr: usize, len: u32): bool {
    switch (this.kind) {
      case MatchKind.Exact:
        return len == this.valueLen && equalBytes(ptr, this.valuePtr, len);
      case MatchKind.Prefix:
        return len >= this.valueLen && equalBytes(ptr, this.valuePtr, this.valueLen);
      case MatchKind.Regex:
        // SAFETY: `skip` is 0, or the value was found by a prefix of that many bytes.
        return this.dfa.accepts(this.state, ptr + this.skip, len - this.skip);
      default:
        return true;
    }
  }
}
