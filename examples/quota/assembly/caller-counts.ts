// How many requests of each caller there were in the current interval, counted by all workers together.
//
// They are in Envoy's shared data, which all workers see and which forgets nothing: callers have places by their hash,
// so that no number of them takes more than SLOTS. Two callers may have the same place, and then have one quota.
//
//   key     name of the quota | u16 place
//   value   0 u64 number of the interval since 1970 | 8 u32 requests in it
//
// Allocates: at configuration.
import {
  bytesLen,
  bytesPtr,
  getSharedDataAt,
  setSharedDataAt,
  sharedDataCas,
  Status,
} from "metaproto-as/proxy-wasm-as";

export const MAX_NAME_BYTES: i32 = 64;

const SLOTS: u32 = 1 << 16;
const SLOT_BYTES: u32 = 2;
const PREFIX = String.UTF8.encode("quota/");

const REQUESTS_AT: usize = 8;
const RECORD_BYTES: u32 = 12;
const RECORD: usize = memory.data(12, 8);

/** Version of no record: it is made, unless another worker has done so meanwhile. */
const NEW: u32 = u32.MAX_VALUE;
/** Each failure means that another worker was faster: this many in a row do not happen. */
const ATTEMPTS: u32 = 100;

export class CallerCounts {
  private readonly key: ArrayBuffer;

  /** Counts of the same name are the same. */
  constructor(name: ArrayBuffer) {
    const key = new ArrayBuffer(PREFIX.byteLength + name.byteLength + <i32>SLOT_BYTES);
    const at = changetype<usize>(key);
    memory.copy(at, changetype<usize>(PREFIX), PREFIX.byteLength);
    memory.copy(at + PREFIX.byteLength, changetype<usize>(name), name.byteLength);
    this.key = key;
  }

  /** One request more of the caller with this hash; false: there were `most` in this interval already. */
  add(caller: u32, interval: u64, most: u32): bool {
    const ptr = changetype<usize>(this.key);
    const len = <u32>this.key.byteLength;
    store<u16>(ptr + len - SLOT_BYTES, <u16>(caller % SLOTS));
    for (let attempt: u32 = 0; attempt < ATTEMPTS; attempt++) {
      let version = NEW;
      let requests: u32 = 0;
      if (getSharedDataAt(ptr, len) == Status.Ok) {
        version = sharedDataCas;
        const isCurrent = bytesLen == RECORD_BYTES && load<u64>(bytesPtr) == interval;
        if (isCurrent) requests = load<u32>(bytesPtr, REQUESTS_AT);
      }
      if (requests >= most) return false;
      store<u64>(RECORD, interval);
      store<u32>(RECORD, requests + 1, REQUESTS_AT);
      if (setSharedDataAt(ptr, len, RECORD, RECORD_BYTES, version) == Status.Ok) return true;
    }
    return false;
  }
}
