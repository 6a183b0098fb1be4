// Metrics of the host: counters, gauges, histograms.
// Spec: proxy-wasm ABI 0.2.1, chapter "Metrics". In Envoy they show as `wasmcustom.<name>`.
// Allocates: never, but for define, which gives its arena memory back.

import {
  proxy_define_metric,
  proxy_get_metric,
  proxy_increment_metric,
  proxy_record_metric,
} from "../abi/env";
import { MetricType, Status } from "../abi/enums";
import { mark, release } from "../memory/arena";
import { RESULT_PTR } from "../memory/host-bytes";
import { encodeText, textLen } from "./text";

/** The value that Metric.get read last. */
export let metricValue: u64 = 0;

/** The id that defineMetric got last. */
export let metricId: u32 = 0;

/**
 * Defines a metric whose name is the `nameLen` bytes at `namePtr`, for modules that make names without
 * strings; on Ok its id is in metricId. The host forgets no metric before the VM ends, and gives another id
 * each time: call it once for a name.
 */
export function defineMetric(type: MetricType, namePtr: usize, nameLen: u32): Status {
  const status = <Status>proxy_define_metric(<u32>type, namePtr, <usize>nameLen, RESULT_PTR);
  metricId = status == Status.Ok ? load<u32>(RESULT_PTR) : 0;
  return status;
}

/** As Metric.increment, by the id of defineMetric. */
export function incrementMetric(id: u32, delta: i64): Status {
  return <Status>proxy_increment_metric(id, delta);
}

/** One metric. Define it in onConfigure; the same name and type always give the same metric. */
@final
export class Metric {
  private id: u32 = 0;
  isDefined: bool = false;

  /** Defines it. InternalFailure: the arena has no room for the name. */
  define(type: MetricType, name: string): Status {
    const position = mark();
    const namePtr = encodeText(name);
    const status =
      namePtr == 0
        ? Status.InternalFailure
        : <Status>proxy_define_metric(<u32>type, namePtr, <usize>textLen, RESULT_PTR);
    release(position);
    this.isDefined = status == Status.Ok;
    if (this.isDefined) this.id = load<u32>(RESULT_PTR);
    return status;
  }

  /** Adds to a counter (BadArgument when negative) or a gauge. NotFound: it was never defined. */
  increment(delta: i64): Status {
    if (!this.isDefined) return Status.NotFound;
    return <Status>proxy_increment_metric(this.id, delta);
  }

  /** Sets a gauge, or adds a value to a histogram. NotFound: it was never defined. */
  record(value: u64): Status {
    if (!this.isDefined) return Status.NotFound;
    return <Status>proxy_record_metric(this.id, value);
  }

  /** Reads a counter or gauge; on Ok its value is in metricValue. */
  get(): Status {
    if (!this.isDefined) return Status.NotFound;
    const status = <Status>proxy_get_metric(this.id, RESULT_PTR);
    metricValue = status == Status.Ok ? load<u64>(RESULT_PTR) : 0;
    return status;
  }
}
