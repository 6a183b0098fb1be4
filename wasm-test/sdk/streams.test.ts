// ABI chapters "TCP streams", "Common HTTP and TCP stream operations" and "Context lifecycle": the
// callbacks of a connection in their order, and the wrappers of host/stream.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { StreamType, WasmResult, type Client } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

const CONTINUE = 0;
const UNKNOWN_ID = 4_000_000_000;

let sdk: SdkHost;

beforeEach(() => {
  sdk = startSdkHost({
    permit: ["request-echoed"],
    pluginConfiguration: "abc",
    vmConfiguration: "vm",
  });
});

function connect(): Client {
  const client = sdk.host.connect();
  sdk.host.runUntilIdle();
  return client;
}

describe("the callbacks", () => {
  it("start with the VM's and the plugin's configuration", () => {
    expect(sdk.takeLogs()).toEqual(["onVmStart 2", "onConfigure 3"]);
  });

  it("of a connection come in order, with their arguments", () => {
    sdk.takeLogs();
    const client = connect();
    const id = String(client.contextId);
    client.send(Buffer.from("hello"));
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual([
      `onNewConnection ${id} of 9`,
      `onDownstreamData ${id} 5 false`,
    ]);
    sdk.call({ id: client.contextId }, "continueStream", StreamType.Downstream);
    sdk.host.runUntilIdle();
    expect(client.received.toString()).toBe("hello");
    expect(sdk.takeLogs()).toEqual([`onUpstreamData ${id} 5 false`]);
    client.reset();
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual([
      `onDownstreamClose ${id} 2`,
      `onDone ${id}`,
      `onLog ${id}`,
      `onDelete ${id}`,
    ]);
  });

  it("of many connections at once reach their own contexts", () => {
    const clients = Array.from({ length: 300 }, () => connect());
    sdk.takeLogs();
    for (const client of clients.filter((_, index) => index % 3 === 0)) client.reset();
    sdk.host.runUntilIdle();
    sdk.takeLogs();
    const alive = clients.filter((_, index) => index % 3 !== 0);
    for (const client of alive) client.send(Buffer.from("x"));
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual(
      alive.map((client) => `onDownstreamData ${String(client.contextId)} 1 false`),
    );
  });

  it("of connections whose objects come out of a pool carry the new ids, and outlive collections", () => {
    const round = () => {
      const clients = Array.from({ length: 100 }, () => connect());
      sdk.takeLogs();
      for (const client of clients) client.reset();
      sdk.host.runUntilIdle();
      const deleted = sdk.takeLogs().filter((line) => line.startsWith("onDelete"));
      expect(deleted).toEqual(clients.map((client) => `onDelete ${String(client.contextId)}`));
      sdk.callRoot("proxy_on_tick");
    };
    for (let i = 0; i < 5; i++) round();
    const size = sdk.vm.memory.sizeBytes;
    for (let i = 0; i < 50; i++) round();
    expect(sdk.vm.memory.sizeBytes).toBe(size);
  });

  it.each([
    ["proxy_on_new_connection", [], CONTINUE],
    ["proxy_on_downstream_data", [5, 0], CONTINUE],
    ["proxy_on_upstream_data", [5, 0], CONTINUE],
    ["proxy_on_downstream_connection_close", [1], 0],
    ["proxy_on_upstream_connection_close", [1], 0],
    ["proxy_on_request_headers", [5, 0], CONTINUE],
    ["proxy_on_request_body", [5, 0], CONTINUE],
    ["proxy_on_request_trailers", [5], CONTINUE],
    ["proxy_on_response_headers", [5, 0], CONTINUE],
    ["proxy_on_response_body", [5, 0], CONTINUE],
    ["proxy_on_response_trailers", [5], CONTINUE],
    ["proxy_on_context_create", [UNKNOWN_ID - 1], 0],
    ["proxy_on_vm_start", [5], 1],
    ["proxy_on_configure", [5], 1],
    ["proxy_on_done", [], 1],
    ["proxy_on_log", [], 0],
    ["proxy_on_delete", [], 0],
    ["proxy_on_tick", [], 0],
    ["proxy_on_queue_ready", [1], 0],
    ["proxy_on_http_call_response", [1, 2, 3, 4], 0],
    ["proxy_on_grpc_receive_initial_metadata", [1, 2], 0],
    ["proxy_on_grpc_receive", [1, 2], 0],
    ["proxy_on_grpc_receive_trailing_metadata", [1, 2], 0],
    ["proxy_on_grpc_close", [1, 2], 0],
    ["proxy_on_foreign_function", [1, 2], 0],
  ])("%s of an unknown context is neutral and reaches no plugin", (name, args, answer) => {
    sdk.takeLogs();
    const before = sdk.callRoot("arenaMark");
    expect(sdk.call({ id: UNKNOWN_ID }, name, ...args)).toBe(answer);
    expect(sdk.takeLogs()).toEqual([]);
    expect(sdk.callRoot("arenaMark")).toBe(before);
  });

  it("give back the arena, however many of them ran", () => {
    const before = sdk.callRoot("arenaMark");
    const client = connect();
    for (let i = 0; i < 500; i++) client.send(Buffer.alloc(2000));
    sdk.host.runUntilIdle();
    client.reset();
    sdk.host.runUntilIdle();
    expect(sdk.callRoot("arenaMark")).toBe(before);
  });

  it("a plugin that returned false from onDone ends with done()", () => {
    const worker = sdk.host.workers[0];
    sdk.takeLogs();
    expect(sdk.callRoot("done")).toBe(WasmResult.NotFound);
    worker?.shutdown();
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual(["plugin onDone"]);
    expect(worker?.isPendingDone).toBe(true);
    expect(sdk.callRoot("done")).toBe(WasmResult.Ok);
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual(["plugin onDelete"]);
  });
});

describe("the wrappers", () => {
  it("setEffectiveContext reports a context that is gone", () => {
    const client = connect();
    expect(sdk.callRoot("setEffectiveContext", client.contextId)).toBe(WasmResult.Ok);
    client.reset();
    sdk.host.runUntilIdle();
    expect(sdk.callRoot("setEffectiveContext", client.contextId)).toBe(WasmResult.BadArgument);
  });

  it("continueStream reports what the host cannot resume, and an unknown stream", () => {
    const context = { id: connect().contextId };
    expect(sdk.call(context, "continueStream", StreamType.Downstream)).toBe(WasmResult.Ok);
    expect(sdk.call(context, "continueStream", StreamType.Upstream)).toBe(WasmResult.Unimplemented);
    expect(sdk.call(context, "continueStream", 4)).toBe(WasmResult.BadArgument);
  });

  it("closeStream closes the connection", () => {
    const client = connect();
    const context = { id: client.contextId };
    expect(sdk.call(context, "closeStream", 4)).toBe(WasmResult.BadArgument);
    expect(sdk.call(context, "closeStream", StreamType.Downstream)).toBe(WasmResult.Ok);
    sdk.host.runUntilIdle();
    expect(client.closed).toBe(true);
  });
});
