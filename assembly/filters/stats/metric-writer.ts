// Hands series to the host as counters and gauges, as differences, since the workers of an Envoy share its
// metrics. A few in one tick: a thousand series at once would keep requests waiting.
//
// Names: `metaproto.<protocol>.<labels><metric>`, and `<labels><metric>` for Istio's.
// Host calls: one for each value that has changed, and one more for each value of a new series.
// Allocates: never after construction.
import { ResponseStatus } from "../../codec/message";
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

/** Host calls of one tick; a series that has been begun is finished. */
export const CALLS_PER_TICK: u32 = 1000;

const ROUTE_CONFIGURATION = new StaticText("route_configuration");
const ROUTE = new StaticText("route");
const CLUSTER = new StaticText("cluster");
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
  /** Host calls since it was set to 0. */
  calls: u32 = 0;
  private readonly name: LabelText = new LabelText();
  private readonly key: SeriesKey = new SeriesKey();
  private readonly decimal: usize = heap.alloc(DECIMAL_BYTES);
  /** Of the name: up to where the labels of the series are. */
  private labelled: u32 = 0;

  private protocol: StaticText = DOT;

  /** Of the module; before anything is told. */
  setProtocol(name: string): void {
    if (this.protocol === DOT) this.protocol = new StaticText(name);
  }

  /** What has changed since it was last told. */
  tellRoute(series: Series): void {
    if (!series.isDefined) this.beginRoute(series);
    const config = changetype<StatsConfig>(series.config);
    for (let i: u32 = 0; i < ROUTE_DURATION; i++) {
      if (!series.isDefined) {
        const type = i == ACTIVE ? MetricType.Gauge : MetricType.Counter;
        this.define(series, i, unchecked(ROUTE_METRICS[i]), type);
      }
      this.tell(series, i, load<u64>(series.values + ((<usize>i) << 3)));
    }
    this.tellHistogram(series, ROUTE_DURATION, config.ends, DURATION);
    for (let at = series.responses; at != 0; at = changetype<Responses>(at).next) {
      this.tellResponses(series, changetype<Responses>(at));
    }
    series.isDefined = true;
    series.isChanged = false;
  }

  tellIstio(series: Series): void {
    if (!series.isDefined) this.beginIstio(series);
    const config = changetype<StatsConfig>(series.config);
    if (!series.isDefined) this.define(series, REQUESTS, ISTIO_REQUESTS, MetricType.Counter);
    this.tell(series, REQUESTS, load<u64>(series.values));
    let index = this.tellHistogram(series, ISTIO_DURATION, config.ends, ISTIO_DURATIONS);
    index = this.tellHistogram(series, index, DEFAULT_ENDS, ISTIO_REQUEST_BYTES);
    this.tellHistogram(series, index, DEFAULT_ENDS, ISTIO_RESPONSE_BYTES);
    series.isDefined = true;
    series.isChanged = false;
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
    this.labelled = name.len;
  }

  private beginIstio(series: Series): void {
    const config = changetype<StatsConfig>(series.config);
    const istio = config.istio;
    if (istio === null) return;
    const name = this.name;
    name.len = 0;
    const key = this.key;
    key.show(series);
    istio.write(name, this.protocol, key.part0, key.part1);
    name.label(RESPONSE_CODE, this.decimal, writeDecimal(this.decimal, series.code));
    name.textLabel(RESPONSE_FLAGS_LABEL, flagText(series.flag));
    this.labelled = name.len;
  }

  /** Returns the index behind it. */
  private tellHistogram(
    series: Series,
    index: u32,
    ends: StaticArray<u64>,
    metric: StaticText,
  ): u32 {
    const count = <u32>ends.length;
    const last = index + count + 2;
    if (!series.isDefined) this.defineHistogram(series, index, ends, metric);
    this.tell(series, index, wholeOf(load<u64>(series.values + ((<usize>index) << 3))));
    let total: u64 = 0;
    for (let i: u32 = index + 1; i < last; i++) {
      total += load<u64>(series.values + ((<usize>i) << 3));
      this.tell(series, i, total);
    }
    this.tell(series, last, total);
    return last + 1;
  }

  private defineHistogram(
    series: Series,
    index: u32,
    ends: StaticArray<u64>,
    metric: StaticText,
  ): void {
    const name = this.name;
    const labelled = this.labelled;
    const count = <u32>ends.length;
    this.defineSuffixed(series, index, metric, SUM);
    for (let i: u32 = 0; i <= count; i++) {
      name.len = labelled;
      if (i == count) name.textLabel(LE, INFINITY);
      else name.label(LE, this.decimal, this.writeEnd(unchecked(ends[i])));
      this.labelled = name.len;
      this.defineSuffixed(series, index + 1 + i, metric, BUCKET);
      this.labelled = labelled;
    }
    this.defineSuffixed(series, index + count + 2, metric, COUNT);
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

  private defineSuffixed(series: Series, index: u32, metric: StaticText, suffix: StaticText): void {
    this.name.len = this.labelled;
    this.name.add(metric);
    this.name.add(suffix);
    store<u32>(series.ids + ((<usize>index) << 2), this.defineName(MetricType.Counter));
  }

  private define(series: Series, index: u32, metric: StaticText, type: MetricType): void {
    this.name.len = this.labelled;
    this.name.add(metric);
    store<u32>(series.ids + ((<usize>index) << 2), this.defineName(type));
  }

  private defineName(type: MetricType): u32 {
    this.calls++;
    this.defined++;
    return defineMetric(type, this.name.ptr, this.name.len) == Status.Ok ? metricId : 0;
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
      name.textLabel(STATUS, statusText(responses.status));
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

function statusText(status: ResponseStatus): StaticText {
  return unchecked(STATUSES[<i32>status]);
}
