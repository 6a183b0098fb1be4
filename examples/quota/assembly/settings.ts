// How much a caller may ask for, of all routes or of one:
//
//   { "name": "reports", "caller": "remote.application", "requests": 5, "interval": "1m" }
//
//   name      quotas of the same name are the same quota, whichever routes have them
//   caller    attribute that says who asks; default, and for requests without it: the client's address
//   requests  in an interval, over all workers of the proxy
//   interval  intervals begin at multiples of it since 1970, not with a caller's first request
//
// Allocates: at configuration.
import { AttributeName, Counter, counterOf, FilterConfig, FilterSetup } from "metaproto-as/filter";
import { CallerCounts, MAX_NAME_BYTES } from "./caller-counts";

const FIELDS: StaticArray<string> = ["name", "caller", "requests", "interval"];
const NS_PER_MS: u64 = 1000000;

export class Quota extends FilterConfig {
  readonly ok: Counter = counterOf("quota_ok");
  readonly usedUp: Counter = counterOf("quota_used_up");
  readonly counts: CallerCounts;
  readonly intervalNs: u64;

  constructor(
    name: ArrayBuffer,
    readonly caller: AttributeName | null,
    readonly requests: u32,
    intervalMs: u32,
  ) {
    super();
    this.counts = new CallerCounts(name);
    this.intervalNs = <u64>intervalMs * NS_PER_MS;
  }
}

/** Null: something is wrong with it, and `setup` was told what. */
export function readQuota(ptr: usize, len: u32, setup: FilterSetup): Quota | null {
  let name: ArrayBuffer | null = null;
  let caller: AttributeName | null = null;
  let requests: i64 = -1;
  let intervalMs: i64 = -1;
  const json = setup.json(ptr, len);
  if (json.begin()) {
    while (json.next(FIELDS)) {
      switch (json.field) {
        case 0: {
          name = json.text();
          const size = name.byteLength;
          if (size == 0 || size > MAX_NAME_BYTES) json.refuse("must have 1 to 64 bytes");
          break;
        }
        case 1: {
          caller = AttributeName.of(json.text(), setup.codec);
          break;
        }
        case 2: {
          requests = json.number();
          break;
        }
        case 3: {
          intervalMs = json.duration();
          if (intervalMs == 0) json.refuse("must be above 0s");
          break;
        }
      }
    }
  }
  if (name === null) setup.fault("name", "missing");
  if (requests < 0) setup.fault("requests", "missing");
  if (intervalMs < 0) setup.fault("interval", "missing");
  return json.end() ? new Quota(name!, caller, <u32>requests, <u32>intervalMs) : null;
}
