import { describe, expect, test } from "vitest";
import { hessianMap, hessianString } from "../../envoy/support/dubbo-wire.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, Origin } from "../harness/contract.js";
import {
  buildFrame,
  capture,
  concat,
  Flag,
  fromHex,
  hessianRequest,
  hessianValue,
} from "./frames.js";

const codec = await CodecHarness.load("dubbo-codec");

function decoded(frame: Uint8Array, origin: Origin = Origin.Downstream): CodecHarness {
  const message = codec.decode(frame, origin, codec.openState());
  expect(message.decodeStatus).toBe(DecodeStatus.Done);
  return codec;
}

function attributes(frame: Uint8Array, names: readonly string[], origin?: Origin) {
  const message = decoded(frame, origin);
  return Object.fromEntries(names.map((name) => [name, message.attribute(name)]));
}

const HEAD = ["interface", "method", "version", "path", "dubbo"];

describe("the first values of a request", () => {
  test.each(["req-hello", "fastjson2-req-hello"])("%s", (name) => {
    expect(attributes(capture(name), HEAD)).toEqual({
      interface: "peer.Greeter",
      method: "sayHello",
      version: "0.0.0",
      path: "peer.Greeter",
      dubbo: "2.0.2",
    });
  });

  test("well-known names have ids, others are looked up by their bytes", () => {
    const ids = [...HEAD, "generic_method", "serialization", "status"].map((name) =>
      codec.attributeId(name),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => id >= 0)).toBe(true);
    expect(codec.attributeId("group")).toBe(-1);
    expect(codec.attributeId("metho")).toBe(-1);
  });

  test("oneway requests have them too", () => {
    expect(decoded(capture("req-oneway")).attribute("method")).toBe("fire");
  });

  test("the body's value wins over an attachment of the same name", () => {
    const attachments = hessianMap({ interface: "x", version: "9", path: "y", method: "z" });
    expect(attributes(hessianRequest({ attachments }), HEAD)).toEqual({
      interface: "demo.Service",
      method: "call",
      version: "1.0.0",
      path: "demo.Service",
      dubbo: "2.0.2",
    });
  });

  test.each([
    ["a binary", "2161"],
    ["a date", "4a0000018bcfe56800"],
    ["a reference", "5190"],
    ["a list", "78"],
    ["an object of a class that it defines", "430161904f90"],
  ])("with %s among them, which Dubbo refuses, there are no attributes", (_, hex) => {
    const head = concat(hessianString("2.0.2"), hessianString("demo.Service"), fromHex(hex));
    const body = concat(head, hessianString("m"), hessianString(""), hessianMap({ group: "g" }));
    const frame = buildFrame({ flag: Flag.Request, body });
    const nothing = { interface: undefined, method: undefined, group: undefined };
    expect(attributes(frame, Object.keys(nothing))).toEqual(nothing);
  });

  test("an attachment stands in for a value that is null", () => {
    const head = concat(hessianString("2.0.2"), hessianString("demo.Service"), fromHex("4e"));
    const call = concat(hessianString("call"), hessianString(""));
    const body = concat(head, call, hessianMap({ version: "2.5" }));
    const frame = buildFrame({ flag: Flag.Request, body });
    expect(attributes(frame, ["version", "method"])).toEqual({ version: "2.5", method: "call" });
  });

  test("an empty version, as dubbo-go writes it, is an attribute without a character", () => {
    const texts = ["2.0.2", "demo.Service", "", "call", ""].map(hessianString);
    const frame = buildFrame({ flag: Flag.Request, body: concat(...texts, hessianMap({})) });
    expect(decoded(frame).attribute("version")).toBe("");
  });

  test("they are found although the arguments cannot be read", () => {
    const frame = hessianRequest({
      descriptor: "I",
      args: fromHex("45ff"),
      attachments: fromHex(""),
    });
    expect(attributes(frame, ["method", "group"])).toEqual({ method: "call", group: undefined });
  });

  test("strings with other characters are the bytes that the wire has", () => {
    // U+00E9, U+6D4B and U+1F600: Java writes the last as two surrogates of three bytes.
    const interfaceName = fromHex("04 c3a9 e6b58b eda0bd edb880");
    const head = [hessianString("2.0.2"), interfaceName, hessianString("1"), hessianString("m")];
    const body = concat(...head, hessianString(""), hessianMap({ a: "b" }));
    const message = decoded(buildFrame({ flag: Flag.Request, body }));
    expect(message.attributeBytes("interface")).toEqual(interfaceName.subarray(1));
    expect(message.attribute("method")).toBe("m");
    expect(message.attribute("a")).toBe("b");
  });

  test("long names: two bytes of length, three bytes of length", () => {
    const medium = "m".repeat(600);
    const long = "l".repeat(5000);
    const texts = [hessianString(medium), fromHex("531388"), Buffer.from(long)];
    const head = concat(hessianString("2.0.2"), ...texts, hessianString("m"), hessianString(""));
    const message = decoded(buildFrame({ flag: Flag.Request, body: concat(head, hessianMap({})) }));
    expect(message.attribute("interface")).toBe(medium);
    expect(message.attribute("version")).toBe(long);
  });

  test("a value beyond 64 KiB or in chunks is none, not even by an attachment of its name", () => {
    const huge = concat(fromHex("53ffff"), new Uint8Array(65_535).fill(0x61));
    const chunked = fromHex("52 0001 61 0162");
    const attachments = hessianMap({ method: "m", interface: "i", k: "v" });
    const tail = concat(...["c", ""].map(hessianString), attachments);
    const body = concat(hessianString("2.0.2"), chunked, huge, tail);
    const frame = buildFrame({ flag: Flag.Request, body });
    const message = decoded(frame);
    expect(message.attribute("version")).toHaveLength(65_535);
    expect(attributes(frame, ["dubbo", "interface", "method", "k"])).toEqual({
      dubbo: "2.0.2",
      interface: undefined,
      method: undefined,
      k: "v",
    });
  });
});

