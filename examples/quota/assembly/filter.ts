// Gives each caller so many requests in an interval.
//
// Two host calls for each request: its caller's count is read, and written one higher. The address of a client, where
// that is the caller, is asked for once for each of its connections.
// Allocates: never.
import {
  Call,
  cutPort,
  ErrorKind,
  Filter,
  FilterConfig,
  filterHost,
  FilterSetup,
  FilterStatus,
  hashBytes,
  NO_ERROR_CODE,
  ResponseFlag,
  Slice,
  StaticText,
} from "metaproto-as/filter";
import { Quota, readQuota } from "./settings";

const USED_UP = new StaticText("the caller's quota is used up");

export class QuotaFilter extends Filter {
  private readonly caller: Slice = new Slice();
  private readonly text: Slice = new Slice();

  constructor() {
    super("quota");
    this.text.ptr = USED_UP.ptr;
    this.text.len = USED_UP.len;
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    return readQuota(ptr, len, setup);
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const quota = changetype<Quota>(config);
    const caller = this.caller;
    if (!this.findCaller(call, quota)) return FilterStatus.Continue;
    const interval = filterHost().nowNs / quota.intervalNs;
    if (quota.counts.add(hashBytes(caller.ptr, caller.len), interval, quota.requests)) {
      quota.ok.value++;
      return FilterStatus.Continue;
    }
    quota.usedUp.value++;
    call.reply(ErrorKind.RateLimited, NO_ERROR_CODE, ResponseFlag.RateLimited, this.text);
    return FilterStatus.Reply;
  }

  /** By the attribute or, without it, by the client's address. */
  private findCaller(call: Call, quota: Quota): bool {
    const attribute = quota.caller;
    if (attribute !== null && attribute.find(call, this.caller)) return true;
    if (!call.sourceAddress(this.caller)) return false;
    cutPort(this.caller);
    return true;
  }
}
