import { describe, expect, test } from "vitest";
import { hessianString } from "../../envoy/support/dubbo-wire.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, ErrorKind, MessageType, Origin } from "../harness/contract.js";
import { buildFrame, capture, concat, Flag, fromHex, readHessianBody, toHex } from "./frames.js";
import { readJsonbBody } from "./jsonb-reader.js";

const codec = await CodecHarness.load("dubbo-codec");
const ID = 0x0102030405060708n;
const TEXT = "metaproto: no route for demo.Service.call";

/** What is kept of a request until its error reply is written. */
function contextOf(frame: Uint8Array): Uint8Array {
  const message = codec.decode(frame, Origin.Downstream, codec.openState());
  expect(message.decodeStatus).toBe(DecodeStatus.Done);
  return codec.captureContext();
}

const hessianContext = contextOf(capture("req-hello"));
const fastjsonContext = contextOf(capture("fastjson2-req-hello"));
const kryoContext = contextOf(buildFrame({ flag: 0xc8, body: fromHex("00") }));

const asException: readonly (readonly [keyof typeof ErrorKind, number])[] = [
  ["NoRoute", 6],
  ["UnknownCluster", 6],
  ["NoHealthyUpstream", 6],
  ["Overload", 7],
  ["RateLimited", 7],
  ["PermissionDenied", 4],
];

const asStatus: readonly (readonly [keyof typeof ErrorKind, number])[] = [
  ["ConnectFailure", 80],
  ["UpstreamReset", 35],
  ["Timeout", 31],
  ["MalformedRequest", 40],
  ["BadResponse", 50],
  ["RequestTimeout", 30],
  ["Internal", 80],
];

test("every kind of error has a reply", () => {
  const kinds = [...asException, ...asStatus].map(([kind]) => kind);
  expect(kinds.sort()).toEqual(Object.keys(ErrorKind).sort());
});

describe("errors that a retry would only repeat are results of the call", () => {
  test.each(asException)("%s: RpcException with code %i", (kind, code) => {
    const reply = codec.encodeError(ErrorKind[kind], ID, TEXT, hessianContext);
    expect(toHex(reply.subarray(0, 12))).toBe("dabb0214" + "0102030405060708");
    const [tag, exception] = readHessianBody(reply);
    expect(tag).toBe(0);
    expect(exception).toMatchObject({ name: "org.apache.dubbo.rpc.RpcException", message: TEXT });
    // The code is the last field, and hessian.js drops it.
    expect(reply.at(-1)).toBe(0x90 + code);
  });

  test("byte by byte", () => {
    const reply = codec.encodeError(ErrorKind.NoRoute, ID, "none", hessianContext);
    const name = hessianString("org.apache.dubbo.rpc.RpcException");
    const fields = concat(hessianString("detailMessage"), hessianString("code"));
    const object = concat(fromHex("43"), name, fromHex("92"), fields, fromHex("60"));
    const body = concat(fromHex("90"), object, hessianString("none"), fromHex("96"));
    expect(toHex(reply)).toBe(toHex(buildFrame({ flag: Flag.Response, id: ID, body })));
  });

  test.each(asException)("%s in fastjson2", (kind, code) => {
    const reply = codec.encodeError(ErrorKind[kind], ID, TEXT, fastjsonContext);
    expect(toHex(reply.subarray(0, 12))).toBe("dabb1714" + "0102030405060708");
    expect(readJsonbBody(reply)).toEqual([
      0,
      { type: "org.apache.dubbo.rpc.RpcException", value: { detailMessage: TEXT, code } },
    ]);
  });
});

describe("errors that a retry may mend, and those of the wire, are statuses with a text", () => {
  test.each(asStatus)("%s: status %i", (kind, status) => {
    const reply = codec.encodeError(ErrorKind[kind], ID, TEXT, hessianContext);
    const expected = buildFrame({ flag: 2, status, id: ID, body: hessianString(TEXT) });
    expect(toHex(reply)).toBe(toHex(expected));
    expect(readHessianBody(reply)).toEqual([TEXT]);
  });

  test.each(asStatus)("%s in fastjson2", (kind, status) => {
    const reply = codec.encodeError(ErrorKind[kind], ID, TEXT, fastjsonContext);
    expect([reply[2], reply[3]]).toEqual([0x17, status]);
    expect(readJsonbBody(reply)).toEqual([TEXT]);
  });
});

describe("a code of Dubbo's own", () => {
  test.each([
    [70, 70],
    [90, 90],
    // That of a success, and what is no byte.
    [20, 80],
    [256, 80],
  ])("%i is status %i", (code, status) => {
    const kind = ErrorKind.NoRoute;
    const reply = codec.encodeError(kind, ID, TEXT, hessianContext, undefined, code);
    expect(reply[3]).toBe(status);
    expect(readHessianBody(reply)).toEqual([TEXT]);
  });
});

