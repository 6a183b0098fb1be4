// ABI chapter "HTTP fields": the wrappers of host/headers.ts and host/header-pairs.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { HeaderMapType, StreamType, WasmResult, type HttpExchange } from "../host/index.js";
import { encodeHeaderPairs, type HeaderPair } from "../host/pairs.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

const REQUEST = HeaderMapType.RequestHeaders;

let sdk: SdkHost;
let exchange: HttpExchange;
let stream: { id: number };

/** A request that the unit has paused at its headers. */
beforeEach(() => {
  sdk = startSdkHost({ pluginConfiguration: "http" });
  exchange = sdk.host.request({
    headers: [
      [":path", "/x"],
      ["x-two", "one"],
      ["x-two", "two"],
      ["x-empty", ""],
    ],
    trailers: [],
  });
  sdk.host.runUntilIdle();
  stream = { id: exchange.context.id };
  sdk.takeLogs();
});

const pairs = (): HeaderPair[] => [...(exchange.context.readableMap(REQUEST) ?? [])];
const withName = (call: string, name: string, map: number = REQUEST) =>
  sdk.callWith(stream, call, [name], (length) => [map, length]);
const withValue = (call: string, name: string, value: string, map: number = REQUEST) =>
  sdk.callWith(stream, call, [name, value], (...lengths) => [map, ...lengths]);

describe("reading a header", () => {
  it("gives its bytes, and tells an absent one from an empty one", () => {
    expect(withName("getHeader", ":path")).toBe(WasmResult.Ok);
    expect(sdk.bytes().toString()).toBe("/x");
    expect(withName("getHeader", "x-empty")).toBe(WasmResult.Ok);
    expect(sdk.bytes()).toHaveLength(0);
    expect(withName("getHeader", "x-absent")).toBe(WasmResult.NotFound);
  });

  it("as text is null only when it is absent", () => {
    withName("logHeaderText", ":path");
    withName("logHeaderText", "x-empty");
    withName("logHeaderText", "x-absent");
    expect(sdk.takeLogs()).toEqual(['"/x"', '""', "null"]);
  });

  it("of a map that is not there now, or does not exist, is BadArgument", () => {
    expect(withName("getHeader", ":path", HeaderMapType.ResponseHeaders)).toBe(
      WasmResult.BadArgument,
    );
    expect(withName("getHeader", ":path", 8)).toBe(WasmResult.BadArgument);
  });
});

describe.each([
  ["on addresses", ""],
  ["on strings", "Text"],
])("changing headers %s", (_name, suffix) => {
  it("adds beside, replaces and removes", () => {
    expect(withValue(`addHeader${suffix}`, "x-new", "1")).toBe(WasmResult.Ok);
    expect(withValue(`addHeader${suffix}`, "x-new", "2")).toBe(WasmResult.Ok);
    expect(withValue(`replaceHeader${suffix}`, "x-two", "three")).toBe(WasmResult.Ok);
    expect(withName(`removeHeader${suffix}`, "x-empty")).toBe(WasmResult.Ok);
    expect(withName(`removeHeader${suffix}`, "x-absent")).toBe(WasmResult.Ok);
    expect(pairs()).toEqual([
      [":path", "/x"],
      ["x-two", "three"],
      ["x-new", "1"],
      ["x-new", "2"],
    ]);
  });

  it("reports a map that is not there", () => {
    const map = HeaderMapType.RequestTrailers;
    expect(withValue(`addHeader${suffix}`, "a", "b", map)).toBe(WasmResult.BadArgument);
    expect(withValue(`replaceHeader${suffix}`, "a", "b", map)).toBe(WasmResult.BadArgument);
    expect(withName(`removeHeader${suffix}`, "a", map)).toBe(WasmResult.BadArgument);
  });
});

describe("strings without room in the arena", () => {
  it("are InternalFailure, and the map stays as it is", () => {
    sdk.call(stream, "setArenaCeiling", 3);
    expect(withValue("addHeaderText", "name", "value")).toBe(WasmResult.InternalFailure);
    expect(withValue("replaceHeaderText", "x-two", "value")).toBe(WasmResult.InternalFailure);
    expect(withName("removeHeaderText", "x-two")).toBe(WasmResult.InternalFailure);
    expect(pairs()).toHaveLength(4);
  });
});

