// One Mutation of a route while it is decoded; part of RouteTableBuilder.
// Allocates: on growth; cold path only.

import { MutationOperation } from "../../codec/mutation";
import { RecordVector } from "./record-vector";
import { RouteRecorder } from "./route-recorder";
import { MutationRecord } from "./route-records";

export class MutationBuilder {
  /** A number of MutationOperation; checked at the end. */
  operation: i32 = 0;
  private recorder: RouteRecorder;
  private key: u32 = 0;
  private keyLen: u32 = 0;
  private isKeySet: bool = false;
  private value: u32 = 0;
  private valueLen: u32 = 0;
  private hasFault: bool = false;

  constructor(recorder: RouteRecorder) {
    this.recorder = recorder;
  }

  begin(): void {
    this.operation = 0;
    this.isKeySet = false;
    this.valueLen = 0;
    this.hasFault = false;
  }

  setKey(ptr: usize, len: u32): void {
    this.isKeySet = true;
    if (!this.recorder.takeSome("key", ptr, len)) this.hasFault = true;
    this.key = this.recorder.taken;
    this.keyLen = len;
  }

  setValue(ptr: usize, len: u32): void {
    if (!this.recorder.take("value", ptr, len)) this.hasFault = true;
    this.value = this.recorder.taken;
    this.valueLen = len;
  }

  /** The decoder has found a fault in the mutation: no further ones follow from it. */
  refuse(): void {
    this.isKeySet = true;
    this.hasFault = true;
  }

  /** Adds it to `list`, one of the two lists of mutations. */
  end(list: RecordVector): void {
    const faults = this.recorder.faults;
    if (!this.isKeySet) faults.addAt("key", "missing");
    const isKnown = this.operation >= 0 && this.operation <= MutationOperation.Remove;
    if (!isKnown) faults.addAt("operation", "unknown number " + this.operation.toString());
    if (!this.isKeySet || !isKnown || this.hasFault || !this.recorder.spendRecord()) return;
    const mutation = changetype<MutationRecord>(list.add());
    mutation.operation = this.operation;
    mutation.key = this.key;
    mutation.keyLen = this.keyLen;
    mutation.value = this.value;
    mutation.valueLen = this.valueLen;
  }
}
