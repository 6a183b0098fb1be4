// ABI chapter "Logging": the wrappers of host/log.ts, and the abort that logs.

import { describe, expect, it } from "vitest";

import { HostRuleViolation, LogLevel, WasmResult } from "../host/index.js";
import { startSdkHost } from "./support/sdk-host.js";

function start(logLevel: number) {
  const sdk = startSdkHost({ logLevel });
  sdk.takeLogs();
  const log = (level: number, text: string, name = "logText") =>
    sdk.callRootWith(name, [text], (length) => [level, length]);
  return { sdk, log };
}

describe("log", () => {
  it("writes text of any script at its level", () => {
    const { sdk, log } = start(LogLevel.Info);
    expect(log(LogLevel.Warn, "Grüße 你好 🎉")).toBe(WasmResult.Ok);
    expect(sdk.host.logs).toEqual([
      { level: LogLevel.Warn, message: "Grüße 你好 🎉", contextId: sdk.root.id },
    ]);
  });

  it("does not call the host for a level that the host drops", () => {
    const { sdk, log } = start(LogLevel.Warn);
    const calls = sdk.vm.stats.hostCalls["proxy_log"];
    expect(log(LogLevel.Info, "dropped")).toBe(WasmResult.Ok);
    expect(log(LogLevel.Info, "dropped", "logBytes")).toBe(WasmResult.Ok);
    expect(sdk.callRoot("logEnabled", LogLevel.Info)).toBe(0);
    expect(sdk.vm.stats.hostCalls["proxy_log"]).toBe(calls);
    expect(sdk.callRoot("logEnabled", LogLevel.Warn)).toBe(1);
    expect(log(LogLevel.Warn, "kept", "logBytes")).toBe(WasmResult.Ok);
    expect(sdk.takeLogs()).toEqual(["kept"]);
  });

  it("reports a level that does not exist and text that finds no room", () => {
    const { sdk, log } = start(LogLevel.Info);
    expect(log(6, "x")).toBe(WasmResult.BadArgument);
    sdk.callRoot("setArenaCeiling", 4);
    expect(log(LogLevel.Error, "long text")).toBe(WasmResult.InternalFailure);
  });

  it("leaves nothing in the arena", () => {
    const { sdk, log } = start(LogLevel.Info);
    const before = sdk.callRoot("arenaMark");
    for (let i = 0; i < 1000; i++) log(LogLevel.Info, "a line of text");
    expect(sdk.callRoot("arenaMark")).toBe(before);
  });
});

describe("an abort of the AssemblyScript runtime", () => {
  it("logs what and where at the highest level, then traps", () => {
    const { sdk } = start(LogLevel.Info);
    expect(() => sdk.callRoot("indexOutOfRange", 5)).toThrow(HostRuleViolation);
    const [entry] = sdk.host.logs;
    expect(entry?.level).toBe(LogLevel.Critical);
    expect(entry?.message).toMatch(/^abort: Index out of range at ~lib\/array\.ts:\d+:\d+$/);
  });
});
