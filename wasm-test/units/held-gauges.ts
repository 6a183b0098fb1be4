// AssemblyScript: a module's plugin that also tells, once a second, what its VM holds, for tests against a
// real Envoy, where nobody else can look into a VM:
//   probe_heap_bytes  heap that is allocated, garbage included
//   probe_streams     requests that somebody waits for, or that a server may still answer

import { Codec } from "../../assembly/codec/codec";
import { MetricType, Status } from "../../assembly/proxy-wasm-as/abi/enums";
import { Metric } from "../../assembly/proxy-wasm-as/host/metrics";
import { SwitchboardPlugin } from "../../assembly/switchboard/plugin/switchboard-plugin";
import { clock } from "../../assembly/switchboard/clock";
import { streams } from "../../assembly/switchboard/stream/stream-table";
import { allocatedHeapBytes } from "./heap-usage";

const PERIOD_MS: u64 = 1000;

class Held {
  private readonly metric: Metric = new Metric();
  private told: u64 = 0;
  private isDefined: bool = false;

  define(name: string): void {
    if (this.isDefined) return;
    this.isDefined = this.metric.define(MetricType.Gauge, name) == Status.Ok;
  }

  tell(value: u64): void {
    if (value == this.told) return;
    this.metric.increment(<i64>(value - this.told));
    this.told = value;
  }
}

const heapBytes = new Held();
const streamCount = new Held();
let toldMs: u64 = 0;
let plugins: i32 = 0;

function tell(heap: u64, count: u64): void {
  heapBytes.tell(heap);
  streamCount.tell(count);
}

export class ProbedPlugin extends SwitchboardPlugin {
  constructor(
    codec: Codec,
    private readonly name: string,
  ) {
    super(codec, name);
    plugins++;
  }

  override onConfigure(size: u32): bool {
    heapBytes.define("metaproto." + this.name + ".probe_heap_bytes");
    streamCount.define("metaproto." + this.name + ".probe_streams");
    return super.onConfigure(size);
  }

  override onTick(): void {
    super.onTick();
    if (clock.nowMs - toldMs < PERIOD_MS) return;
    toldMs = clock.nowMs;
    tell(allocatedHeapBytes(), streams.used);
  }

  override onDelete(): void {
    if (--plugins == 0) tell(0, 0);
    super.onDelete();
  }
}
