import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  DecodeStatus,
  ErrorKind,
  MessageType,
  Origin,
  ResponseStatus,
} from "../harness/contract.js";
import {
  asVersion2,
  buildFrame,
  capture,
  Command,
  CommandType,
  type FrameParts,
  headerOf,
  readFrame,
  SOFA_REQUEST,
  SOFA_RESPONSE,
  toHex,
} from "./frames.js";

const codec = await CodecHarness.load("bolt-codec");
const TEXT = "metaproto: no route of peer.demo_12200 matches this request";

/** What is kept of a request until its error reply is written. */
function contextOf(bytes: Uint8Array, shown = bytes.length): Uint8Array {
  codec.decode(bytes.subarray(0, shown), Origin.Downstream, codec.openState());
  return codec.captureContext();
}

const hello = contextOf(capture("req-hello"));
const protocols = [
  ["version 1", hello],
  ["version 2", contextOf(asVersion2(capture("req-hello"), false))],
  ["version 2 with a checksum", contextOf(asVersion2(capture("req-hello"), true))],
] as const;

const TOLD: readonly (keyof typeof ErrorKind)[] = [
  "NoRoute",
  "UnknownCluster",
  "NoHealthyUpstream",
  "ConnectFailure",
  "UpstreamReset",
  "BadResponse",
  "PermissionDenied",
  "Internal",
];

const STATUS: readonly (readonly [keyof typeof ErrorKind, number])[] = [
  ["Overload", 4],
  ["RateLimited", 4],
  ["Timeout", 7],
  ["RequestTimeout", 7],
  ["MalformedRequest", 9],
];

test("every kind of error has a reply", () => {
  const kinds = [...TOLD, ...STATUS.map(([kind]) => kind)];
  expect(kinds.sort()).toEqual(Object.keys(ErrorKind).sort());
});

test("a text is told as SOFA's own server tells one, byte by byte", () => {
  const text = "RPC-020100010: RPC cannot find service: [peer.Hello:1.0:v9] ";
  const reply = codec.encodeError(ErrorKind.NoRoute, 7n, text, hello);
  expect(toHex(reply)).toBe(toHex(capture("rsp-unknown-service")));
});

describe.each(protocols)("to a client of SOFA, %s", (name, context) => {
  const version = { "version 1": 0, "version 2": 1 }[name as string] ?? 2;

  test.each(TOLD)("%s: with the text", (kind) => {
    const bytes = codec.encodeError(ErrorKind[kind], 9n, TEXT, context);
    const reply = readFrame(bytes);
    expect(reply).toMatchObject({ type: CommandType.Response, command: Command.Response, id: 9 });
    expect(reply).toMatchObject({ version, codec: 1, status: 0, className: SOFA_RESPONSE });
    expect(headerOf(bytes)).toEqual({ sofa_head_response_error: "true" });
    const length = `53${TEXT.length.toString(16).padStart(4, "0")}`;
    expect(toHex(reply.content)).toContain(`54${length}${toHex(Buffer.from(TEXT))}4e4d`);
    expect(codec.decode(bytes, Origin.Upstream, codec.openState())).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      type: MessageType.Response,
      status: ResponseStatus.Error,
    });
  });

  test.each(STATUS)("%s: status %i", (kind, status) => {
    const bytes = codec.encodeError(ErrorKind[kind], 9n, TEXT, context);
    expect(readFrame(bytes)).toMatchObject({ version, id: 9, codec: 1, status, className: "" });
    expect(readFrame(bytes).content).toHaveLength(0);
  });

  test("a heartbeat's answer", () => {
    const beat = buildFrame({
      protocol: (["1", "2", "2.2"] as const)[version] ?? "1",
      command: Command.Heartbeat,
      switches: 1,
      id: 8,
    });
    for (const origin of [Origin.Downstream, Origin.Upstream]) {
      codec.decode(beat, origin, codec.openState());
      const reply = readFrame(codec.encodeHeartbeatReply());
      expect(reply).toMatchObject({ type: CommandType.Response, command: Command.Heartbeat });
      expect(reply).toMatchObject({ version, id: 8, status: 0 });
    }
  });
});

