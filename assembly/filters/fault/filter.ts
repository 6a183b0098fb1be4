// Faults on purpose: a request is delayed, and then answered with an error instead of being sent.
//
//   slot   0  u32  1: the request is being delayed
//
// No host call for a request, whatever it meets.
// Allocates: at configuration.
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { Counter, counterOf } from "../../filter/counter";
import { Filter, FilterConfig, FilterStatus } from "../../filter/filter";
import { filterHost } from "../../filter/filter-host";
import { FilterSetup } from "../../filter/filter-setup";
import { ResponseFlag } from "../../filter/response-flag";
import { StaticText } from "../../wire/static-text";
import { decodeFault, Fault, MILLION } from "./config";
import { parseDecimal } from "../../wire/bytes";

const ABORTED = new StaticText("aborted by fault injection");

/** Metrics of a worker, which are there once there is a configuration. */
class FaultCounters {
  readonly delays: Counter = counterOf("fault_delays_injected");
  readonly activeDelays: Counter = counterOf("fault_delays_active", true);
  readonly overflow: Counter = counterOf("fault_delays_overflow");
  readonly aborts: Counter = counterOf("fault_aborts_injected");
}

export class FaultFilter extends Filter {
  private counters: FaultCounters | null = null;
  private readonly value: Slice = new Slice();
  private readonly text: Slice = new Slice();

  constructor() {
    super("metaproto.filters.fault");
    this.text.ptr = ABORTED.ptr;
    this.text.len = ABORTED.len;
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    if (this.counters === null) this.counters = new FaultCounters();
    return decodeFault(ptr, len, setup);
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const fault = changetype<Fault>(config);
    if (!fault.match.hold(call.codec, call.message)) return FilterStatus.Continue;
    const delayMs = this.delayOf(call, fault);
    if (delayMs == 0) return this.abort(call, fault);
    const counters = this.counters!;
    if (counters.activeDelays.value >= fault.maxActiveDelays) {
      counters.overflow.value++;
      return this.abort(call, fault);
    }
    counters.delays.value++;
    counters.activeDelays.value++;
    store<u32>(call.slot, 1);
    call.delayMs = delayMs;
    return FilterStatus.Pause;
  }

  override onDelayed(call: Call, config: FilterConfig): FilterStatus {
    this.endDelay(call);
    return this.abort(call, changetype<Fault>(config));
  }

  override onEnd(call: Call, config: FilterConfig): void {
    this.endDelay(call);
  }

  private endDelay(call: Call): void {
    if (load<u32>(call.slot) == 0) return;
    store<u32>(call.slot, 0);
    this.counters!.activeDelays.value--;
  }

  /** Milliseconds; 0: the request is not to be delayed. */
  private delayOf(call: Call, fault: Fault): u32 {
    const attribute = fault.delayAttribute;
    let delayMs = fault.fixedDelayMs;
    if (attribute !== null) {
      if (!attribute.find(call, this.value)) return 0;
      const asked = parseDecimal(this.value.ptr, this.value.len);
      if (asked < 0) return 0;
      delayMs = <u32>min<i64>(asked, fault.maxDelayMs);
    }
    return isDrawn(fault.delayPerMillion) ? delayMs : 0;
  }

  private abort(call: Call, fault: Fault): FilterStatus {
    const attribute = fault.abortAttribute;
    let code = fault.abortCode;
    if (attribute !== null) {
      if (!attribute.find(call, this.value)) return FilterStatus.Continue;
      const asked = parseDecimal(this.value.ptr, this.value.len);
      if (asked >= 0 && asked <= <i64>u32.MAX_VALUE) code = <u32>asked;
    }
    if (!isDrawn(fault.abortPerMillion)) return FilterStatus.Continue;
    this.counters!.aborts.value++;
    call.reply(fault.abortKind, code, ResponseFlag.FaultInjected, this.text);
    return FilterStatus.Reply;
  }
}

/** True so often of a million times. */
function isDrawn(perMillion: u32): bool {
  if (perMillion == 0 || perMillion == MILLION) return perMillion > 0;
  return <u32>((<u64>filterHost().random() * MILLION) >> 32) < perMillion;
}