describe("generic calls", () => {
  test("the method in the first argument is an attribute of its own", () => {
    const frame = capture("req-generic-invoke");
    expect(attributes(frame, ["method", "generic_method", "generic"])).toEqual({
      method: "$invoke",
      generic_method: "sayHello",
      generic: "true",
    });
  });

  test("other calls have none, even with a string as their first argument", () => {
    expect(decoded(capture("req-hello")).attribute("generic_method")).toBeUndefined();
    expect(decoded(capture("req-echo")).attribute("generic_method")).toBeUndefined();
  });

  test("an attachment of that name is not it", () => {
    const frame = hessianRequest({ attachments: hessianMap({ generic_method: "x" }) });
    expect(decoded(frame).attribute("generic_method")).toBeUndefined();
  });

  test("a generic call without arguments has none", () => {
    const frame = hessianRequest({ method: "$invoke" });
    expect(decoded(frame).attribute("generic_method")).toBeUndefined();
  });
});

describe("attachments", () => {
  test.each(["req-attachments", "fastjson2-req-attachments"])("%s", (name) => {
    const names = ["user-id", "timeout", "dubbo.tag", "remote.application", "obj-att", "absent"];
    expect(attributes(capture(name), names)).toEqual({
      "user-id": "u-1001",
      timeout: "2000",
      "dubbo.tag": "gray",
      "remote.application": "peer-consumer",
      // An int: not a string, so not an attribute.
      "obj-att": undefined,
      absent: undefined,
    });
    expect(codec.attribute("traceparent")).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/);
  });

  test("the group is one", () => {
    expect(attributes(capture("req-group-version"), ["group", "version"])).toEqual({
      group: "g1",
      version: "1.2.3",
    });
  });

  test("behind arguments with classes, references, dates, binary and enums", () => {
    expect(decoded(capture("req-pojo-refs")).attribute("timeout")).toBe("2000");
  });

  test("letters may differ in case, and the last of several counts", () => {
    const pairs = ["User", "1", "USER", "2", "user-id", "3"].map(hessianString);
    const attachments = concat(fromHex("48"), ...pairs, fromHex("5a"));
    expect(attributes(hessianRequest({ attachments }), ["user", "user-id"])).toEqual({
      user: "2",
      "user-id": "3",
    });
  });

  test("the last of several counts also when it is not a string", () => {
    const pairs = concat(hessianString("user"), hessianString("1"), hessianString("user"));
    const attachments = concat(fromHex("48"), pairs, fromHex("91 5a"));
    expect(decoded(hessianRequest({ attachments })).attribute("user")).toBeUndefined();
  });

  test("a string in several chunks is not an attribute, what follows it is", () => {
    const chunks = concat(fromHex("520003"), Buffer.from("abc"), fromHex("02"), Buffer.from("de"));
    const entries = concat(hessianString("a"), chunks, hessianString("b"), hessianString("c"));
    const frame = hessianRequest({ attachments: concat(fromHex("48"), entries, fromHex("5a")) });
    expect(attributes(frame, ["a", "b"])).toEqual({ a: undefined, b: "c" });
  });

  test("maps of every kind: typed, empty, null, missing", () => {
    const typed = concat(fromHex("4d"), hessianString("java.util.HashMap"), hessianString("a"));
    const frames = [
      hessianRequest({ attachments: concat(typed, hessianString("b"), fromHex("5a")) }),
      hessianRequest({ attachments: fromHex("485a") }),
      hessianRequest({ attachments: fromHex("4e") }),
      hessianRequest({ attachments: fromHex("") }),
      hessianRequest({ attachments: fromHex("70") }),
    ];
    const found = frames.map((frame) => decoded(frame).attribute("a"));
    expect(found).toEqual(["b", undefined, undefined, undefined, undefined]);
  });

  test("entries with objects whose classes the arguments define", () => {
    const args = fromHex("43 0161 91 0178 60 91"); // class a{x}; a{x: 1}
    const entries = concat(fromHex("48 0131 60 92 0132 43 0162 90 61"), hessianString("k"));
    const attachments = concat(entries, hessianString("v"), fromHex("5a"));
    const frame = hessianRequest({ descriptor: "La;", args, attachments });
    expect(decoded(frame).attribute("k")).toBe("v");
    // Looking again must not define the map's own class b again: there is room for 1024.
    for (let lookup = 0; lookup < 2000; lookup++) codec.attributeBytes("absent");
    expect(codec.attribute("k")).toBe("v");
  });

  test.each([1, 63, 64, 65, 200])("each of %d, and of two with a name the last", (count) => {
    const pairs = Array.from({ length: count }, (_, i) => [`k${String(i)}`, `v${String(i)}`]);
    const doubled = [["k0", "first"], ...pairs.slice(1), ["K0", "last"]].flat().map(hessianString);
    const attachments = concat(fromHex("48"), ...doubled, fromHex("5a"));
    const frame = hessianRequest({ attachments });
    const last = `k${String(count - 1)}`;
    const expected = { k0: "last", [last]: count === 1 ? "last" : `v${String(count - 1)}` };
    expect(attributes(frame, ["k0", last, "k", "absent"])).toEqual({
      ...expected,
      k: undefined,
      absent: undefined,
    });
    // Cut off, the map has none.
    const cut = hessianRequest({ attachments: attachments.subarray(0, -1) });
    expect(attributes(cut, ["k0", last])).toEqual({ k0: undefined, [last]: undefined });
  });

  test("the frame may move", () => {
    const frame = capture("req-attachments");
    expect(decoded(frame).attribute("user-id")).toBe("u-1001");
    codec.moveFrame();
    expect(codec.attribute("user-id")).toBe("u-1001");
    expect(codec.attribute("method")).toBe("sayHello");
  });
});

