// What is counted together: the requests of one route, cluster and method, or those that have all labels of
// Istio's metrics in common. One block of memory:
//
//   | Series | values: u64 each | told: u64 each | ids: u32 each | the four parts of the key |
//
// A histogram takes `ends + 3` of the values: the sum, a bucket for each end, the bucket without an end, and
// one that is never set, for the number of all. Buckets are kept apart here and summed up when they are told.
//
// Allocates: when a series begins.
import { ResponseStatus, Slice } from "../../codec/message";
import { ResponseFlag } from "../../filter/response-flag";
import { equalBytes, hashBytes } from "../../wire/bytes";
import { bucketOf } from "./buckets";
import { ChainLink } from "./chains";
import { MAX_LABEL_BYTES } from "./label-text";

const MICROSECONDS: u64 = 1000;

/** Responses of a series that have the status and the flag in common. */
@unmanaged
export class Responses {
  next: usize;
  status: ResponseStatus;
  flag: ResponseFlag;
  value: u64;
  told: u64;
  id: u32;
  isDefined: bool;
}

@unmanaged
export class Series extends ChainLink {
  // All of a table, in no order.
  previous: usize;
  next: usize;
  /** A StatsConfig. */
  config: usize;
  /** Of Istio's metrics: the response's code and flag. */
  code: u32;
  flag: ResponseFlag;
  len0: u16;
  len1: u16;
  len2: u16;
  len3: u16;
  /** How many values. */
  count: u32;
  /** Requests that are under way. */
  active: u32;
  usedMs: u64;
  /** There is something to tell. */
  isChanged: bool;
  /** How many of the values the host has ids for. */
  defined: u32;
  /** Of `Responses`. */
  responses: usize;

  get values(): usize {
    return changetype<usize>(this) + offsetof<Series>();
  }

  get told(): usize {
    return this.values + ((<usize>this.count) << 3);
  }

  get ids(): usize {
    return this.told + ((<usize>this.count) << 3);
  }

  get key(): usize {
    return this.ids + ((<usize>this.count) << 2);
  }

  value(index: u32): u64 {
    return load<u64>(this.values + ((<usize>index) << 3));
  }

  add(index: u32, value: u64): void {
    const at = this.values + ((<usize>index) << 3);
    store<u64>(at, load<u64>(at) + value);
  }

  /** Of the histogram that begins at `index`: `thousandths` of what its ends are thousandths of. */
  observe(index: u32, ends: StaticArray<u64>, thousandths: u64): void {
    this.add(index, thousandths);
    this.add(index + 1 + bucketOf(ends, thousandths), 1);
  }

  /** Counts a response; the kinds of responses are few. */
  respond(status: ResponseStatus, flag: ResponseFlag): void {
    let at = this.responses;
    while (at != 0) {
      const known = changetype<Responses>(at);
      if (known.status == status && known.flag == flag) break;
      at = known.next;
    }
    if (at == 0) at = this.addResponses(status, flag);
    changetype<Responses>(at).value++;
  }

  private addResponses(status: ResponseStatus, flag: ResponseFlag): usize {
    const at = heap.alloc(offsetof<Responses>());
    memory.fill(at, 0, offsetof<Responses>());
    const responses = changetype<Responses>(at);
    responses.next = this.responses;
    responses.status = status;
    responses.flag = flag;
    this.responses = at;
    return at;
  }

  free(): void {
    let at = this.responses;
    while (at != 0) {
      const next = changetype<Responses>(at).next;
      heap.free(at);
      at = next;
    }
    heap.free(changetype<usize>(this));
  }
}

/** Values of a histogram with these ends. */
export function histogramValues(ends: StaticArray<u64>): u32 {
  return <u32>ends.length + 3;
}

/** Milliseconds of a histogram's sum of microseconds, and likewise. */
export function wholeOf(thousandths: u64): u64 {
  return thousandths / MICROSECONDS;
}

/** What a series is found by; one for all. */
export class SeriesKey {
  config: usize = 0;
  code: u32 = 0;
  flag: ResponseFlag = ResponseFlag.None;
  readonly part0: Slice = new Slice();
  readonly part1: Slice = new Slice();
  readonly part2: Slice = new Slice();
  readonly part3: Slice = new Slice();
  private hash: u32 = 0;

  private bounded(part: Slice): u32 {
    if (part.len > MAX_LABEL_BYTES) part.len = MAX_LABEL_BYTES;
    return hashBytes(part.ptr, part.len);
  }

  /** When all of it is set; longer parts are cut off. */
  seal(): u32 {
    let hash = <u32>this.config * 0x9e3779b1 + (this.code << 8) + <u32>this.flag;
    hash = (hash ^ this.bounded(this.part0)) * 0x85ebca6b;
    hash = (hash ^ this.bounded(this.part1)) * 0xc2b2ae35;
    hash = (hash ^ this.bounded(this.part2)) * 0x27d4eb2f;
    hash = (hash ^ this.bounded(this.part3)) * 0x165667b1;
    this.hash = hash ^ (hash >> 15);
    return this.hash;
  }

  equals(series: Series): bool {
    if (series.hash != this.hash || series.config != this.config) return false;
    if (series.code != this.code || series.flag != this.flag) return false;
    let at = series.key;
    if (!isPart(at, series.len0, this.part0)) return false;
    at += series.len0;
    if (!isPart(at, series.len1, this.part1)) return false;
    at += series.len1;
    if (!isPart(at, series.len2, this.part2)) return false;
    at += series.len2;
    return isPart(at, series.len3, this.part3);
  }

  /** Whether it is one of the same configuration and route configuration. */
  isSibling(series: Series): bool {
    return series.config == this.config && isPart(series.key, series.len0, this.part0);
  }

  /** A series without anything counted. */
  create(count: u32): Series {
    const len = this.part0.len + this.part1.len + this.part2.len + this.part3.len;
    const bytes = offsetof<Series>() + <usize>count * 20 + len;
    const at = heap.alloc(bytes);
    memory.fill(at, 0, bytes);
    const series = changetype<Series>(at);
    series.hash = this.hash;
    series.config = this.config;
    series.code = this.code;
    series.flag = this.flag;
    series.count = count;
    series.len0 = <u16>this.part0.len;
    series.len1 = <u16>this.part1.len;
    series.len2 = <u16>this.part2.len;
    series.len3 = <u16>this.part3.len;
    let key = series.key;
    key = append(key, this.part0);
    key = append(key, this.part1);
    key = append(key, this.part2);
    append(key, this.part3);
    return series;
  }

  /** The parts of a series' key, where they are. */
  show(series: Series): void {
    let at = series.key;
    at = point(this.part0, at, series.len0);
    at = point(this.part1, at, series.len1);
    at = point(this.part2, at, series.len2);
    point(this.part3, at, series.len3);
  }
}

function isPart(at: usize, len: u32, part: Slice): bool {
  return len == part.len && equalBytes(at, part.ptr, len);
}

function append(at: usize, part: Slice): usize {
  memory.copy(at, part.ptr, part.len);
  return at + part.len;
}

function point(part: Slice, at: usize, len: u32): usize {
  part.ptr = at;
  part.len = len;
  return at + len;
}
