import { describe, expect, test } from "vitest";
import { hessianString } from "../../envoy/support/dubbo-wire.js";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, MessageType, Origin, ResponseStatus } from "../harness/contract.js";
import { buildFrame, capture, concat, Flag, fromHex, wholeCaptures } from "./frames.js";

const codec = await CodecHarness.load("dubbo-codec");
const downstream = new CodecConnection(codec, Origin.Downstream);
const upstream = new CodecConnection(codec, Origin.Upstream);

function originOf(name: string): Origin {
  return /req-/.test(name) ? Origin.Downstream : Origin.Upstream;
}

function decode(bytes: Uint8Array, origin: Origin) {
  return codec.decode(bytes, origin, codec.openState());
}

function frameOf(flag: number, bodyHex: string, status?: number): Uint8Array {
  const body = fromHex(bodyHex);
  return buildFrame(status === undefined ? { flag, body } : { flag, body, status });
}

test("what the codec declares: requests share connections, ids have 64 bits, no state", () => {
  expect(codec.exports.defaultMode()).toBe(0);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(false);
  expect(codec.exports.idBits()).toBe(64);
  expect(codec.exports.stateBytes()).toBe(0);
});

describe("captured frames", () => {
  for (const { name, bytes } of wholeCaptures()) {
    const connection = originOf(name) === Origin.Downstream ? downstream : upstream;

    test(`${name} is one frame at every chunk size`, () => {
      for (let size = 1; size <= bytes.length; size++) {
        connection.reopen();
        const received = connection.feedInChunks(bytes, size);
        expect(received).toHaveLength(1);
        expect(received[0]?.decodeStatus).toBe(DecodeStatus.Done);
        expect(received[0]?.frameLength).toBe(bytes.length);
        expect(received[0]?.id).toBe(Buffer.from(bytes).readBigUInt64BE(4));
      }
    });

    test(`${name} is two frames when it comes twice, split at every byte`, () => {
      const twice = concat(bytes, bytes);
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
});

describe("types", () => {
  test.each([
    ["req-hello", MessageType.Request],
    ["req-oneway", MessageType.Oneway],
    ["req-heartbeat", MessageType.Heartbeat],
    ["rsp-heartbeat", MessageType.Event],
    ["srv2cli-readonly-event", MessageType.GoAway],
    ["fastjson2-req-hello", MessageType.Request],
    ["fastjson2-rsp-hello", MessageType.Response],
  ])("%s", (name, type) => {
    const message = decode(capture(name), originOf(name));
    expect(message.decodeStatus).toBe(DecodeStatus.Done);
    expect(message.type).toBe(type);
  });

  test("heartbeats and their answers may come from either side", () => {
    for (const origin of [Origin.Downstream, Origin.Upstream]) {
      expect(decode(capture("req-heartbeat"), origin).type).toBe(MessageType.Heartbeat);
      expect(decode(capture("rsp-heartbeat"), origin).type).toBe(MessageType.Event);
    }
  });

  test("a one-way event asks for an end only as READONLY from upstream", () => {
    const event = (hex: string, flag: number = Flag.OnewayEvent) => frameOf(flag, hex);
    expect(decode(event("0152"), Origin.Upstream).type).toBe(MessageType.GoAway);
    expect(decode(event("0152"), Origin.Downstream).type).toBe(MessageType.Event);
    expect(decode(event("4e"), Origin.Upstream).type).toBe(MessageType.Event);
    expect(decode(event("0157"), Origin.Upstream).type).toBe(MessageType.Event);
    expect(decode(event(""), Origin.Upstream).type).toBe(MessageType.Event);
    expect(decode(event("000000024a52", 0xb7), Origin.Upstream).type).toBe(MessageType.GoAway);
    expect(decode(event("00000001af", 0xb7), Origin.Upstream).type).toBe(MessageType.Event);
    // The same letter in a heartbeat that wants an answer, or in an answer, is nothing special.
    expect(decode(frameOf(0xe2, "0152"), Origin.Upstream).type).toBe(MessageType.Heartbeat);
    expect(decode(frameOf(0x22, "0152"), Origin.Upstream).type).toBe(MessageType.Event);
  });

  test("a request's status byte means nothing", () => {
    const message = decode(frameOf(Flag.Request, "", 99), Origin.Downstream);
    expect(message.type).toBe(MessageType.Request);
    expect(message.status).toBe(ResponseStatus.Ok);
  });
});

describe("response status", () => {
  test.each([
    ["rsp-hello", ResponseStatus.Ok],
    ["rsp-nullresult", ResponseStatus.Ok],
    ["rsp-checked-exception", ResponseStatus.BusinessError],
    ["rsp-runtime-exception", ResponseStatus.BusinessError],
    ["rsp-status40-badrequest", ResponseStatus.Error],
    ["rsp-status70-nomethod", ResponseStatus.Error],
    ["fastjson2-rsp-hello", ResponseStatus.Ok],
    ["fastjson2-rsp-exception", ResponseStatus.BusinessError],
  ])("%s", (name, status) => {
    expect(decode(capture(name), Origin.Upstream).status).toBe(status);
  });

  test("the number that starts the body tells an exception from a value", () => {
    const tags = ["90", "91", "92", "93", "94", "95"];
    const found = tags.map((tag) => decode(frameOf(0x02, `${tag}4e`), Origin.Upstream).status);
    const { Ok, BusinessError } = ResponseStatus;
    expect(found).toEqual([BusinessError, Ok, Ok, BusinessError, Ok, Ok]);
  });

  test("an empty or strange body is not an exception", () => {
    for (const hex of ["", "96", "8f", "4e", "49", "4900000000"]) {
      expect(decode(frameOf(0x02, hex), Origin.Upstream).status).toBe(ResponseStatus.Ok);
    }
    expect(decode(frameOf(0x17, "00000002bd"), Origin.Upstream).status).toBe(ResponseStatus.Ok);
  });

  test("of a serialization that is not read only the header counts", () => {
    expect(decode(frameOf(0x08, "90"), Origin.Upstream).status).toBe(ResponseStatus.Ok);
    expect(decode(frameOf(0x08, "90", 80), Origin.Upstream).status).toBe(ResponseStatus.Error);
  });
});

describe("lengths", () => {
  test("the second byte is wanted first, then the header, then all of the frame", () => {
    const hello = capture("req-hello");
    const short = decode(hello.subarray(0, 1), Origin.Downstream);
    expect([short.need, short.lengthKnown]).toEqual([2, false]);
    const magic = decode(hello.subarray(0, 2), Origin.Downstream);
    expect([magic.need, magic.lengthKnown]).toEqual([16, false]);
    const header = decode(hello.subarray(0, 16), Origin.Downstream);
    expect([header.need, header.lengthKnown]).toEqual([hello.length, true]);
    // Known early, for the reply to a frame that is larger than the limit.
    expect(header.type).toBe(MessageType.Request);
    expect(header.id).toBe(0xba1fed83377f3aa6n);
    expect(header.idKnown).toBe(true);
  });

  test("every u32 is a length, but for those that do not fit with the header", () => {
    const header = Buffer.from(capture("req-hello").subarray(0, 16));
    header.writeUInt32BE(0xffffffff - 16, 12);
    const largest = decode(header, Origin.Downstream);
    expect(largest.decodeStatus).toBe(DecodeStatus.WaitForData);
    expect(largest.need).toBe(0xffffffff);
    for (const length of [0xffffffff - 15, 0xffffffff]) {
      header.writeUInt32BE(length, 12);
      const message = decode(header, Origin.Downstream);
      expect(message.decodeStatus).toBe(DecodeStatus.Error);
      expect(message.idKnown).toBe(true);
      expect(message.id).toBe(0xba1fed83377f3aa6n);
    }
    header.writeUInt8(Flag.Oneway, 2);
    expect(decode(header, Origin.Downstream).idKnown).toBe(false);
  });

  test("a frame of 1 MiB", () => {
    const chunk = new Uint8Array(3 + 0x8000).fill(0x78);
    chunk.set([0x52, 0x80, 0x00]);
    const text = concat(...Array.from({ length: 32 }, () => chunk), fromHex("00"));
    const frame = buildFrame({ flag: Flag.Response, body: concat(fromHex("91"), text) });
    upstream.reopen();
    const received = upstream.feedInChunks(frame, 65_536);
    expect(received.map((message) => message.frameLength)).toEqual([frame.length]);
  });
});

describe("not this protocol", () => {
  test("the first byte that differs ends it", () => {
    for (const hex of ["db", "00", "47455420", "dabc", "da00"]) {
      expect(decode(fromHex(hex), Origin.Downstream).decodeStatus).toBe(DecodeStatus.Error);
    }
    expect(decode(fromHex("da"), Origin.Downstream).decodeStatus).toBe(DecodeStatus.WaitForData);
    const message = decode(hessianString("GET / HTTP/1.1"), Origin.Downstream);
    expect(message.idKnown).toBe(false);
  });

  test("a second frame without the magic", () => {
    downstream.reopen();
    const received = downstream.feed(concat(capture("req-hello"), fromHex("0d0a")));
    expect(received.map((message) => message.decodeStatus)).toEqual([
      DecodeStatus.Done,
      DecodeStatus.Error,
    ]);
  });

  test("a peer that speaks the other side's part", () => {
    for (const name of ["req-hello", "req-oneway", "fastjson2-req-hello"]) {
      const message = decode(capture(name), Origin.Upstream);
      expect([message.decodeStatus, message.idKnown]).toEqual([DecodeStatus.Error, false]);
    }
    for (const name of ["rsp-hello", "rsp-status40-badrequest"]) {
      const message = decode(capture(name), Origin.Downstream);
      expect([message.decodeStatus, message.idKnown]).toEqual([DecodeStatus.Error, false]);
    }
  });

  test("it is told from the header alone", () => {
    const header = capture("req-hello").subarray(0, 16);
    expect(decode(header, Origin.Upstream).decodeStatus).toBe(DecodeStatus.Error);
  });
});
