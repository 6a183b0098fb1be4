// ABI chapter "Shared Queues": the wrappers of host/shared-queue.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { WasmResult } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

let sdk: SdkHost;

beforeEach(() => {
  sdk = startSdkHost({ vmId: "this-vm" });
  sdk.takeLogs();
});

const register = (name: string) => {
  const status = sdk.callRootWith("registerQueue", [name], (length) => [length]);
  return { status, token: sdk.output().extra };
};
const resolve = (vmId: string, name: string) => {
  const status = sdk.callRootWith("resolveQueue", [vmId, name], (...lengths) => lengths);
  return { status, token: sdk.output().extra };
};
const enqueue = (token: number, text: string) =>
  sdk.callRootWith("enqueue", [text], (length) => [token, length]);
const dequeue = (token: number) => sdk.callRoot("dequeue", token);

describe("a shared queue", () => {
  it("gives items back in order, and tells of each in an event of its own", () => {
    const { status, token } = register("work");
    expect(status).toBe(WasmResult.Ok);
    expect(enqueue(token, "first")).toBe(WasmResult.Ok);
    expect(enqueue(token, "")).toBe(WasmResult.Ok);
    expect(sdk.takeLogs()).toEqual([]);
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual([
      `onQueueReady ${String(token)}`,
      `onQueueReady ${String(token)}`,
    ]);
    expect(dequeue(token)).toBe(WasmResult.Ok);
    expect(sdk.bytes().toString()).toBe("first");
    expect(dequeue(token)).toBe(WasmResult.Ok);
    expect(sdk.bytes()).toHaveLength(0);
    expect(dequeue(token)).toBe(WasmResult.Empty);
  });

  it("is found by name, in this VM and by the VM's id", () => {
    const { token } = register("work");
    expect(token).not.toBe(0);
    expect(resolve("", "work")).toEqual({ status: WasmResult.Ok, token });
    expect(resolve("this-vm", "work")).toEqual({ status: WasmResult.Ok, token });
  });

  it("that nobody has registered is NotFound with token 0", () => {
    expect(resolve("", "work")).toEqual({ status: WasmResult.NotFound, token: 0 });
    expect(enqueue(99, "x")).toBe(WasmResult.NotFound);
    expect(dequeue(99)).toBe(WasmResult.NotFound);
  });

  it("cannot be named when the arena has no room", () => {
    sdk.callRoot("setArenaCeiling", 3);
    expect(register("work")).toEqual({ status: WasmResult.InternalFailure, token: 0 });
    expect(resolve("", "work")).toEqual({ status: WasmResult.InternalFailure, token: 0 });
  });
});
