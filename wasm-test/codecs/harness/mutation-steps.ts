// What tests of mutations have in common: the steps of a mutation, and a frame encoded with them.
import type { CodecHarness } from "./codec-harness.js";
import {
  DecodeStatus,
  type EncodedFrame,
  MutationOperation,
  type MutationStep,
  type Origin,
} from "./contract.js";

export function set(key: string, value: string): MutationStep {
  return { operation: MutationOperation.Set, key, value };
}

export function addIfAbsent(key: string, value: string): MutationStep {
  return { operation: MutationOperation.AddIfAbsent, key, value };
}

export function remove(key: string): MutationStep {
  return { operation: MutationOperation.Remove, key };
}

export type Encode = (
  bytes: Uint8Array,
  origin: Origin,
  steps?: readonly MutationStep[],
  id?: number,
) => EncodedFrame;

/** Encodes whole frames, under `id` unless another is given. @throws Error for bytes that are no frame. */
export function encoderOf(codec: CodecHarness, id: number): Encode {
  return (bytes, origin, steps, own = id) => {
    const { decodeStatus } = codec.decode(bytes, origin, codec.openState());
    if (decodeStatus !== DecodeStatus.Done) throw new Error("not a whole frame");
    return codec.encode(BigInt(own), steps);
  };
}
