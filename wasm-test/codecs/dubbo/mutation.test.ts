import { describe, expect, test } from "vitest";
import { hessianMap, hessianString } from "../../envoy/support/dubbo-wire.js";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  DecodeStatus,
  type EncodedFrame,
  MutationOperation,
  type MutationStep,
  Origin,
} from "../harness/contract.js";
import {
  buildFrame,
  capture,
  concat,
  Flag,
  fromHex,
  hessianRequest,
  readAttachments,
  readHessianBody,
  toHex,
  wholeCaptures,
} from "./frames.js";
import { jsonbItem, readJsonbBody } from "./jsonb-reader.js";

const codec = await CodecHarness.load("dubbo-codec");
const ID = 0x1122334455667788n;

function set(key: string, value: string): MutationStep {
  return { operation: MutationOperation.Set, key, value };
}

function addIfAbsent(key: string, value: string): MutationStep {
  return { operation: MutationOperation.AddIfAbsent, key, value };
}

function remove(key: string): MutationStep {
  return { operation: MutationOperation.Remove, key };
}

function encode(frame: Uint8Array, steps?: readonly MutationStep[]): EncodedFrame {
  const isRequest = ((frame[2] ?? 0) & 0x80) !== 0;
  const origin = isRequest ? Origin.Downstream : Origin.Upstream;
  const message = codec.decode(frame, origin, codec.openState());
  expect(message.decodeStatus).toBe(DecodeStatus.Done);
  return codec.encode(ID, steps);
}

/** The frame with only its id changed. */
function withId(frame: Uint8Array): Uint8Array {
  const copy = Buffer.from(frame);
  copy.writeBigUInt64BE(ID, 4);
  return new Uint8Array(copy);
}

function applied(frame: Uint8Array, steps: readonly MutationStep[]): Uint8Array {
  const encoded = encode(frame, steps);
  expect(encoded.applied).toBe(true);
  const header = Buffer.from(encoded.bytes);
  expect(header.readBigUInt64BE(4)).toBe(ID);
  expect(header.readUInt32BE(12)).toBe(encoded.bytes.length - 16);
  return encoded.bytes;
}

function notApplied(frame: Uint8Array, steps: readonly MutationStep[]): void {
  const encoded = encode(frame, steps);
  expect(encoded.applied).toBe(false);
  expect(toHex(encoded.bytes)).toBe(toHex(withId(frame)));
}

describe("without a mutation", () => {
  test.each(wholeCaptures().map(({ name, bytes }) => [name, bytes] as const))(
    "%s: only the id differs",
    (_, bytes) => {
      expect(toHex(encode(bytes).bytes)).toBe(toHex(withId(bytes)));
      expect(toHex(encode(bytes, []).bytes)).toBe(toHex(withId(bytes)));
      expect(toHex(codec.patchId(ID) ?? new Uint8Array(0))).toBe(toHex(withId(bytes)));
    },
  );

  test("and no more room is asked for than the frame has", () => {
    encode(capture("req-hello"));
    expect(codec.exports.encodedSizeBound(0, 0)).toBe(capture("req-hello").length);
  });
});

const HELLO = {
  path: "peer.Greeter",
  "remote.application": "peer-consumer",
  interface: "peer.Greeter",
  version: "0.0.0",
  timeout: "2000",
};

