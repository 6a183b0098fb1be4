// Limits how many requests pass in a time, by token buckets that all workers of an Envoy share.
//
// Host calls for each request that is limited: two if it takes its token from the shared bucket, none if its
// worker has taken one in advance or knows the bucket to be empty. See bucket.ts.
// Allocates: at configuration.
import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { Filter, FilterConfig, FilterStatus } from "../../filter/filter";
import { filterHost } from "../../filter/filter-host";
import { FilterSetup } from "../../filter/filter-setup";
import { ResponseFlag } from "../../filter/response-flag";
import { Bucket } from "./bucket";
import { decodeLocalRateLimit, LocalRateLimit } from "./config";

export class LocalRateLimitFilter extends Filter {
  /** Buckets that the next tick looks at, those of replaced configurations included. */
  private readonly active: Array<Bucket> = new Array<Bucket>();
  private readonly text: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));

  constructor() {
    super("metaproto.filters.local_rate_limit");
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    return decodeLocalRateLimit(ptr, len, setup);
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const limit = changetype<LocalRateLimit>(config);
    const bucket = limit.bucketOf(call);
    if (bucket === null) return FilterStatus.Continue;
    if (bucket.take(filterHost().nowNs)) {
      limit.ok.value++;
      if (!bucket.isActive) {
        bucket.isActive = true;
        this.active.push(bucket);
      }
      return FilterStatus.Continue;
    }
    limit.enforced.value++;
    const text = this.text;
    text.ptr = changetype<usize>(limit.text);
    text.len = <u32>limit.text.byteLength;
    call.reply(ErrorKind.RateLimited, NO_ERROR_CODE, ResponseFlag.RateLimited, text);
    return FilterStatus.Reply;
  }

  override onTick(nowMs: u64): void {
    const active = this.active;
    for (let i = active.length - 1; i >= 0; i--) {
      const bucket = unchecked(active[i]);
      bucket.onTick();
      if (bucket.isActive) continue;
      const last = active.pop();
      if (i < active.length) active[i] = last;
    }
  }
}
