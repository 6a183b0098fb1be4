// Hands series to the host as counters and gauges, as differences, since the workers of an Envoy share its
// metrics. A few in one tick: a thousand series at once would keep requests waiting. To define a metric is the
// dear part, 40 to 400 us of Envoy's, which tries each of its stats_tags on the name.
//
// Names: `metaproto.<protocol>.<labels><metric>`, and `<labels><metric>` for Istio's.
// Host calls: one for each value that has changed, and one more for each value of a new series.
// Allocates: never after construction.
import { flagText } from "../../filter/response-flag";
import { MetricType, Status } from "../../proxy-wasm-as/abi/enums";
import { defineMetric, incrementMetric, metricId } from "../../proxy-wasm-as/host/metrics";
import { writeDecimal } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { DEFAULT_ENDS } from "./buckets";
import { RESPONSE_CODE, RESPONSE_FLAGS_LABEL } from "./istio-labels";
import { LabelText } from "./label-text";
import { Responses, Series, SeriesKey, histogramValues, wholeOf } from "./series";
import { StatsConfig } from "./stats-config";

/** Host calls of one tick, and those of the series at hand. */
export const CALLS_PER_TICK: u32 = 1000;
/** As many of them as it takes to define one metric. */
const CALLS_PER_DEFINITION: u32 = 200;

const ROUTE_CONFIGURATION = new StaticText("route_configuration");
const ROUTE = new StaticText("route");
// Not `cluster`, which Istio would find in its `source_cluster`.
const CLUSTER = new StaticText("upstream_cluster");
const METHOD = new StaticText("method");
const STATUS = new StaticText("status");
const RESPONSE_FLAG = new StaticText("response_flag");
const LE = new StaticText("le");
const INFINITY = new StaticText("+Inf");
const BUCKET = new StaticText("_bucket");
const SUM = new StaticText("_sum");
const COUNT = new StaticText("_count");
const DOT = new StaticText(".");
const METAPROTO = new StaticText("metaproto.");
const RESPONSES = new StaticText("responses_total");
const DURATION = new StaticText("request_duration_milliseconds");

// The first values of a series of routes; a histogram of durations follows.
export const REQUESTS: u32 = 0;
export const ACTIVE: u32 = 1;
export const REQUEST_BYTES: u32 = 2;
export const RESPONSE_BYTES: u32 = 3;
export const RETRIES: u32 = 4;
export const ROUTE_DURATION: u32 = 5;
const ROUTE_METRICS: StaticArray<StaticText> = [
  new StaticText("requests_total"),
  new StaticText("requests_active"),
  new StaticText("request_bytes_total"),
  new StaticText("response_bytes_total"),
  new StaticText("retries_total"),
];

/** Of Istio's: behind the number of requests; two histograms of bytes follow. */
export const ISTIO_DURATION: u32 = 1;
const ISTIO_REQUESTS = new StaticText("istio_requests_total");
const ISTIO_DURATIONS = new StaticText("istio_request_duration_milliseconds");
const ISTIO_REQUEST_BYTES = new StaticText("istio_request_bytes");
const ISTIO_RESPONSE_BYTES = new StaticText("istio_response_bytes");

const STATUSES: StaticArray<StaticText> = [
  new StaticText("ok"),
  new StaticText("business_error"),
  new StaticText("error"),
];
const DECIMAL_BYTES: usize = 24;

export function routeValues(config: StatsConfig): u32 {
  return ROUTE_DURATION + histogramValues(config.ends);
}

export function istioValues(config: StatsConfig): u32 {
  return ISTIO_DURATION + histogramValues(config.ends) + 2 * histogramValues(DEFAULT_ENDS);
}

export class MetricWriter {
  /** Metrics that the host has been told of; it keeps them as long as the VM lives. */
  defined: u32 = 0;
  /** Host calls since it was set to 0, the dear ones counted as several. */
  calls: u32 = 0;
  private readonly name: LabelText = new LabelText();
  private readonly key: SeriesKey = new SeriesKey();
  private readonly decimal: usize = heap.alloc(DECIMAL_BYTES);
  private protocol: StaticText = DOT;

  /** Of the module; before anything is told. */
  setProtocol(name: string): void {
    // eslint-disable-next-line no-restricted-syntax -- once
    if (this.protocol === DOT) this.protocol = new StaticText(name);
  }

  /** What has changed since it was last told. False: the tick is over before all of it could be. */
  tellRoute(series: Series): bool {
    while (series.defined < series.count) {
      if (this.calls >= CALLS_PER_TICK) return false;
      this.beginRoute(series);
      this.nameRoute(series);
      const type = series.defined == ACTIVE ? MetricType.Gauge : MetricType.Counter;
      this.defineNext(series, type);
    }
    for (let at = series.responses; at != 0; at = changetype<Responses>(at).next) {
      if (this.calls >= CALLS_PER_TICK) return false;
      this.tellResponses(series, changetype<Responses>(at));
    }
    for (let i: u32 = 0; i < ROUTE_DURATION; i++) this.tell(series, i, series.value(i));
    const config = changetype<StatsConfig>(series.config);
    this.tellHistogram(series, ROUTE_DURATION, config.ends);
    series.isChanged = false;
    return true;
  }