describe("Hessian2 requests", () => {
  const hello = capture("req-hello");

  test("a new key goes before the last byte, all else stays", () => {
    const bytes = applied(hello, [set("user", "u-1")]);
    const end = hello.length - 1;
    expect(toHex(bytes.subarray(16, end))).toBe(toHex(hello.subarray(16, end)));
    expect(toHex(bytes.subarray(end))).toBe("0475736572" + "03752d31" + "5a");
    expect(readAttachments(bytes)).toEqual({ ...HELLO, user: "u-1" });
  });

  test("a key that is there is replaced, once, however often a proxy does it", () => {
    const once = applied(hello, [set("timeout", "500")]);
    expect(readAttachments(once)).toEqual({ ...HELLO, timeout: "500" });
    expect(once.length).toBe(hello.length - 1);
    expect(toHex(applied(once, [set("timeout", "500")]))).toBe(toHex(once));
  });

  test("AddIfAbsent", () => {
    const bytes = applied(hello, [addIfAbsent("timeout", "1"), addIfAbsent("user", "2")]);
    expect(readAttachments(bytes)).toEqual({ ...HELLO, user: "2" });
  });

  test("Remove", () => {
    const steps = ["timeout", "path", "absent", "version", "interface"].map(remove);
    const bytes = applied(hello, steps);
    expect(readAttachments(bytes)).toEqual({ "remote.application": "peer-consumer" });
    expect(toHex(applied(hello, [remove("absent")]))).toBe(toHex(withId(hello)));
  });

  test("every occurrence of a key goes", () => {
    const texts = ["a", "1", "b", "2", "a", "3"].map(hessianString);
    const attachments = concat(fromHex("48"), ...texts, fromHex("5a"));
    const frame = hessianRequest({ attachments });
    expect(toHex(applied(frame, [remove("a")]))).toMatch(/48016201325a$/);
    expect(toHex(applied(frame, [set("a", "4")]))).toMatch(/4801620132016101345a$/);
  });

  test("operations on one key are worked through in their order", () => {
    const cases: readonly (readonly [readonly MutationStep[], string | undefined])[] = [
      [[set("k", "1"), remove("k")], undefined],
      [[remove("k"), addIfAbsent("k", "2")], "2"],
      [[set("k", "1"), addIfAbsent("k", "2")], "1"],
      [[addIfAbsent("k", "1"), addIfAbsent("k", "2")], "1"],
      [[addIfAbsent("k", "1"), set("k", "3"), remove("other")], "3"],
      [[set("k", "1"), remove("k"), set("k", "4")], "4"],
    ];
    for (const [steps, value] of cases) {
      const expected = value === undefined ? {} : { k: value };
      expect(readAttachments(applied(hessianRequest(), steps))).toEqual(expected);
    }
    const present = hessianRequest({ attachments: hessianMap({ k: "0" }) });
    expect(readAttachments(applied(present, [addIfAbsent("k", "1")]))).toEqual({ k: "0" });
    const replaced = applied(present, [remove("k"), addIfAbsent("k", "1")]);
    expect(readAttachments(replaced)).toEqual({ k: "1" });
  });

  test("keys are compared exactly", () => {
    const frame = hessianRequest({ attachments: hessianMap({ User: "1" }) });
    expect(readAttachments(applied(frame, [set("user", "2")]))).toEqual({ User: "1", user: "2" });
    expect(readAttachments(applied(frame, [remove("user")]))).toEqual({ User: "1" });
  });

  test("null, empty and typed maps", () => {
    const step = [set("k", "v")];
    const empty = hessianRequest({ attachments: fromHex("485a") });
    expect(readAttachments(applied(empty, step))).toEqual({ k: "v" });
    const none = hessianRequest({ attachments: fromHex("4e") });
    expect(readAttachments(applied(none, step))).toEqual({ k: "v" });
    expect(toHex(applied(none, [remove("k")]))).toBe(toHex(withId(none)));
    const type = hessianString("java.util.TreeMap");
    const typed = hessianRequest({ attachments: concat(fromHex("4d"), type, fromHex("5a")) });
    expect(toHex(applied(typed, step))).toMatch(
      /4d116a6176612e7574696c2e547265654d6170016b01765a$/,
    );
  });

  test("values behind objects, references and large arguments stay what they were", () => {
    for (const name of ["req-pojo-refs", "req-attachments", "req-generic-invoke", "req-oneway"]) {
      const frame = capture(name);
      const before = readHessianBody(frame);
      const after = readHessianBody(applied(frame, [set("timeout", "7"), remove("path")]));
      expect(after.slice(0, -1)).toEqual(before.slice(0, -1));
      const { path, ...rest } = before.at(-1) as Record<string, unknown>;
      expect(path).toBe("peer.Greeter");
      expect(after.at(-1)).toEqual({ ...rest, timeout: "7" });
    }
  });

  test("texts of every length and alphabet", () => {
    const texts = ["", "x".repeat(31), "x".repeat(32), "y".repeat(1023), "z".repeat(1024)];
    const wide = ["é", "测试", "\u{1f600}", "a\u{1f600}é".repeat(300), "w".repeat(65_535)];
    for (const text of [...texts, ...wide]) {
      const bytes = applied(hello, [set("k", text), set(`key-${text.slice(0, 40)}`, "v")]);
      expect(readAttachments(bytes)).toMatchObject({ k: text, [`key-${text.slice(0, 40)}`]: "v" });
    }
    notApplied(hello, [set("k", "w".repeat(65_536))]);
  });

  test("many steps at once", () => {
    const steps = Array.from({ length: 300 }, (_, i) => set(`key-${String(i)}`, String(i)));
    const found = readAttachments(applied(hello, steps)) as Record<string, unknown>;
    expect(Object.keys(found)).toHaveLength(305);
    expect(found["key-299"]).toBe("299");
  });
});