describe("two messages at once", () => {
  test("the classes of one are not taken for those of the other", () => {
    const args = fromHex("43 0161 92 0178 0179 60 91 92"); // class a{x, y}; a{1, 2}
    const attachments = concat(fromHex("48 0131 60 91 92"), hessianString("k"), hessianString("v"));
    const end = fromHex("5a");
    const frame = hessianRequest({
      descriptor: "La;",
      args,
      attachments: concat(attachments, end),
    });
    expect(decoded(frame).attribute("k")).toBe("v");
    codec.withOtherMessage(() => {
      const other = capture("rsp-pojo-refs");
      expect(decoded(other, Origin.Upstream).attribute("dubbo")).toBe("2.0.2");
    });
    expect(codec.attribute("k")).toBe("v");
  });
});

describe("arguments that are walked over", () => {
  const values: readonly (readonly [string, string])[] = [
    ["ints", "49 00000001  cf ff  d0 00 00  bf  80"],
    ["longs", "4c 0000000000000001  59 00000001  38 00 00  f0 00  ef"],
    ["doubles", "44 0000000000000000  5b  5c  5d 00  5e 0000  5f 00000000"],
    ["dates and others", "4a 0000000000000001  4b 00000001  54 46 4e  51 90"],
    ["binary", "20  23 010203  3401 00  42 0002 0102  41 0001 ff 42 0000  41 0001 ff 21 00"],
    ["strings", "00  0161  3001 61  53 0001 61  52 0001 61 00  52 0001 61 52 0000 3001 62"],
    ["lists", "78  7a 9091  57 9091 5a  58 92 9091  70 0161  71 90 90  55 0161 90 5a  56 90 91 90"],
    ["maps", "48 5a  48 0161 90 5a  4d 0161 5a  4d 90 90 91 5a"],
    ["objects", "43 0161 92 0162 0163 60 90 91  60 90 91  4f 90 90 91"],
    ["class without fields", "43 0161 90 60  60"],
    ["nested", "57 48 0161 79 0162 5a 90 5a"],
  ];

  test.each(values)("%s", (_, hex) => {
    // All of them in one open list, which is the only argument.
    const args = concat(fromHex("57"), fromHex(hex), fromHex("5a"));
    const attachments = hessianMap({ key: "value" });
    const descriptor = "[Ljava/lang/Object;";
    const frame = hessianRequest({ descriptor, args, attachments });
    expect(decoded(frame).attribute("key")).toBe("value");
  });

  test("large strings of one, two and three bytes a character, and surrogates", () => {
    for (const character of ["x", "é", "测", "\u{1f600}"]) {
      const wide = character.length === 2 ? fromHex("eda0bdedb880") : Buffer.from(character);
      const text = concat(...Array.from({ length: 20_000 }, () => wide));
      const head = Buffer.from([0x53, 0, 0]);
      head.writeUInt16BE(20_000 * character.length, 1);
      const args = concat(head, text);
      const attachments = hessianMap({ key: "value" });
      const frame = hessianRequest({ descriptor: "Ljava/lang/String;", args, attachments });
      expect(decoded(frame).attribute("key")).toBe("value");
    }
  });

  test("what another implementation writes", () => {
    const value = { $class: "a.B", $: { name: "x", next: { $class: "a.C", $: { n: 1.5 } } } };
    const args = hessianValue([value, new Date(0), Buffer.alloc(5000), "é".repeat(40_000), null]);
    const attachments = hessianMap({ key: "value" });
    const frame = hessianRequest({ descriptor: "Ljava/util/List;", args, attachments });
    expect(decoded(frame).attribute("key")).toBe("value");
  });

  test("descriptors say how many there are", () => {
    const cases: readonly (readonly [string, number])[] = [
      ["", 0],
      ["BCDFIJSZ", 8],
      ["[[I", 1],
      ["Ljava/lang/String;[Ljava/lang/String;J", 3],
    ];
    for (const [descriptor, count] of cases) {
      const args = new Uint8Array(count).fill(0x90);
      const frame = hessianRequest({ descriptor, args, attachments: hessianMap({ k: "v" }) });
      expect(decoded(frame).attribute("k")).toBe("v");
    }
  });

  test("a descriptor that is none: no attachments", () => {
    for (const descriptor of ["V", "X", "[", "Ljava/lang/String", "I[", ";", "é"]) {
      const frame = hessianRequest({
        descriptor,
        args: fromHex("90"),
        attachments: hessianMap({ k: "v" }),
      });
      expect(decoded(frame).attribute("k")).toBeUndefined();
    }
  });
});