describe("whatever the request was", () => {
  test("a request of which only the id is known is answered in Hessian2", () => {
    for (const kind of Object.values(ErrorKind)) {
      const expected = codec.encodeError(kind, ID, TEXT, hessianContext);
      expect(toHex(codec.encodeError(kind, ID, TEXT))).toBe(toHex(expected));
    }
  });

  test("other serializations get statuses with a text in Hessian2, which the client reads", () => {
    const statuses = Object.entries(ErrorKind).map(([kind, number]) => {
      const reply = codec.encodeError(number, ID, TEXT, kryoContext);
      expect(reply[2]).toBe(2);
      expect(readHessianBody(reply)).toEqual([TEXT]);
      return [kind, reply[3]];
    });
    expect(Object.fromEntries(statuses)).toEqual({
      ...Object.fromEntries(asStatus),
      NoRoute: 60,
      UnknownCluster: 60,
      NoHealthyUpstream: 80,
      Overload: 100,
      RateLimited: 100,
      PermissionDenied: 70,
    });
  });

  test("oneway requests and events are not answered", () => {
    for (const name of ["req-oneway", "srv2cli-readonly-event"]) {
      const context = contextOf(capture(name));
      expect(codec.encodeError(ErrorKind.NoRoute, ID, TEXT, context)).toHaveLength(0);
    }
  });

  test("texts of 0 to 512 characters, also where they are more than a short string", () => {
    for (const context of [hessianContext, fastjsonContext]) {
      const read = context === hessianContext ? readHessianBody : readJsonbBody;
      for (const length of [0, 31, 32, 47, 48, 511, 512]) {
        const text = "t".repeat(length);
        expect(read(codec.encodeError(ErrorKind.Timeout, ID, text, context))).toEqual([text]);
        expect(codec.encodeError(ErrorKind.Overload, ID, text, context).length).toBeGreaterThan(0);
      }
    }
  });

  test("it is a response that the codec itself understands", () => {
    for (const context of [hessianContext, fastjsonContext]) {
      for (const kind of Object.values(ErrorKind)) {
        const reply = codec.encodeError(kind, ID, TEXT, context);
        const message = codec.decode(reply, Origin.Upstream, codec.openState());
        expect(message.decodeStatus).toBe(DecodeStatus.Done);
        expect([message.type, message.id]).toEqual([MessageType.Response, ID]);
      }
    }
  });

  test("too little room: nothing is written", () => {
    const text = "t".repeat(512);
    for (let capacity = 0; capacity < 1024; capacity++) {
      for (const kind of [ErrorKind.NoRoute, ErrorKind.Timeout]) {
        const reply = codec.encodeError(kind, ID, text, hessianContext, capacity);
        expect(reply.length).toBeLessThanOrEqual(capacity);
        if (capacity < 512) expect(reply).toHaveLength(0);
      }
    }
  });

  test("the context is known as soon as the header is", () => {
    const header = capture("fastjson2-req-hello").subarray(0, 16);
    const message = codec.decode(header, Origin.Downstream, codec.openState());
    expect(message.decodeStatus).toBe(DecodeStatus.WaitForData);
    expect(toHex(codec.captureContext())).toBe(toHex(fastjsonContext));
  });
});

describe("heartbeats", () => {
  function replyTo(frame: Uint8Array, origin: Origin = Origin.Downstream): string {
    const message = codec.decode(frame, origin, codec.openState());
    expect(message.type).toBe(MessageType.Heartbeat);
    return toHex(codec.encodeHeartbeatReply());
  }

  test("the captured one gets the captured answer, from either side", () => {
    expect(replyTo(capture("req-heartbeat"))).toBe(toHex(capture("rsp-heartbeat")));
    expect(replyTo(capture("req-heartbeat"), Origin.Upstream)).toBe(
      toHex(capture("rsp-heartbeat")),
    );
  });

  test("an empty one gets an answer with a body", () => {
    const empty = buildFrame({ flag: Flag.Heartbeat, body: new Uint8Array(0) });
    expect(replyTo(empty)).toBe("dabb2214" + "0000000000000007" + "000000014e");
  });

  test("the answer is null in the heartbeat's own serialization", () => {
    const fastjson = buildFrame({ flag: 0xf7, body: fromHex("00000001af") });
    expect(replyTo(fastjson)).toBe("dabb3714" + "0000000000000007" + "00000005" + "00000001af");
    const kryo = buildFrame({ flag: 0xe8, body: fromHex("000102") });
    expect(replyTo(kryo)).toBe("dabb2814" + "0000000000000007" + "00000003" + "000102");
    const large = buildFrame({ flag: 0xe8, body: new Uint8Array(49) });
    expect(replyTo(large)).toBe("dabb2814" + "0000000000000007" + "000000014e");
  });

  test("our own is what a client sends", () => {
    const probe = codec.encodeHeartbeat(0xba1fed83377f3ab5n);
    expect(toHex(probe)).toBe(toHex(capture("req-heartbeat")));
  });
});