describe("what Hessian2 frames cannot carry", () => {
  const step = [set("k", "v")];

  test("no map of attachments, or something else in its place", () => {
    for (const hex of ["", "90", "0161", "70", "5190"]) {
      notApplied(hessianRequest({ attachments: fromHex(hex) }), step);
    }
  });

  test("a map that does not end where the frame ends", () => {
    notApplied(hessianRequest({ attachments: fromHex("485a5a") }), step);
    notApplied(hessianRequest({ attachments: fromHex("480161") }), step);
    notApplied(hessianRequest({ attachments: fromHex("48016101625a4e") }), step);
    notApplied(hessianRequest({ attachments: fromHex("4e5a") }), step);
  });

  test("arguments that only look as if attachments came last", () => {
    const bytes = concat(fromHex("23"), hessianMap({ a: "b" }));
    notApplied(hessianRequest({ descriptor: "[B", args: bytes, attachments: fromHex("") }), step);
  });

  test("an entry with a container cannot go, but can be overruled", () => {
    const entries = concat(hessianString("k"), fromHex("7990"), hessianString("a"));
    const attachments = concat(fromHex("48"), entries, hessianString("b"), fromHex("5a"));
    const frame = hessianRequest({ attachments });
    notApplied(frame, [remove("k"), set("x", "y")]);
    expect(readAttachments(applied(frame, step))).toEqual({ k: "v", a: "b" });
    expect(readAttachments(applied(frame, [remove("a")]))).toEqual({ k: [0] });
    expect(readAttachments(applied(frame, [addIfAbsent("k", "v")]))).toEqual({ k: [0], a: "b" });
  });

  test("the same for an object that defines its class", () => {
    const entry = concat(hessianString("k"), fromHex("43 0161 91 0178 60 91"));
    const frame = hessianRequest({ attachments: concat(fromHex("48"), entry, fromHex("5a")) });
    notApplied(frame, [remove("k")]);
    const bytes = applied(frame, step);
    expect(toHex(bytes)).toContain(toHex(entry));
    expect(readAttachments(bytes)).toEqual({ k: "v" });
  });

  test("events and serializations that are not read", () => {
    notApplied(capture("req-heartbeat"), step);
    notApplied(capture("rsp-heartbeat"), step);
    const kryo = Buffer.from(capture("req-hello"));
    kryo.writeUInt8(0xc8, 2);
    notApplied(new Uint8Array(kryo), step);
  });

  test("what was not applied does not stick", () => {
    notApplied(hessianRequest({ attachments: fromHex("90") }), step);
    expect(encode(capture("req-hello")).applied).toBe(true);
  });
});

describe("Hessian2 responses", () => {
  test("with attachments", () => {
    for (const name of ["rsp-hello", "rsp-nullresult", "rsp-runtime-exception", "rsp-pojo-refs"]) {
      const frame = capture(name);
      const before = readHessianBody(frame);
      const after = readHessianBody(applied(frame, [set("k", "v"), remove("dubbo")]));
      expect(after.slice(0, -1)).toEqual(before.slice(0, -1));
      const { dubbo, ...rest } = before.at(-1) as Record<string, unknown>;
      expect(dubbo).toBe("2.0.2");
      expect(after.at(-1)).toEqual({ ...rest, k: "v" });
    }
  });

  test("without attachments they get some, and the number that says so", () => {
    const bodies = ["90 4e", "91 0568656c6c6f", "92"];
    const results = bodies.map((hex) => {
      const frame = buildFrame({ flag: Flag.Response, body: fromHex(hex) });
      return readHessianBody(applied(frame, [set("k", "v"), addIfAbsent("l", "w")]));
    });
    const attachments = { k: "v", l: "w" };
    expect(results).toEqual([
      [3, null, attachments],
      [4, "hello", attachments],
      [5, attachments],
    ]);
  });

  test("but not for the sake of nothing", () => {
    const frame = buildFrame({ flag: Flag.Response, body: fromHex("92") });
    expect(toHex(applied(frame, [remove("k")]))).toBe(toHex(withId(frame)));
  });

  test("not when there is more or less than the number says", () => {
    for (const hex of ["92 90", "91", "91 90 90", "95", "96", "", "94 90 48", "49 00000002"]) {
      notApplied(buildFrame({ flag: Flag.Response, body: fromHex(hex) }), [set("k", "v")]);
    }
  });

  test("not when the status is an error", () => {
    notApplied(capture("rsp-status40-badrequest"), [set("k", "v")]);
    const looksGood = buildFrame({ flag: Flag.Response, status: 80, body: fromHex("95485a") });
    notApplied(looksGood, [set("k", "v")]);
  });
});

