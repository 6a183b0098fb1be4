// One Mutation of a route while it is decoded; part of RouteTableBuilder.
// Allocates: on growth; cold path only.

import { Codec } from "../../codec/codec";
import { MutationOperation } from "../../codec/mutation";
import { Known } from "../../format/operator";
import { MutationFormats, hasOperators } from "./mutation-formats";
import { RecordVector } from "./record-vector";
import { RouteRecorder } from "./route-recorder";
import { MutationRecord, RouteRecord } from "./route-records";

/** About what the parsed operators of one value cost. */
const FORMAT_COST: u32 = 512;

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
  private readonly requestFormats: MutationFormats;
  private readonly responseFormats: MutationFormats;

  constructor(recorder: RouteRecorder, codec: Codec) {
    this.recorder = recorder;
    this.requestFormats = new MutationFormats(codec, Known.Request);
    this.responseFormats = new MutationFormats(codec, Known.Response);
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

  /** Of the route at hand, from element `first` of the list on. */
  endRequest(first: u32): void {
    this.end(this.recorder.records.requestMutations, first, this.requestFormats);
  }

  endResponse(first: u32): void {
    this.end(this.recorder.records.responseMutations, first, this.responseFormats);
  }

  /** To be called with the numbers of mutations when a route ends. */
  endRoute(route: RouteRecord): void {
    route.requestFormat = this.keep(this.requestFormats, route.requestMutationCount);
    route.responseFormat = this.keep(this.responseFormats, route.responseMutationCount);
  }

  /** Number + 1 of what was kept, or 0. */
  private keep(from: MutationFormats, count: u32): u32 {
    const format = from.finish(<i32>count);
    if (format === null) return 0;
    const kept = this.recorder.records.tableFilters.mutationFormats;
    kept.push(format);
    return <u32>kept.length;
  }

  private end(list: RecordVector, first: u32, formats: MutationFormats): void {
    const faults = this.recorder.faults;
    if (!this.isKeySet) faults.addAt("key", "missing");
    const isKnown = this.operation >= 0 && this.operation <= MutationOperation.Remove;
    if (!isKnown) faults.addAt("operation", "unknown number " + this.operation.toString());
    if (!this.isKeySet || !isKnown || this.hasFault || !this.recorder.spendRecord()) return;
    const value = this.recorder.records.bytes.ptr + this.value;
    if (this.valueLen > 0 && hasOperators(value, this.valueLen)) {
      if (!this.recorder.spend(FORMAT_COST)) return;
      const fault = formats.add(<i32>(list.count - first), value, this.valueLen);
      if (fault.length > 0) faults.addAt("value", fault);
    }
    const mutation = changetype<MutationRecord>(list.add());
    mutation.operation = this.operation;
    mutation.key = this.key;
    mutation.keyLen = this.keyLen;
    mutation.value = this.value;
    mutation.valueLen = this.valueLen;
  }
}
