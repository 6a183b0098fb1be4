// What a filter needs to make sense of a configuration.
// Allocates: cold path only.
import { Codec } from "../codec/codec";
import { Message } from "../codec/message";
import { JsonConfig } from "./json-config";

/** Matches on attributes, all of which must hold; none: they always do. */
export abstract class Conditions {
  /**
   * Adds the `len` bytes at `ptr`: a metaproto.v1.AttributeMatch in protobuf encoding. False: there is a
   * fault, which has been told.
   */
  abstract add(ptr: usize, len: u32): bool;
  abstract hold(codec: Codec, message: Message): bool;
  abstract get isEmpty(): bool;
}

export abstract class FilterSetup {
  constructor(readonly codec: Codec) {}

  /** Refuses the configuration: `field` is the path of what is wrong with it. */
  abstract fault(field: string, text: string): void;
  /** Faults that follow are within this field, or this element of a repeated one (-1: not repeated). */
  abstract enter(field: string, index: i32): void;
  abstract leave(): void;
  abstract createConditions(): Conditions;
  /** Reads the `len` bytes at `ptr`, a whole configuration; nothing at all is an empty object. */
  abstract json(ptr: usize, len: u32): JsonConfig;
}