describe("fastjson2", () => {
  const hello = capture("fastjson2-req-hello");
  const head = ["4e322e302e32", "4a61", "4a31", "4a6d", "49"].map(jsonbItem);

  function request(...items: readonly Uint8Array[]): Uint8Array {
    return buildFrame({ flag: Flag.FastjsonRequest, body: concat(...head, ...items) });
  }

  function response(...items: readonly Uint8Array[]): Uint8Array {
    return buildFrame({ flag: Flag.FastjsonResponse, body: concat(...items) });
  }

  test("set, add, remove on a captured request", () => {
    const before = readJsonbBody(hello);
    expect(before.at(-1)).toEqual(HELLO);
    const steps = [
      set("timeout", "5"),
      set("user", "u"),
      addIfAbsent("path", "x"),
      remove("version"),
    ];
    const after = readJsonbBody(applied(hello, steps));
    expect(after.slice(0, -1)).toEqual(before.slice(0, -1));
    const { version, ...rest } = HELLO;
    expect(version).toBe("0.0.0");
    expect(after.at(-1)).toEqual({ ...rest, timeout: "5", user: "u" });
  });

  test("a captured response", () => {
    const after = readJsonbBody(applied(capture("fastjson2-rsp-hello"), [set("k", "v")]));
    expect(after.at(-1)).toEqual({ dubbo: "2.0.2", "srv-att": "from-server", k: "v" });
    const exception = readJsonbBody(applied(capture("fastjson2-rsp-exception"), [set("k", "v")]));
    expect(exception[0]).toBe(3);
    expect(exception.at(-1)).toMatchObject({ dubbo: "2.0.2", k: "v" });
  });

  test("texts of every length and alphabet", () => {
    for (const length of [0, 47, 48, 2047, 2048, 20_000]) {
      const text = "x".repeat(length);
      expect(readJsonbBody(applied(hello, [set("k", text)])).at(-1)).toMatchObject({ k: text });
    }
    for (const text of ["é", "测试\u{1f600}"]) {
      expect(readJsonbBody(applied(hello, [set(text, text)])).at(-1)).toMatchObject({
        [text]: text,
      });
    }
  });

  test("null, empty and typed maps", () => {
    const maps = ["af", "a6a5", "92 4b4869 00 a6a5"];
    const results = maps.map((hex) =>
      readJsonbBody(applied(request(jsonbItem(hex)), [set("k", "v")])),
    );
    expect(results.map((values) => values.at(-1))).toEqual([
      { k: "v" },
      { k: "v" },
      { type: "Hi", value: { k: "v" } },
    ]);
  });

  test("responses without attachments", () => {
    const cases = [["bd00", "af"], ["bd01", "4a61"], ["bd02"], ["02"]];
    const results = cases.map((items) =>
      readJsonbBody(applied(response(...items.map(jsonbItem)), [set("k", "v")])),
    );
    expect(results).toEqual([
      [3, null, { k: "v" }],
      [4, "a", { k: "v" }],
      [5, { k: "v" }],
      [5, { k: "v" }],
    ]);
  });

  test("an entry that others may refer to cannot go", () => {
    const frame = request(jsonbItem("a6 4a6b 95 01 4a61 4a62 a5"));
    notApplied(frame, [remove("k")]);
    const bytes = applied(frame, [set("k", "v")]);
    expect(toHex(bytes)).toContain("4a6b95014a614a624a6b4a76a5");
    expect(readJsonbBody(bytes).at(-1)).toEqual({ k: "v", a: "b" });
    // A key that is a symbol is not the key that it names.
    const symbol = request(jsonbItem("a6 7f 4a6b 00 4a61 a5"));
    expect(toHex(applied(symbol, [remove("k")]))).toBe(toHex(withId(symbol)));
  });

  test("what it cannot carry", () => {
    const step = [set("k", "v")];
    notApplied(request(), step);
    notApplied(request(jsonbItem("a6")), step);
    notApplied(request(jsonbItem("a6a5a5")), step);
    notApplied(request(jsonbItem("a6a5"), jsonbItem("a6a5")), step);
    notApplied(request(jsonbItem("af"), jsonbItem("af")), step);
    notApplied(request(jsonbItem("a64a6ba5")), step);
    notApplied(request(fromHex("000000ffa6a5")), step);
    notApplied(request(fromHex("000000")), step);
    notApplied(response(jsonbItem("bd02"), jsonbItem("af")), step);
    notApplied(response(jsonbItem("bd")), step);
  });
});
