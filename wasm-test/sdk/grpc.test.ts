// ABI chapter "gRPC calls": the wrappers of host/grpc.ts.

import { beforeEach, describe, expect, it } from "vitest";

import { GrpcServer, WasmResult } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

const TARGET = "control\npackage.Service\nMethod";

let server: GrpcServer;
let sdk: SdkHost;

beforeEach(() => {
  server = new GrpcServer({
    onMessage: (stream, message) => {
      stream.send(Buffer.concat([Buffer.from("re: "), message]));
      if (stream.halfClosed) stream.close(0, "done");
    },
  });
  sdk = startSdkHost({ clusters: { control: { grpc: server } } });
  sdk.takeLogs();
});

function open(target: string = TARGET, name = "grpcStream"): { status: number; token: number } {
  const status = sdk.callRootWith(name, [target], (length) => [length]);
  return { status, token: sdk.output().extra };
}

function sendText(token: number, text: string, end = 0): number {
  return sdk.callRootWith("grpcSend", [text], (length) => [token, length, end]);
}

describe("a stream", () => {
  it("is opened to cluster, service and method", () => {
    expect(open().status).toBe(WasmResult.Ok);
    expect(server.streams[0]?.target).toMatchObject({
      cluster: "control",
      service: "package.Service",
      method: "Method",
    });
  });

  it("carries messages both ways and ends with the server's status", () => {
    const { token } = open();
    expect(sendText(token, "one")).toBe(WasmResult.Ok);
    sdk.host.runUntilIdle();
    expect(sendText(token, "two", 1)).toBe(WasmResult.Ok);
    sdk.host.runUntilIdle();
    const id = String(token);
    expect(sdk.takeLogs()).toEqual([
      `onGrpcReceiveInitialMetadata ${id} 2`,
      `onGrpcReceive ${id} 7`,
      `onGrpcReceive ${id} 7`,
      `onGrpcReceiveTrailingMetadata ${id} 1`,
      `onGrpcClose ${id} 0`,
    ]);
  });

  it("from a GrpcMethod carries its initial metadata", () => {
    expect(open(TARGET, "grpcOpen").status).toBe(WasmResult.Ok);
    expect(server.streams[0]?.target.metadata).toEqual([["x-meta", "2"]]);
  });

  it("half-closes with grpcClose, and grpcCancel resets it without a callback", () => {
    const first = open();
    expect(sdk.callRoot("grpcClose", first.token)).toBe(WasmResult.Ok);
    const second = open();
    expect(sdk.callRoot("grpcCancel", second.token)).toBe(WasmResult.Ok);
    sdk.host.runUntilIdle();
    expect(server.streams[0]?.halfClosed).toBe(true);
    expect(server.streams[1]?.cancelled).toBe(true);
    expect(sdk.takeLogs()).toEqual([]);
  });

  it("leaves nothing in the arena", () => {
    const before = sdk.callRoot("arenaMark");
    for (let i = 0; i < 100; i++) open();
    expect(sdk.callRoot("arenaMark")).toBe(before);
  });
});

describe("failures", () => {
  it("an unknown cluster is ParseFailure with token 0", () => {
    expect(open("nowhere\npackage.Service\nMethod")).toEqual({
      status: WasmResult.ParseFailure,
      token: 0,
    });
  });

  it("a cluster name that happens to be a protobuf message is still a name", () => {
    sdk.host.upstreams.set("xa", { grpc: server });
    expect(open("xa\npackage.Service\nMethod").status).toBe(WasmResult.Ok);
    expect(server.streams[0]?.target.cluster).toBe("xa");
  });

  it("cluster names at every edge of a varint arrive whole", () => {
    const names = [1, 63, 64, 123, 124, 125, 126, 127, 128, 300, 16_500].map((length) =>
      "c".repeat(length),
    );
    for (const name of names) {
      sdk.host.upstreams.set(name, { grpc: server });
      expect(open(`${name}\npackage.Service\nMethod`).status).toBe(WasmResult.Ok);
      expect(open(`${name}\npackage.Service\nMethod`, "grpcOpen").status).toBe(WasmResult.Ok);
    }
    const clusters = server.streams.map((stream) => stream.target.cluster);
    expect(clusters).toEqual(names.flatMap((name) => [name, name]));
  });

  it("tokens that never were or are no more are told apart", () => {
    expect(sendText(3, "x")).toBe(WasmResult.BadArgument);
    const { token } = open();
    expect(sdk.callRoot("grpcCancel", token)).toBe(WasmResult.Ok);
    expect(sendText(token, "x")).toBe(WasmResult.NotFound);
    expect(sdk.callRoot("grpcClose", token)).toBe(WasmResult.NotFound);
    expect(sdk.callRoot("grpcCancel", token)).toBe(WasmResult.NotFound);
  });

  it("an arena without room is InternalFailure, and the host is not called", () => {
    sdk.callRoot("setArenaCeiling", 8);
    expect(open()).toEqual({ status: WasmResult.InternalFailure, token: 0 });
    expect(server.streams).toHaveLength(0);
  });
});

describe("a call", () => {
  const call = (message: string, timeoutMs: number) =>
    sdk.callRootWith("grpcCall", [TARGET, message], (target, length) => [
      target,
      length,
      timeoutMs,
    ]);

  it("brings one message back", () => {
    expect(call("ping", 1000)).toBe(WasmResult.Ok);
    const token = String(sdk.output().extra);
    expect(server.streams[0]?.target.metadata).toEqual([["x-meta", "1"]]);
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual([`onGrpcReceive ${token} 8`]);
  });

  it("ends with DeadlineExceeded when nobody answers", () => {
    sdk = startSdkHost({ clusters: { control: { grpc: new GrpcServer() } } });
    sdk.takeLogs();
    expect(call("ping", 50)).toBe(WasmResult.Ok);
    const token = String(sdk.output().extra);
    sdk.host.advance(49);
    expect(sdk.takeLogs()).toEqual([]);
    sdk.host.advance(1);
    expect(sdk.takeLogs()).toEqual([`onGrpcClose ${token} 4`]);
    expect(sdk.callRoot("getCallStatus")).toBe(WasmResult.Ok);
    expect(sdk.output().extra).toBe(4);
  });
});
