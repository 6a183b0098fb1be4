// ABI chapter "Foreign function interface (FFI)": the wrappers of host/foreign-function.ts.

import { describe, expect, it } from "vitest";

import { WasmResult } from "../host/index.js";
import { startSdkHost, type InputPart } from "./support/sdk-host.js";

const lengths = (...args: number[]) => args;

/** A host with a function "echo" that returns its argument, and one that refuses. */
function start() {
  const seen: Buffer[] = [];
  const sdk = startSdkHost({
    foreignFunctions: {
      echo: (argument) => argument,
      refuse: () => WasmResult.BadArgument,
      set_envoy_filter_state: (argument) => {
        seen.push(Buffer.from(argument));
        return new Uint8Array(0);
      },
    },
  });
  const call = (name: string, argument: InputPart) =>
    sdk.callRootWith("callForeign", [name, argument], lengths);
  const setFilterState = (key: string, value: InputPart) =>
    sdk.callRootWith("setFilterState", [key, value], lengths);
  return { sdk, seen, call, setFilterState };
}

describe("callForeignFunction", () => {
  it("passes bytes in and out", () => {
    const { sdk, call } = start();
    expect(call("echo", "argument")).toBe(WasmResult.Ok);
    expect(sdk.bytes().toString()).toBe("argument");
  });

  it("shows no bytes of an earlier call when there is no result", () => {
    const { sdk, call } = start();
    call("echo", "argument");
    expect(call("echo", "")).toBe(WasmResult.Ok);
    expect(sdk.bytes()).toHaveLength(0);
  });

  it("tells an unknown function from one that refuses", () => {
    const { call } = start();
    expect(call("nothing", "x")).toBe(WasmResult.NotFound);
    expect(call("refuse", "x")).toBe(WasmResult.BadArgument);
  });
});

describe("setEnvoyFilterState", () => {
  /** SetEnvoyFilterStateArguments {path = 1, value = 2, span = 3}, by hand. */
  function message(path: string, value: Buffer): Buffer {
    const field = (tag: number, bytes: Buffer) => {
      const { length } = bytes;
      const varint = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
      return Buffer.concat([Buffer.from([tag, ...varint]), bytes]);
    };
    const span = Buffer.from([0x18, 2]);
    return Buffer.concat([field(0x0a, Buffer.from(path)), field(0x12, value), span]);
  }

  it.each([
    ["short", 10],
    ["empty", 0],
    ["of 127 bytes, the last with one byte of length", 127],
    ["of 128 bytes, the first with two", 128],
    ["of 16,383 bytes", 16_383],
  ])("encodes a value %s", (_name, length) => {
    const { sdk, seen, setFilterState } = start();
    const value = Buffer.alloc(length, "v");
    const before = sdk.callRoot("arenaMark");
    expect(setFilterState("envoy.tcp_proxy.cluster", value)).toBe(WasmResult.Ok);
    expect(seen).toEqual([message("envoy.tcp_proxy.cluster", value)]);
    expect(sdk.callRoot("arenaMark")).toBe(before);
  });

  it("sets the state of the effective context's connection, and reports an unknown key", () => {
    const sdk = startSdkHost();
    const client = sdk.host.connect();
    sdk.host.runUntilIdle();
    const context = { id: client.contextId };
    const set = (key: string) => sdk.callWith(context, "setFilterState", [key, "v1"], lengths);
    expect(set("envoy.tcp_proxy.cluster")).toBe(WasmResult.Ok);
    const state = client.connection.filterState.get("envoy.tcp_proxy.cluster");
    expect(Buffer.from(state as Uint8Array).toString()).toBe("v1");
    expect(set("nobody.knows")).toBe(WasmResult.NotFound);
  });

  it("is InternalFailure when the arena has no room for the arguments", () => {
    const { sdk, seen, setFilterState } = start();
    sdk.callRoot("setArenaCeiling", 8);
    expect(setFilterState("envoy.tcp_proxy.cluster", "v")).toBe(WasmResult.InternalFailure);
    expect(seen).toEqual([]);
  });
});
