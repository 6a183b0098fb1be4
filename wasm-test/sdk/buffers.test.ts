// ABI chapter "Buffers": the wrappers of host/buffers.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { BufferType, WasmResult, type Client } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

const DOWNSTREAM = BufferType.NetworkDownstreamData;

let sdk: SdkHost;
let client: Client;
let connection: { id: number };

beforeEach(() => {
  sdk = startSdkHost({ pluginConfiguration: "the configuration" });
  client = sdk.host.connect();
  sdk.host.runUntilIdle();
  client.send(Buffer.from("hello world"));
  sdk.host.runUntilIdle();
  connection = { id: client.contextId };
});

const get = (start: number, length: number, type: number = DOWNSTREAM) =>
  sdk.call(connection, "getBuffer", type, start, length);
const content = () => {
  expect(get(0, 0x7fff_ffff)).toBe(WasmResult.Ok);
  return sdk.bytes().toString();
};

describe("getBuffer", () => {
  it("copies what was asked for", () => {
    expect(get(0, 5)).toBe(WasmResult.Ok);
    expect(sdk.bytes().toString()).toBe("hello");
    expect(get(6, 1000)).toBe(WasmResult.Ok);
    expect(sdk.bytes().toString()).toBe("world");
  });

  it("beyond the end is Ok without bytes", () => {
    expect(get(100, 5)).toBe(WasmResult.Ok);
    expect(sdk.bytes()).toHaveLength(0);
  });

  it("reports a buffer that is not there, and clears the bytes of the call before", () => {
    expect(get(0, 5)).toBe(WasmResult.Ok);
    expect(get(0, 5, BufferType.PluginConfiguration)).toBe(WasmResult.NotFound);
    expect(sdk.bytes()).toHaveLength(0);
  });

  it("reports an unknown type and a range that overflows", () => {
    expect(get(0, 5, 9)).toBe(WasmResult.BadArgument);
    expect(get(2, 0xffff_ffff)).toBe(WasmResult.BadArgument);
  });

  it("reports InvalidMemoryAccess when the arena refuses the memory", () => {
    sdk.call(connection, "setArenaCeiling", 10);
    expect(get(0, 11)).toBe(WasmResult.InvalidMemoryAccess);
    expect(sdk.bytes()).toHaveLength(0);
    expect(get(0, 10)).toBe(WasmResult.Ok);
  });

  it("reads straight into memory of the caller's when directed there, once", () => {
    const own = sdk.call(connection, "input") + 100;
    sdk.call(connection, "directNext", own, 11);
    expect(get(0, 11)).toBe(WasmResult.Ok);
    expect(sdk.call(connection, "bytesPtr")).toBe(own);
    expect(sdk.bytes().toString()).toBe("hello world");
    expect(get(0, 11)).toBe(WasmResult.Ok);
    expect(sdk.call(connection, "bytesPtr")).not.toBe(own);
  });

  it("does not stay directed when there was nothing to copy", () => {
    const own = sdk.call(connection, "input") + 100;
    sdk.call(connection, "directNext", own, 11);
    expect(get(100, 11)).toBe(WasmResult.Ok);
    expect(get(0, 11)).toBe(WasmResult.Ok);
    expect(sdk.call(connection, "bytesPtr")).not.toBe(own);
  });
});

describe("getBufferSize", () => {
  it("tells the size", () => {
    expect(sdk.call(connection, "getBufferSize", DOWNSTREAM)).toBe(WasmResult.Ok);
    expect(sdk.output().extra).toBe(11);
  });

  it("is 0 beside a failure", () => {
    expect(sdk.call(connection, "getBufferSize", 9)).toBe(WasmResult.BadArgument);
    expect(sdk.output().extra).toBe(0);
  });
});

describe("writing", () => {
  const write = (name: string, text: string, ...args: readonly number[]) =>
    sdk.callWith(connection, name, [text], (length) => [DOWNSTREAM, ...args, length]);

  it("replaceBuffer replaces all, and empties with no bytes", () => {
    expect(write("replaceBuffer", "bye")).toBe(WasmResult.Ok);
    expect(content()).toBe("bye");
    expect(write("replaceBuffer", "")).toBe(WasmResult.Ok);
    expect(content()).toBe("");
  });

  it("appendBuffer adds behind, prependBuffer before", () => {
    expect(write("appendBuffer", "!")).toBe(WasmResult.Ok);
    expect(write("prependBuffer", "> ")).toBe(WasmResult.Ok);
    expect(content()).toBe("> hello world!");
  });

  it("setBuffer takes start and length, and passes the host's refusal on", () => {
    expect(write("setBuffer", "all", 0, 11)).toBe(WasmResult.Ok);
    expect(content()).toBe("all");
    expect(write("setBuffer", "x", 1, 1)).toBe(WasmResult.BadArgument);
  });

  it("reports a buffer that cannot be written, and an address outside of memory", () => {
    expect(sdk.call(connection, "replaceBuffer", BufferType.VmConfiguration, 1)).toBe(
      WasmResult.BadArgument,
    );
    expect(sdk.call(connection, "appendOutsideMemory", DOWNSTREAM)).toBe(
      WasmResult.InvalidMemoryAccess,
    );
  });
});