describe("a whole map", () => {
  it("is read in one call and walked in order", () => {
    expect(sdk.call(stream, "logHeaderPairs", REQUEST)).toBe(WasmResult.Ok);
    expect(sdk.takeLogs()).toEqual([":path=/x;x-two=one;x-two=two;x-empty=;"]);
  });

  it("that is empty has no pairs", () => {
    sdk.call(stream, "continueStream", StreamType.Request);
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual([`onRequestTrailers ${String(stream.id)} 0`]);
    expect(sdk.call(stream, "logHeaderPairs", HeaderMapType.RequestTrailers)).toBe(WasmResult.Ok);
    expect(sdk.takeLogs()).toEqual([""]);
  });

  it("is replaced as one", () => {
    const text = ["a", "1", "b", "", "c"].join("\n");
    const set = sdk.callWith(stream, "setHeaderPairs", [text], (length) => [REQUEST, length]);
    expect(set).toBe(WasmResult.Ok);
    expect(pairs()).toEqual([
      ["a", "1"],
      ["b", ""],
      ["c", ""],
    ]);
  });

  it("has a size", () => {
    expect(sdk.call(stream, "getHeaderMapSize", REQUEST)).toBe(WasmResult.Ok);
    expect(sdk.output().extra).toBe(":path/xx-twoonex-twotwox-empty".length);
    expect(sdk.call(stream, "getHeaderMapSize", 8)).toBe(WasmResult.BadArgument);
    expect(sdk.output().extra).toBe(0);
  });
});

describe("the reader of serialized pairs", () => {
  const walk = (bytes: Uint8Array) => {
    const isMap = sdk.callWith(stream, "logInputPairs", [bytes], (length) => [length]) !== 0;
    return { isMap, pairs: sdk.takeLogs().pop() };
  };

  it("takes no bytes, and the spec's single 0, for an empty map", () => {
    expect(walk(new Uint8Array(0))).toEqual({ isMap: true, pairs: "" });
    expect(walk(Uint8Array.of(0))).toEqual({ isMap: true, pairs: "" });
    expect(walk(Uint8Array.of(0, 0, 0, 0))).toEqual({ isMap: true, pairs: "" });
  });

  it("never leaves the bytes, wherever they are cut", () => {
    const whole = Buffer.from(
      encodeHeaderPairs([
        ["name", "value"],
        ["n2", "v2"],
      ]),
    );
    expect(walk(whole)).toEqual({ isMap: true, pairs: "name=value;n2=v2;" });
    for (let length = 0; length < whole.length; length++) {
      const { pairs } = walk(whole.subarray(0, length));
      expect(["", "name=value;"]).toContain(pairs);
    }
  });

  it.each([
    ["a count that needs more lengths than there are", [0xff, 0xff, 0xff, 0xff]],
    ["a count whose lengths would overflow", [0, 0, 0, 0x20, 1, 2, 3, 4]],
    ["less than a count", [1, 2]],
  ])("refuses %s", (_name, bytes) => {
    expect(walk(Uint8Array.from(bytes))).toEqual({ isMap: false, pairs: "" });
  });

  it.each([0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 9])(
    "stops at a name of %i bytes that are not there",
    (length) => {
      const bytes = Buffer.from(encodeHeaderPairs([["ab", "cd"]]));
      bytes.writeUInt32LE(length, 4);
      expect(walk(bytes)).toEqual({ isMap: true, pairs: "" });
      const value = Buffer.from(encodeHeaderPairs([["ab", "cd"]]));
      value.writeUInt32LE(length, 8);
      expect(walk(value)).toEqual({ isMap: true, pairs: "" });
    },
  );
});

describe("a local response", () => {
  it("carries status, details, headers and body", () => {
    const send = sdk.callWith(stream, "sendLocalResponse", ["no!"], (length) => [403, length]);
    expect(send).toBe(WasmResult.Ok);
    sdk.host.runUntilIdle();
    expect(exchange.localResponseDetails).toBe("by_test");
    expect(exchange.request).toBeUndefined();
    expect(Object.fromEntries(exchange.response?.headers ?? [])).toMatchObject({
      ":status": "403",
      "x-by": "sdk",
    });
    expect(Buffer.from(exchange.response?.body ?? []).toString()).toBe("no!");
  });
});