describe("responses and the header", () => {
  test("attachments of a response", () => {
    for (const name of ["rsp-hello", "fastjson2-rsp-hello"]) {
      const found = attributes(capture(name), ["dubbo", "srv-att", "method"], Origin.Upstream);
      expect(found).toEqual({ dubbo: "2.0.2", "srv-att": "from-server", method: undefined });
    }
    const exception = decoded(capture("rsp-runtime-exception"), Origin.Upstream);
    expect(exception.attribute("dubbo")).toBe("2.0.2");
  });

  test("status and serialization in decimal", () => {
    const names = ["status", "serialization"];
    expect(attributes(capture("rsp-hello"), names, Origin.Upstream)).toEqual({
      status: "20",
      serialization: "2",
    });
    expect(attributes(capture("rsp-status70-nomethod"), names, Origin.Upstream)).toEqual({
      status: "70",
      serialization: "2",
    });
    expect(attributes(capture("fastjson2-req-hello"), names)).toEqual({
      status: undefined,
      serialization: "23",
    });
  });

  test("other serializations have nothing but that", () => {
    const frame = Buffer.from(capture("req-hello"));
    frame.writeUInt8(0xc8, 2);
    expect(attributes(frame, ["serialization", "method", "timeout"])).toEqual({
      serialization: "8",
      method: undefined,
      timeout: undefined,
    });
  });

  test("events have no attributes", () => {
    expect(attributes(capture("req-heartbeat"), ["method", "x", "serialization"])).toEqual({
      method: undefined,
      x: undefined,
      serialization: "2",
    });
  });
});