describe("to others there is a status", () => {
  const others: Readonly<Record<string, FrameParts>> = {
    "no class of SOFA's": { className: "demo.Request" },
    "an unknown serialization": { className: SOFA_REQUEST, codec: 2 },
  };
  const status: Partial<Record<keyof typeof ErrorKind, number>> = {
    NoRoute: 6,
    UnknownCluster: 6,
    NoHealthyUpstream: 5,
    ConnectFailure: 5,
    UpstreamReset: 5,
  };

  test.each(Object.entries(others))("%s", (_, parts) => {
    const context = contextOf(buildFrame(parts));
    for (const kind of TOLD) {
      const reply = readFrame(codec.encodeError(ErrorKind[kind], 9n, TEXT, context));
      expect(reply).toMatchObject({ id: 9, className: "", codec: parts.codec ?? 1 });
      expect([kind, reply.status]).toEqual([kind, status[kind] ?? 1]);
    }
  });

  test("of whom nothing is known but the id", () => {
    const reply = readFrame(codec.encodeError(ErrorKind.NoRoute, 9n, TEXT));
    expect(reply).toMatchObject({ protocol: 1, id: 9, status: 6 });
  });

  test("whose frame is not there, and has come as far as its head", () => {
    const context = contextOf(capture("req-hello"), 22);
    const reply = readFrame(codec.encodeError(ErrorKind.MalformedRequest, 1n, TEXT, context));
    expect(reply).toMatchObject({ id: 1, status: 9 });
    expect(contextOf(capture("req-hello"), 21)).toHaveLength(0);
  });
});

test.each([11, 12])("in serialization %i the content is the text", (number) => {
  const context = contextOf(buildFrame({ className: SOFA_REQUEST, codec: number }));
  const bytes = codec.encodeError(ErrorKind.NoRoute, 9n, TEXT, context);
  expect(readFrame(bytes)).toMatchObject({ codec: number, status: 0, className: SOFA_RESPONSE });
  expect(Buffer.from(readFrame(bytes).content).toString()).toBe(TEXT);
  expect(headerOf(bytes)).toEqual({ sofa_head_response_error: "true" });
});

test("a code of the protocol's own is the status; one that would end the client's connection is not sent", () => {
  const statusOf = (code: number) =>
    readFrame(codec.encodeError(ErrorKind.Internal, 9n, TEXT, hello, undefined, code)).status;
  for (const known of [1, 2, 4, 7, 9, 0x10, 0x12]) expect(statusOf(known)).toBe(known);
  for (const unknown of [10, 15, 0x13, 500, 0x1_0004]) expect(statusOf(unknown)).toBe(1);
});

test("there is none to what is never answered, and none where there is no room", () => {
  const oneway = contextOf(capture("req-oneway"));
  expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, oneway)).toHaveLength(0);
  expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, hello, 64)).toHaveLength(0);
  expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, hello, TEXT.length + 287)).toHaveLength(0);
});

test("the longest text", () => {
  const reply = readFrame(codec.encodeError(ErrorKind.NoRoute, 4n, "x".repeat(512), hello));
  expect(Buffer.from(reply.content).toString("latin1")).toContain(
    `S\u0002\u0000${"x".repeat(512)}N`,
  );
});

test("heartbeats are those of SOFA's", () => {
  expect(toHex(codec.encodeHeartbeat(8n))).toBe(toHex(capture("req-heartbeat")));
  codec.decode(capture("req-heartbeat"), Origin.Downstream, codec.openState());
  expect(toHex(codec.encodeHeartbeatReply())).toBe(toHex(capture("rsp-heartbeat-ack")));
});
