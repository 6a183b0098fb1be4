// ABI chapter "Shared Key-Value Store": the wrappers of host/shared-data.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { WasmResult } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

let sdk: SdkHost;

beforeEach(() => {
  sdk = startSdkHost();
});

const get = (key: string) => sdk.callRootWith("getSharedData", [key], (length) => [length]);
const set = (key: string, value: string, cas = 0) =>
  sdk.callRootWith("setSharedData", [key, value], (keyLen, valueLen) => [keyLen, valueLen, cas]);

describe("shared data", () => {
  it("reads what was written, with a version", () => {
    expect(set("key", "value")).toBe(WasmResult.Ok);
    expect(get("key")).toBe(WasmResult.Ok);
    expect(sdk.bytes().toString()).toBe("value");
    expect(sdk.output().extra).not.toBe(0);
  });

  it("tells an absent value from an empty one", () => {
    expect(get("key")).toBe(WasmResult.NotFound);
    expect(sdk.output().extra).toBe(0);
    expect(set("key", "")).toBe(WasmResult.Ok);
    expect(get("key")).toBe(WasmResult.Ok);
    expect(sdk.bytes()).toHaveLength(0);
  });

  it("compare-and-swap succeeds once for a version", () => {
    set("key", "one");
    get("key");
    const version = sdk.output().extra;
    expect(set("key", "two", version)).toBe(WasmResult.Ok);
    expect(set("key", "three", version)).toBe(WasmResult.CasMismatch);
    get("key");
    expect(sdk.bytes().toString()).toBe("two");
  });
});
