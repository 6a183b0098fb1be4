import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, Origin } from "../harness/contract.js";
import {
  asVersion2,
  buildFrame,
  capture,
  Command,
  CommandType,
  concat,
  headerBlock,
  type Pair,
  SOFA_REQUEST,
  SOFA_RESPONSE,
} from "./frames.js";

const codec = await CodecHarness.load("bolt-codec");

function attributes(bytes: Uint8Array, origin: Origin, ...names: readonly string[]) {
  const { decodeStatus } = codec.decode(bytes, origin, codec.openState());
  expect(decodeStatus).toBe(DecodeStatus.Done);
  return Object.fromEntries(names.map((name) => [name, codec.attribute(name)]));
}

function ofHeader(names: readonly string[], ...pairs: readonly Pair[]) {
  return attributes(buildFrame({ header: headerBlock(...pairs) }), Origin.Downstream, ...names);
}

const ALL = ["service", "interface", "method", "target_app", "class", "codec", "status"];

describe.each([
  ["version 1", (bytes: Uint8Array) => bytes],
  ["version 2", (bytes: Uint8Array) => asVersion2(bytes, true)],
])("of captured frames, %s", (_, convert) => {
  test("a request", () => {
    expect(attributes(convert(capture("req-hello")), Origin.Downstream, ...ALL)).toEqual({
      service: "peer.Hello:1.0",
      interface: "peer.Hello",
      method: "hello",
      target_app: undefined,
      class: SOFA_REQUEST,
      codec: "1",
      status: undefined,
    });
  });

  test("whatever the header block has, letters of either case", () => {
    const names = ["app", "type", "protocol", "rpc_trace_context.sofatraceid"];
    expect(attributes(convert(capture("req-hello")), Origin.Downstream, ...names)).toEqual({
      app: "peer-cli",
      type: "sync",
      protocol: "bolt",
      "rpc_trace_context.sofatraceid": "ffffffff1795228265327100110059",
    });
  });

  test("a response", () => {
    const names = ["class", "codec", "status", "rpc_resp_baggage.rsp-bag", "method"];
    expect(attributes(convert(capture("rsp-hello")), Origin.Upstream, ...names)).toEqual({
      class: SOFA_RESPONSE,
      codec: "1",
      status: "0",
      "rpc_resp_baggage.rsp-bag": "rv",
      method: undefined,
    });
  });
});

test("baggage, by the name under which SOFA sends it", () => {
  const key = "rpc_req_baggage.user-id";
  expect(attributes(capture("req-baggage"), Origin.Downstream, key)[key]).toBeDefined();
});

test("a uniqueId is of the service, not of the interface", () => {
  const names = ["service", "interface"];
  expect(attributes(capture("req-unknown-service"), Origin.Downstream, ...names)).toEqual({
    service: "peer.Hello:1.0:v9",
    interface: "peer.Hello",
  });
});

describe("the header block", () => {
  test("SOFA's keys count, as for the server; the plain names where they are missing", () => {
    const names = ["service", "method", "target_app", "interface"];
    const plain: Pair[] = [
      ["service", "a.B:2"],
      ["method", "m"],
      ["target_app", "t"],
    ];
    const target: Pair = ["sofa_head_target_service", "c.D:3"];
    expect(ofHeader(names, ...plain)).toMatchObject({ service: "a.B:2", interface: "a.B" });
    expect(ofHeader(names, ...plain)).toMatchObject({ method: "m", target_app: "t" });
    expect(ofHeader(names, target, ...plain)).toMatchObject({ service: "c.D:3" });
    expect(ofHeader(names, ["sofa_head_target_app", "x"])).toMatchObject({ target_app: "x" });
  });

  test("another case of SOFA's keys is not the server's key", () => {
    const pairs: Pair[] = [
      ["sofa_head_target_service", "real:1"],
      ["Sofa_Head_Target_Service", "feigned:1"],
    ];
    expect(ofHeader(["service"], ...pairs)).toEqual({ service: "real:1" });
  });

  test("the last of equal keys counts", () => {
    const pairs: Pair[] = [
      ["sofa_head_method_name", "first"],
      ["user", "1"],
      ["sofa_head_method_name", "last"],
      ["User", "2"],
    ];
    expect(ofHeader(["method", "user"], ...pairs)).toEqual({ method: "last", user: "2" });
  });

  test("empty values are there, null ones are not", () => {
    const pairs: Pair[] = [
      ["empty", ""],
      ["kept", "v"],
      ["kept", null],
      [null, "v"],
    ];
    const none = { service: undefined, interface: undefined };
    expect(ofHeader(["empty", "kept", "none"], ...pairs)).toMatchObject({ empty: "", kept: "v" });
    expect(ofHeader(["service", "interface"], ...pairs)).toEqual(none);
    expect(ofHeader(["interface"], ["service", ":1"])).toEqual({ interface: undefined });
  });

  test("what is no list has no attributes: the receiver might find others", () => {
    const good = headerBlock(["service", "a.B:1"]);
    for (const rest of ["00", "000000", "00000005616263", "0000000161", "000000016100000002"]) {
      const header = concat(good, Buffer.from(rest, "hex"));
      expect(attributes(buildFrame({ header }), Origin.Downstream, "service", "codec")).toEqual({
        service: undefined,
        codec: "1",
      });
    }
  });
});

test("heartbeats have none", () => {
  const header = headerBlock(["service", "a"]);
  for (const type of [CommandType.Request, CommandType.Response]) {
    const beat = buildFrame({ type, command: Command.Heartbeat, header, className: "x" });
    for (const name of [...ALL, "other"]) {
      expect(attributes(beat, Origin.Upstream, name)[name]).toBeUndefined();
    }
  }
});
