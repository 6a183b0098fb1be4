// ABI chapter "Properties": the wrappers of host/properties.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { WasmResult } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

let sdk: SdkHost;

beforeEach(() => {
  sdk = startSdkHost({
    properties: {
      text: "Grüße",
      deep: { "dotted.name": { value: "found" } },
      number: 0xffff_ffff_ffff_fff0n,
      yes: true,
      no: false,
      empty: "",
    },
  });
  sdk.takeLogs();
});

const withPath = (name: string, path: readonly string[], ...rest: readonly number[]) =>
  sdk.callRootWith(name, [path.join("\n")], (length) => [length, ...rest]);

describe("getProperty", () => {
  it("reads bytes", () => {
    expect(withPath("getProperty", ["text"])).toBe(WasmResult.Ok);
    expect(sdk.bytes().toString()).toBe("Grüße");
  });

  it("follows segments, which may hold dots", () => {
    expect(withPath("getProperty", ["deep", "dotted.name", "value"])).toBe(WasmResult.Ok);
    expect(sdk.bytes().toString()).toBe("found");
  });

  it("tells a property that is absent from one that is empty", () => {
    expect(withPath("getProperty", ["absent"])).toBe(WasmResult.NotFound);
    expect(withPath("getProperty", ["empty"])).toBe(WasmResult.Ok);
    expect(sdk.bytes()).toHaveLength(0);
  });

  it("passes on that a path without segments cannot be read", () => {
    expect(withPath("getProperty", [])).toBe(WasmResult.SerializationFailure);
  });

  it("reports InvalidMemoryAccess when the arena refuses the memory", () => {
    sdk.callRoot("setArenaCeiling", 3);
    expect(withPath("getProperty", ["text"])).toBe(WasmResult.InvalidMemoryAccess);
  });
});

describe("getPropertyString", () => {
  it("is null only when there is no property", () => {
    withPath("logPropertyString", ["text"]);
    withPath("logPropertyString", ["empty"]);
    withPath("logPropertyString", ["absent"]);
    expect(sdk.takeLogs()).toEqual(['"Grüße"', '""', "null"]);
  });
});

describe("getPropertyU64", () => {
  const read = (path: readonly string[]) => {
    withPath("getPropertyU64", path, 77);
    return sdk.output().value;
  };

  it("reads integers and booleans", () => {
    expect(read(["number"])).toBe(0xffff_ffff_ffff_fff0n);
    expect(read(["yes"])).toBe(1n);
    expect(read(["no"])).toBe(0n);
  });

  it("falls back for what is absent or no number", () => {
    expect(read(["absent"])).toBe(77n);
    expect(read(["text"])).toBe(77n);
    expect(read(["empty"])).toBe(77n);
  });
});

describe("setProperty", () => {
  it("sets a property of a connection, which getProperty reads again", () => {
    const client = sdk.host.connect();
    sdk.host.runUntilIdle();
    const context = { id: client.contextId };
    const set = sdk.callWith(context, "setProperty", ["mine", "value"], (path, value) => [
      path,
      value,
    ]);
    expect(set).toBe(WasmResult.Ok);
    expect(sdk.callWith(context, "getProperty", ["mine"], (length) => [length])).toBe(
      WasmResult.Ok,
    );
    expect(sdk.bytes().toString()).toBe("value");
  });

  it("reports a context that has no properties of its own", () => {
    const lengths = (path: number, value: number) => [path, value];
    expect(sdk.callRootWith("setProperty", ["mine", "value"], lengths)).toBe(WasmResult.NotFound);
  });
});
