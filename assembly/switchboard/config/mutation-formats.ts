// The values with operators among the mutations of a route in one direction, while they are decoded; part of
// MutationBuilder.
// Allocates: cold path only.

import { Codec } from "../../codec/codec";
import { Style } from "../../format/format";
import { FormatParser } from "../../format/format-parser";
import { Known } from "../../format/operator";
import { MutationFormat } from "../filter/mutation-format";

const PERCENT: u32 = 0x25;

export class MutationFormats {
  private readonly parser: FormatParser;
  private ends: Array<i32> = new Array<i32>();

  /** `known`: what is known when the frame is mutated. */
  constructor(codec: Codec, known: Known) {
    this.parser = new FormatParser(codec, known);
  }

  /** The value of the route's mutation number `index`; a fault, or the empty text. */
  add(index: i32, ptr: usize, len: u32): string {
    this.fill(index);
    if (!this.parser.text(ptr, len, Style.Raw)) return this.parser.fault;
    this.ends.push(this.parser.endPart());
    return "";
  }

  private fill(count: i32): void {
    while (this.ends.length < count) this.ends.push(this.parser.endPart());
  }

  /** Of a route with `count` mutations; null: none has operators. It is ready for the next route then. */
  finish(count: i32): MutationFormat | null {
    if (this.ends.length == 0) return null;
    this.fill(count);
    const ends = this.ends;
    this.ends = new Array<i32>();
    return new MutationFormat(this.parser.finish(), ends);
  }
}

/** Whether there is an operator, or a percent sign that is written twice. */
export function hasOperators(ptr: usize, len: u32): bool {
  for (let i: u32 = 0; i < len; i++) if (load<u8>(ptr + i) == PERCENT) return true;
  return false;
}
