// ABI chapters "Clocks", "Timers" and "Randomness": the wrappers of host/clock.ts, timer.ts, random.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { WasmResult } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

const START_NS = 1_700_000_000_123_456_789n;

let sdk: SdkHost;

beforeEach(() => {
  sdk = startSdkHost({ startNs: START_NS });
  sdk.takeLogs();
});

describe("the clocks", () => {
  it.each(["now", "monotonicNow"])("%s is in nanoseconds, all 64 bits of it", (name) => {
    sdk.callRoot(name);
    expect(sdk.output().value).toBe(START_NS);
    sdk.host.advance(1.5);
    sdk.callRoot(name);
    expect(sdk.output().value).toBe(START_NS + 1_500_000n);
  });
});

describe("the timer", () => {
  it("ticks each period until it is set to 0", () => {
    expect(sdk.callRoot("setTickPeriod", 20)).toBe(WasmResult.Ok);
    sdk.host.advance(65);
    expect(sdk.takeLogs()).toEqual(["onTick", "onTick", "onTick"]);
    expect(sdk.callRoot("setTickPeriod", 0)).toBe(WasmResult.Ok);
    // The tick that was already set may still come.
    sdk.host.advance(20);
    sdk.takeLogs();
    sdk.host.advance(100);
    expect(sdk.takeLogs()).toEqual([]);
  });
});

describe("randomness", () => {
  it("fills the bytes asked for and no more", () => {
    const ptr = sdk.callRoot("input");
    expect(sdk.callRoot("fillRandom", 100)).toBe(WasmResult.Ok);
    const bytes = sdk.vm.memory.slice(ptr, 108) ?? new Uint8Array(0);
    expect(new Set(bytes.subarray(0, 100)).size).toBeGreaterThan(30);
    expect([...bytes.subarray(100)]).toEqual(Array(8).fill(0));
  });

  it("makes numbers that differ", () => {
    const numbers = Array.from({ length: 10 }, () => {
      sdk.callRoot("randomU64");
      return sdk.output().value;
    });
    expect(new Set(numbers).size).toBe(10);
    expect(numbers.some((number) => number > 0xffff_ffffn)).toBe(true);
  });

  it("reports too many bytes at once and an address outside of memory", () => {
    expect(sdk.callRoot("fillRandom", 65_537)).toBe(WasmResult.BadArgument);
    expect(sdk.callRoot("fillRandomOutside")).toBe(WasmResult.InvalidMemoryAccess);
  });
});
