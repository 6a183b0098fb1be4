// A token bucket that all workers share.
//
// A request costs two host calls at most: the record is read, and written with the version that was read, so
// that no token is given twice. Two things make it cost less without making it less exact:
// * A worker that needs many tokens takes some in advance, never more than 1/64 of those that are there: a
//   bucket of less than 128 tokens gives them one by one. What it does not use within two ticks goes back.
// * An empty bucket is not asked again before its next fill, or, where others may bring tokens back, before
//   the next tick.
// Allocates: at configuration.
import { Status } from "../../proxy-wasm-as/abi/enums";
import {
  getSharedDataAt,
  setSharedDataAt,
  sharedDataCas,
} from "../../proxy-wasm-as/host/shared-data";
import { directNextAllocation } from "../../proxy-wasm-as/memory/arena";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { BucketRecord, BucketShape } from "./bucket-record";

/** Of the tokens that are there, how many a worker may take at once: one of so many. */
const SHARE: u32 = 64;
const TICK_NS: u64 = 10000000;
/** Each failure means that another worker was faster: this many in a row do not happen. */
const ATTEMPTS: u32 = 100;
/** Version of no item: creates one, unless another worker has done so meanwhile. */
const CREATE: u32 = u32.MAX_VALUE;

const RECORD_BYTES: u32 = <u32>offsetof<BucketRecord>();
const RECORD_PTR: usize = memory.data(16, 8);

export class Bucket {
  /** It has tokens or a use that the next tick must look at. */
  isActive: bool = false;
  /** Tokens that were taken in advance, after the fill at `takenNs`. */
  private taken: u32 = 0;
  private takenNs: u64 = 0;
  // Requests that got a token since the last tick, and between the two before it.
  private used: u32 = 0;
  private usedBefore: u32 = 0;
  // For how long it is known to be empty.
  private emptyNs: u64 = 0;
  private emptyForNs: u64 = 0;

  /** Buckets with equal keys are one. */
  constructor(
    private readonly shape: BucketShape,
    private readonly key: ArrayBuffer,
  ) {}

  /** One token; false: there is none. */
  take(nowNs: u64): bool {
    // Unsigned: a clock that was set back makes the differences huge.
    if (this.taken > 0 && nowNs - this.takenNs < this.shape.intervalNs) {
      this.taken--;
      this.used++;
      return true;
    }
    if (nowNs - this.emptyNs < this.emptyForNs) return false;
    return this.takeShared(nowNs);
  }

  private takeShared(nowNs: u64): bool {
    const record = changetype<BucketRecord>(RECORD_PTR);
    for (let attempt: u32 = 0; attempt < ATTEMPTS; attempt++) {
      let cas = CREATE;
      let isChanged: bool = true;
      if (this.read(record)) {
        cas = sharedDataCas;
        isChanged = record.advance(this.shape, nowNs);
      } else {
        record.begin(this.shape, nowNs);
      }
      record.giveBack(this.shape, this.taken, this.takenNs);
      const count = this.share(record.tokens);
      if (count == 0) this.rememberEmpty(record, nowNs);
      if (count == 0 && !isChanged) return false;
      record.tokens -= count;
      if (!this.write(record, cas)) continue;
      this.takenNs = record.fillNs;
      this.taken = count > 0 ? count - 1 : 0;
      this.used += count > 0 ? 1 : 0;
      return count > 0;
    }
    return false;
  }

  /** As many as were of use in the time of a tick, within bounds. */
  private share(tokens: u32): u32 {
    if (tokens == 0) return 0;
    const wanted = max<u32>(max(this.used, this.usedBefore), 1);
    return min(wanted, max<u32>(tokens / SHARE, 1));
  }

  private rememberEmpty(record: BucketRecord, nowNs: u64): void {
    const shape = this.shape;
    const untilNs = record.fillNs + shape.intervalNs;
    const waitNs = untilNs > nowNs ? untilNs - nowNs : 0;
    this.emptyNs = nowNs;
    this.emptyForNs = shape.maxTokens < 2 * SHARE ? waitNs : min(waitNs, TICK_NS);
  }

  /** About once in 10 ms while it is active. */
  onTick(): void {
    if (this.used == 0 && this.taken > 0) this.bringBack();
    this.usedBefore = this.used;
    this.used = 0;
    this.isActive = this.taken > 0 || this.usedBefore > 0;
  }

  private bringBack(): void {
    const record = changetype<BucketRecord>(RECORD_PTR);
    for (let attempt: u32 = 0; attempt < ATTEMPTS && this.read(record); attempt++) {
      record.giveBack(this.shape, this.taken, this.takenNs);
      if (this.write(record, sharedDataCas)) break;
    }
    this.taken = 0;
  }

  /** False: there is none. */
  private read(record: BucketRecord): bool {
    const key = this.key;
    const ptr = changetype<usize>(record);
    directNextAllocation(ptr, RECORD_BYTES);
    const status = getSharedDataAt(changetype<usize>(key), <u32>key.byteLength);
    return status == Status.Ok && bytesPtr == ptr && bytesLen == RECORD_BYTES;
  }

  private write(record: BucketRecord, cas: u32): bool {
    const key = this.key;
    const ptr = changetype<usize>(record);
    const keyPtr = changetype<usize>(key);
    return setSharedDataAt(keyPtr, <u32>key.byteLength, ptr, RECORD_BYTES, cas) == Status.Ok;
  }
}
