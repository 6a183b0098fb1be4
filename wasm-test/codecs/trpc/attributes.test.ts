import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { Origin } from "../harness/contract.js";
import { capture, message, pair, streamFrame, StreamFrame, unaryFrame } from "./frames.js";

const codec = await CodecHarness.load("trpc-codec");

const NAMES = [
  ...["caller", "callee", "func", "service", "method", "frame_type", "content_type"],
  ...["content_encoding", "message_type", "ret", "func_ret", "error_msg", "user-id", "srv-key"],
];

function attributes(bytes: Uint8Array, origin: Origin): Record<string, string> {
  codec.decode(bytes, origin, codec.openState());
  const found = NAMES.map((name) => [name, codec.attribute(name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

describe("of requests", () => {
  test("a unary call", () => {
    expect(attributes(capture("req-transinfo"), Origin.Downstream)).toEqual({
      caller: "trpc.test.peer.cli",
      callee: "trpc.test.helloworld.Greeter",
      func: "/trpc.test.helloworld.Greeter/SayHello",
      service: "trpc.test.helloworld.Greeter",
      method: "SayHello",
      frame_type: "unary",
      content_type: "0",
      content_encoding: "0",
      message_type: "0",
      "user-id": "u-1001",
    });
  });

  test("content types and encodings are numbers", () => {
    expect(attributes(capture("req-json"), Origin.Downstream)).toMatchObject({ content_type: "2" });
    expect(attributes(capture("req-gzip"), Origin.Downstream)).toMatchObject({
      content_encoding: "1",
    });
    const dyed = unaryFrame({ header: message([3, 1], [8, 5]), id: 1 });
    expect(attributes(dyed, Origin.Downstream)).toMatchObject({ message_type: "5" });
  });

  test("what opens a stream", () => {
    expect(attributes(capture("stream-00-init-req"), Origin.Downstream)).toEqual({
      caller: "trpc.app.trpccli.service",
      callee: "trpc.test.helloworld.Greeter",
      func: "/trpc.test.helloworld.Greeter/Bidi",
      service: "trpc.test.helloworld.Greeter",
      method: "Bidi",
      frame_type: "stream",
      content_type: "0",
      content_encoding: "0",
      message_type: "0",
      "user-id": "u-1001",
    });
  });

  test("a meta that comes in parts is one, as protobuf has it", () => {
    const body = message(
      [1, message([1, "one"], [3, "/s/a"], [5, pair("user-id", "1")])],
      [4, 2],
      [1, message([1, "two"], [4, 1])],
    );
    const frame = streamFrame(StreamFrame.Init, 7, body);
    expect(attributes(frame, Origin.Downstream)).toMatchObject({
      caller: "two",
      method: "a",
      content_type: "2",
      message_type: "1",
      "user-id": "1",
    });
  });

  test.each([
    ["/a.b/C", "a.b", "C"],
    ["/a/b/C", "a/b", "C"],
    ["/a.b/", "a.b", undefined],
    ["//C", undefined, "C"],
    ["/C", undefined, undefined],
    ["a/C", undefined, undefined],
    ["/", undefined, undefined],
  ])("func %s", (func, service, method) => {
    codec.decode(
      unaryFrame({ header: message([3, 1], [7, func]), id: 1 }),
      Origin.Downstream,
      codec.openState(),
    );
    expect([codec.attribute("service"), codec.attribute("method")]).toEqual([service, method]);
    expect(codec.attribute("func")).toBe(func);
  });

  test("keys of the trans_info in letters of either case; the last with a key counts", () => {
    const header = message(
      [9, pair("User-Id", "one")],
      [3, 1],
      [9, pair("user-id", "two")],
      [9, message([2, "no key"])],
      [9, message([2, "two values"], [1, "twice"], [2, "last"])],
      [9, message([1, "no value"])],
      [8, 1],
    );
    codec.decode(unaryFrame({ header, id: 1 }), Origin.Downstream, codec.openState());
    expect(codec.attribute("user-id")).toBe("two");
    expect(codec.attribute("twice")).toBe("last");
    expect(codec.attribute("no value")).toBe("");
    expect(codec.attribute("missing")).toBeUndefined();
  });

  test("further frames of a stream have none but their type", () => {
    for (const name of ["stream-02-data-req1", "stream-08-close-req"]) {
      const found = attributes(capture(name), Origin.Downstream);
      expect(found).toMatchObject({ frame_type: "stream" });
      expect(found).not.toHaveProperty("func");
    }
  });
});

describe("of responses", () => {
  test.each([
    ["rsp-hello", { ret: "0", func_ret: "0", "srv-key": "srv-val", frame_type: "unary" }],
    ["rsp-business-error", { ret: "0", func_ret: "10001", error_msg: "biz error for biz" }],
    ["rsp-framework-error-limited", { ret: "23", error_msg: "limited by server" }],
    ["stream-01-init-rsp", { ret: "0", func_ret: "0", frame_type: "stream" }],
    ["stream-close-reset-rsp", { ret: "10002", error_msg: "stream biz fail" }],
  ])("%s", (name, expected) => {
    expect(attributes(capture(name), Origin.Upstream)).toMatchObject(expected);
  });

  test("a server that does not take a stream, and codes below 0", () => {
    const body = message([2, message([1, -12], [2, "no such method"])]);
    expect(attributes(streamFrame(StreamFrame.Init, 7, body), Origin.Upstream)).toMatchObject({
      ret: "-12",
      error_msg: "no such method",
    });
  });

  test("two values at once", () => {
    attributes(capture("rsp-business-error"), Origin.Upstream);
    const ret = codec.attributeBytes("ret");
    const funcRet = codec.attributeBytes("func_ret");
    expect([ret, funcRet].map((bytes) => Buffer.from(bytes ?? []).toString())).toEqual([
      "0",
      "10001",
    ]);
  });
});
