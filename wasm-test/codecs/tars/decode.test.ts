import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, MessageType, Origin, ResponseStatus } from "../harness/contract.js";
import { capture, frame, readFrame, requestFrame, wholeCaptures } from "./frames.js";

const codec = await CodecHarness.load("tars-codec");

function originOf(name: string): Origin {
  return name.startsWith("req") ? Origin.Downstream : Origin.Upstream;
}

function decode(bytes: Uint8Array, origin: Origin) {
  return codec.decode(bytes, origin, codec.openState());
}

function typeOf(name: string): MessageType {
  if (name === "req-oneway") return MessageType.Oneway;
  return originOf(name) === Origin.Downstream ? MessageType.Request : MessageType.Response;
}

/** Of a server in TUP: a RequestPacket. */
function tupResponse(status: Record<string, string>): Uint8Array {
  return requestFrame({ version: 3, status });
}

test("what the codec declares: requests share connections, ids have 32 bits, no state", () => {
  expect(codec.exports.defaultMode()).toBe(0);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(false);
  expect(codec.exports.idBits()).toBe(32);
  expect(codec.exports.stateBytes()).toBe(0);
});

describe("captured frames", () => {
  for (const { name, bytes } of wholeCaptures()) {
    const connection = new CodecConnection(codec, originOf(name));
    const idTag = originOf(name) === Origin.Downstream ? 4 : 3;
    const id = BigInt(Number(readFrame(bytes).get(idTag)));

    test(`${name} is one frame at every chunk size`, () => {
      for (let size = 1; size <= bytes.length; size++) {
        connection.reopen();
        expect(connection.feedInChunks(bytes, size)).toMatchObject([
          {
            decodeStatus: DecodeStatus.Done,
            frameLength: bytes.length,
            id,
            type: typeOf(name),
            idKnown: typeOf(name) !== MessageType.Oneway,
          },
        ]);
      }
    });

    test(`${name} is two frames when it comes twice, split at every byte`, () => {
      const twice = new Uint8Array(Buffer.concat([bytes, bytes]));
      for (let at = 1; at < twice.length; at++) {
        connection.reopen();
        const first = connection.feed(twice.subarray(0, at));
        const second = connection.feed(twice.subarray(at));
        expect(first.length).toBe(at < bytes.length ? 0 : 1);
        expect(first.length + second.length).toBe(2);
        expect(connection.pending).toBe(0);
      }
    });
  }

  test("of large frames the first numbers tell all that is needed before the rest is there", () => {
    for (const [name, length] of [
      ["req-large", 100_064],
      ["rsp-large", 100_025],
    ] as const) {
      for (const shown of [24, 100, 256]) {
        expect(decode(capture(name).subarray(0, shown), originOf(name))).toMatchObject({
          decodeStatus: DecodeStatus.WaitForData,
          need: length,
          lengthKnown: true,
          id: 8n,
          idKnown: true,
        });
      }
    }
  });
});

describe("a client's sign of life", () => {
  test("that wants no answer is dropped, any other is a request", () => {
    const ping = (packetType: number) =>
      decode(requestFrame({ packetType, func: "tars_ping" }), Origin.Downstream);
    expect(ping(1)).toMatchObject({ type: MessageType.Event, idKnown: false });
    expect(ping(0)).toMatchObject({ type: MessageType.Request, idKnown: true });
  });
});

describe("status of a response", () => {
  const { Ok, BusinessError, Error } = ResponseStatus;
  test.each([
    ["rsp-hello", Ok],
    ["rsp-fail", BusinessError],
    ["rsp-fail-coded", BusinessError],
  ])("%s", (name, status) => {
    expect(decode(capture(name), Origin.Upstream).status).toBe(status);
  });

  test("codes of the framework, and those of TUP", () => {
    const response = frame([1, 1], [2, 0], [3, 7], [4, 0], [5, -4]);
    expect(decode(response, Origin.Upstream).status).toBe(Error);
    const of = (code: string) =>
      decode(tupResponse({ STATUS_RESULT_CODE: code }), Origin.Upstream).status;
    expect([of("0"), of("12"), of("-7"), of("x"), of("")]).toEqual([
      Ok,
      BusinessError,
      Error,
      Ok,
      Ok,
    ]);
    expect(decode(tupResponse({}), Origin.Upstream)).toMatchObject({ status: Ok, id: 7n });
  });
});

test("ids of any width, below 0, too", () => {
  for (const id of [0, 1, -1, 300, -300, 70_000, 0x7fff_ffff, -0x8000_0000]) {
    const decoded = decode(requestFrame({ id }), Origin.Downstream);
    expect(decoded.id).toBe(BigInt(id >>> 0));
  }
});

test("how long the client waits", () => {
  for (const [timeoutMs, expected] of [
    [1500, 1500],
    [0, 0],
    [-1, 0],
  ] as const) {
    decode(requestFrame({ timeoutMs }), Origin.Downstream);
    expect(codec.exports.timeoutMs()).toBe(expected);
  }
});