  tellIstio(series: Series): bool {
    const config = changetype<StatsConfig>(series.config);
    while (series.defined < series.count) {
      if (this.calls >= CALLS_PER_TICK) return false;
      this.beginIstio(series);
      this.nameIstio(series, config.ends);
      this.defineNext(series, MetricType.Counter);
    }
    this.tell(series, REQUESTS, series.value(REQUESTS));
    let index = this.tellHistogram(series, ISTIO_DURATION, config.ends);
    index = this.tellHistogram(series, index, DEFAULT_ENDS);
    this.tellHistogram(series, index, DEFAULT_ENDS);
    series.isChanged = false;
    return true;
  }

  private beginRoute(series: Series): void {
    const name = this.name;
    name.len = 0;
    name.add(METAPROTO);
    name.add(this.protocol);
    name.add(DOT);
    const key = this.key;
    key.show(series);
    name.sliceLabel(ROUTE_CONFIGURATION, key.part0);
    name.sliceLabel(ROUTE, key.part1);
    name.sliceLabel(CLUSTER, key.part2);
    if (series.len3 > 0) name.sliceLabel(METHOD, key.part3);
  }

  private beginIstio(series: Series): void {
    const istio = changetype<StatsConfig>(series.config).istio;
    const name = this.name;
    name.len = 0;
    if (istio === null) return;
    const key = this.key;
    key.show(series);
    istio.write(name, this.protocol, key);
    name.label(RESPONSE_CODE, this.decimal, writeDecimal(this.decimal, series.code));
    name.textLabel(RESPONSE_FLAGS_LABEL, flagText(series.flag));
  }

  private nameRoute(series: Series): void {
    const index = series.defined;
    if (index < ROUTE_DURATION) {
      this.name.add(unchecked(ROUTE_METRICS[index]));
    } else {
      const config = changetype<StatsConfig>(series.config);
      this.nameHistogram(index - ROUTE_DURATION, config.ends, DURATION);
    }
  }

  private nameIstio(series: Series, ends: StaticArray<u64>): void {
    if (series.defined == REQUESTS) return this.name.add(ISTIO_REQUESTS);
    let index = series.defined - ISTIO_DURATION;
    if (index < histogramValues(ends)) return this.nameHistogram(index, ends, ISTIO_DURATIONS);
    index -= histogramValues(ends);
    const bytes = histogramValues(DEFAULT_ENDS);
    if (index < bytes) this.nameHistogram(index, DEFAULT_ENDS, ISTIO_REQUEST_BYTES);
    else this.nameHistogram(index - bytes, DEFAULT_ENDS, ISTIO_RESPONSE_BYTES);
  }

  /** The value at `index` of a histogram: the sum, the buckets, the number of all. */
  private nameHistogram(index: u32, ends: StaticArray<u64>, metric: StaticText): void {
    const name = this.name;
    const count = <u32>ends.length;
    const isBucket = index > 0 && index <= count + 1;
    if (isBucket && index <= count) {
      name.label(LE, this.decimal, this.writeEnd(unchecked(ends[index - 1])));
    } else if (isBucket) {
      name.textLabel(LE, INFINITY);
    }
    name.add(metric);
    name.add(index == 0 ? SUM : isBucket ? BUCKET : COUNT);
  }

  /** At `decimal`; returns its length. Only Istio's first end has a fraction. */
  private writeEnd(thousandths: u64): u32 {
    const at = this.decimal;
    const len = writeDecimal(at, wholeOf(thousandths));
    const rest = thousandths % 1000;
    if (rest == 0) return len;
    store<u8>(at + len, 0x2e);
    return len + 1 + writeDecimal(at + len + 1, rest / 100);
  }

  private defineNext(series: Series, type: MetricType): void {
    store<u32>(series.ids + ((<usize>series.defined) << 2), this.defineName(type));
    series.defined++;
  }

  private defineName(type: MetricType): u32 {
    this.calls += CALLS_PER_DEFINITION;
    this.defined++;
    return defineMetric(type, this.name.ptr, this.name.len) == Status.Ok ? metricId : 0;
  }

  /** Returns the index behind it. */
  private tellHistogram(series: Series, index: u32, ends: StaticArray<u64>): u32 {
    const last = index + <u32>ends.length + 2;
    this.tell(series, index, wholeOf(series.value(index)));
    let total: u64 = 0;
    for (let i: u32 = index + 1; i < last; i++) {
      total += series.value(i);
      this.tell(series, i, total);
    }
    this.tell(series, last, total);
    return last + 1;
  }

  private tell(series: Series, index: u32, value: u64): void {
    const at = series.told + ((<usize>index) << 3);
    const change = value - load<u64>(at);
    if (change == 0) return;
    store<u64>(at, value);
    this.calls++;
    incrementMetric(load<u32>(series.ids + ((<usize>index) << 2)), <i64>change);
  }

  private tellResponses(series: Series, responses: Responses): void {
    if (!responses.isDefined) {
      this.beginRoute(series);
      const name = this.name;
      name.textLabel(STATUS, unchecked(STATUSES[<i32>responses.status]));
      name.textLabel(RESPONSE_FLAG, flagText(responses.flag));
      name.add(RESPONSES);
      responses.id = this.defineName(MetricType.Counter);
      responses.isDefined = true;
    }
    const change = responses.value - responses.told;
    if (change == 0) return;
    responses.told = responses.value;
    this.calls++;
    incrementMetric(responses.id, <i64>change);
  }
}
