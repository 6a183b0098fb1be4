// ABI chapter "Metrics": the wrappers of host/metrics.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { MetricType, WasmResult } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

let sdk: SdkHost;

beforeEach(() => {
  sdk = startSdkHost();
});

const define = (type: number, name: string) =>
  sdk.callRootWith("defineMetric", [name], (length) => [type, length]);
const increment = (delta: number) => sdk.callRoot("incrementMetric", delta);
const record = (value: number) => sdk.callRoot("recordMetric", value);
const value = () => {
  expect(sdk.callRoot("getMetric")).toBe(WasmResult.Ok);
  return sdk.output().value;
};

describe("a metric", () => {
  it("counts", () => {
    expect(define(MetricType.Counter, "requests_total")).toBe(WasmResult.Ok);
    expect(increment(3)).toBe(WasmResult.Ok);
    expect(increment(4)).toBe(WasmResult.Ok);
    expect(value()).toBe(7n);
    expect(sdk.host.metrics.counters.get("requests_total")).toBe(7n);
  });

  it("a counter does not go down", () => {
    define(MetricType.Counter, "requests_total");
    expect(increment(-1)).toBe(WasmResult.BadArgument);
    expect(value()).toBe(0n);
  });

  it("a gauge goes both ways and can be set", () => {
    define(MetricType.Gauge, "active");
    expect(increment(5)).toBe(WasmResult.Ok);
    expect(increment(-2)).toBe(WasmResult.Ok);
    expect(value()).toBe(3n);
    expect(record(100)).toBe(WasmResult.Ok);
    expect(value()).toBe(100n);
  });

  it("a histogram records", () => {
    define(MetricType.Histogram, "time_ms");
    expect(record(12)).toBe(WasmResult.Ok);
    expect(record(15)).toBe(WasmResult.Ok);
    expect(sdk.host.metrics.histograms.get("time_ms")).toEqual([12n, 15n]);
    expect(sdk.callRoot("getMetric")).toBe(WasmResult.BadArgument);
    expect(sdk.output().value).toBe(0n);
  });

  it("that was not defined, or could not be, is NotFound in every use", () => {
    const use = () => [increment(1), record(1), sdk.callRoot("getMetric")];
    const missing = [WasmResult.NotFound, WasmResult.NotFound, WasmResult.NotFound];
    expect(use()).toEqual(missing);
    expect(define(9, "x")).toBe(WasmResult.BadArgument);
    expect(use()).toEqual(missing);
    sdk.callRoot("setArenaCeiling", 3);
    expect(define(MetricType.Counter, "too long")).toBe(WasmResult.InternalFailure);
    expect(use()).toEqual(missing);
  });
});