describe("refused", () => {
  const raw = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
  const names = [
    [5, "s"],
    [6, "f"],
  ] as const;
  const numbers = [
    [1, 1],
    [2, 0],
    [3, 0],
    [4, 7],
  ] as const;
  test.each([
    ["what begins with another field", raw("00000010 20")],
    ["a length below the least", raw("00000007 1c2c3c4c")],
    ["a number that is a text", frame([1, 1], [2, "x"], [3, 0], [4, 7], ...names)],
    ["an id of 64 bits", frame([1, 1], [2, 0], [3, 0], [4, raw("430000000000000007")], ...names)],
    ["a number left out", frame([1, 1], [2, 0], [4, 7], ...names)],
    ["no servant", frame(...numbers, [6, "f"])],
    ["no function", frame(...numbers, [5, "s"])],
    ["fields out of order", frame(...numbers, [6, "f"], [5, "s"])],
    ["a field that comes twice", frame(...numbers, [5, "s"], [5, "s"], [6, "f"])],
    ["a string longer than its frame", frame(...numbers, [5, raw("560961")])],
    ["a context that is none", frame(...numbers, ...names, [9, "x"])],
    [
      "a map with fewer pairs than it says",
      frame(...numbers, ...names, [9, raw("980002060161160162")]),
    ],
    ["a map of less than no pairs", frame(...numbers, ...names, [9, raw("9800ff")])],
    [
      "arguments longer than their frame",
      frame(...numbers, ...names, [7, raw("7d00027fffffff61")]),
    ],
    ["an end of no struct", frame(...numbers, ...names, [7, raw("7b")])],
    ["a small tag written as a large one", frame(...numbers, ...names, [9, raw("f80a0c")])],
    [
      "values nested without end",
      frame(...numbers, ...names, [7, raw(`79${"000109".repeat(90)}0c`)]),
    ],
  ])("%s", (_, bytes) => {
    expect(decode(bytes, Origin.Downstream).decodeStatus).toBe(DecodeStatus.Error);
  });

  test("with an answer, where there is an id", () => {
    expect(decode(frame(...numbers, [6, "f"]), Origin.Downstream)).toMatchObject({
      idKnown: true,
      id: 7n,
    });
  });

  test("not so: values of every type where nobody looks, and fields that are new", () => {
    const values = raw(
      "0a 0001 010002 0200000003 030000000000000004 0400000000 050000000000000000 0601 61" +
        "0700000001 62 080c 09 0001 0c 0d00 0001 63 0b",
    );
    const list = Buffer.concat([raw("79 0001"), values]);
    const large = raw("fc0f");
    const bytes = frame(...numbers, ...names, [7, list], [8, 5], [15, large]);
    expect(decode(bytes, Origin.Downstream).decodeStatus).toBe(DecodeStatus.Done);
  });
});

const NAMES = [
  ...["servant", "func", "version", "packet_type", "message_type", "ret", "result_desc"],
  ...["user-id", "status_dyed_key", "rsp-ctx", "rsp-status"],
];

function attributes(bytes: Uint8Array, origin: Origin): Record<string, string> {
  expect(decode(bytes, origin).decodeStatus).toBe(DecodeStatus.Done);
  const found = NAMES.map((name) => [name, codec.attribute(name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

describe("attributes", () => {
  test("of a request, its context and its status", () => {
    expect(attributes(capture("req-context-status"), Origin.Downstream)).toEqual({
      servant: "TestApp.HelloServer.HelloObj",
      func: "hello",
      version: "1",
      packet_type: "0",
      message_type: "0",
      "user-id": "u-1001",
      status_dyed_key: "dye1",
    });
    expect(attributes(capture("req-oneway"), Origin.Downstream)).toMatchObject({
      packet_type: "1",
    });
  });

  test("keys in letters of either case; the last counts, and the context comes first", () => {
    const context = { "User-Id": "one", "user-id": "two" };
    const bytes = requestFrame({ context, status: { "user-id": "three", "RSP-CTX": "s" } });
    expect(attributes(bytes, Origin.Downstream)).toMatchObject({
      "user-id": "two",
      "rsp-ctx": "s",
    });
  });

  test("of responses", () => {
    expect(attributes(capture("rsp-hello"), Origin.Upstream)).toEqual({
      version: "1",
      packet_type: "0",
      message_type: "0",
      ret: "0",
      "rsp-ctx": "v",
      "rsp-status": "v",
    });
    expect(attributes(capture("rsp-fail-coded"), Origin.Upstream)).toMatchObject({
      ret: "1234",
      result_desc: "coded code",
    });
    const status = { STATUS_RESULT_CODE: "-7", STATUS_RESULT_DESC: "too late" };
    expect(attributes(tupResponse(status), Origin.Upstream)).toMatchObject({
      servant: "A.S.Obj",
      version: "3",
      ret: "-7",
      result_desc: "too late",
    });
  });
});
