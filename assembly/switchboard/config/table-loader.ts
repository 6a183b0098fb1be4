// Makes a route table of one route configuration, in slices.
// Allocates: the table; cold path only.

import { Codec } from "../../codec/codec";
import { RouteTable } from "../route/table";
import { Faults } from "./faults";
import { RouteTableBuilder } from "./route-builder";
import { RouteConfigurationDecoder } from "./route-configuration-pb";
import { WorkBudget } from "./work-budget";

/** Loads one table; for the next one there is another loader. */
export class TableLoader {
  /** The configuration; it stays where it is until `advance` has returned true. */
  readonly ptr: usize;
  readonly len: u32;
  /** Its hash. */
  readonly content: u64;
  private codec: Codec;
  private builder: RouteTableBuilder;
  private decoder: RouteConfigurationDecoder;
  private isDecoded: bool = false;

  /** What is wrong with it is added to `faults`. */
  constructor(ptr: usize, len: u32, content: u64, codec: Codec, faults: Faults) {
    const builder = new RouteTableBuilder(faults, codec);
    const decoder = new RouteConfigurationDecoder(builder, faults);
    decoder.begin(ptr, len);
    this.ptr = ptr;
    this.len = len;
    this.content = content;
    this.codec = codec;
    this.builder = builder;
    this.decoder = decoder;
  }

  /** Goes on until the budget is spent; true when all is done. */
  advance(budget: WorkBudget): bool {
    if (!this.isDecoded) {
      if (!this.decoder.advance(budget)) return false;
      this.isDecoded = true;
    }
    return this.builder.advance(this.codec, budget);
  }

  /** After `advance` has returned true: the table, with one reference, or null when there are faults. */
  takeTable(): RouteTable | null {
    return this.builder.takeTable();
  }
}
