import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { type MutationStep, Origin } from "../harness/contract.js";
import { addIfAbsent, encoderOf, remove, set } from "../harness/mutation-steps.js";
import {
  bytesOf,
  capture,
  concat,
  fromHex,
  message,
  numberOf,
  pair,
  pairsOf,
  readFields,
  readFrame,
  streamFrame,
  StreamFrame,
  toHex,
  unaryFrame,
  wholeCaptures,
} from "./frames.js";

const codec = await CodecHarness.load("trpc-codec");
const ID = 0x0765_4321;

function originOf(name: string): Origin {
  return /req/.test(name) ? Origin.Downstream : Origin.Upstream;
}

const encode = encoderOf(codec, ID);

/** What of a unary frame must not change but with its id. */
function restOf(bytes: Uint8Array) {
  const { header, body, version } = readFrame(bytes);
  const fields = readFields(header);
  fields.delete(3);
  return { fields, body, version };
}

describe("another id", () => {
  for (const { name, bytes } of wholeCaptures()) {
    const { isStream } = readFrame(bytes);

    test(`${name}: in the head${isStream ? "" : " and in the header"}, and nothing else`, () => {
      for (const id of [1, 0x7f, 0x4_0001, 0x7fff_ffff, 0xffff_ffff]) {
        const encoded = encode(bytes, originOf(name), undefined, id).bytes;
        const frame = readFrame(encoded);
        expect(frame.id).toBe(id);
        if (isStream) {
          expect(toHex(frame.body)).toBe(toHex(readFrame(bytes).body));
        } else {
          expect(numberOf(frame.header, 3) >>> 0).toBe(id);
          expect(restOf(encoded)).toEqual(restOf(bytes));
        }
      }
    });

    test(`${name}: its own changes nothing`, () => {
      const own = readFrame(bytes).id;
      expect(toHex(encode(bytes, originOf(name), undefined, own).bytes)).toBe(toHex(bytes));
    });
  }

  test("is patched where there is room for it: an answer gets the client's id in the place of ours", () => {
    const ours = encode(capture("rsp-hello"), Origin.Upstream, undefined, 0x7fff_ffff).bytes;
    codec.decode(ours, Origin.Upstream, codec.openState());
    const patched = codec.patchId(1n);
    expect(patched).toHaveLength(ours.length);
    const frame = readFrame(patched ?? new Uint8Array(0));
    expect([frame.id, numberOf(frame.header, 3)]).toEqual([1, 1]);
    expect(toHex(codec.encode(1n).bytes)).toBe(toHex(patched ?? new Uint8Array(0)));
    codec.decode(capture("req-hello"), Origin.Downstream, codec.openState());
    expect(codec.patchId(0x7fff_ffffn)).toBeUndefined();
  });

  test("leaves the head's alone where that is none: clients of the first version have 0 there", () => {
    const old = unaryFrame({ header: message([3, 5], [7, "/s/m"]), id: 0, version: 0 });
    const frame = readFrame(encode(old, Origin.Downstream).bytes);
    expect([frame.id, numberOf(frame.header, 3)]).toEqual([0, ID]);
  });

  test("is in the head alone where the header has none", () => {
    const nameless = unaryFrame({ header: message([4, 31], [6, "cannot decode"]), id: ID });
    const frame = readFrame(encode(nameless, Origin.Upstream, undefined, 9).bytes);
    expect([frame.id, numberOf(frame.header, 3)]).toEqual([9, 0]);
  });
});

function mutated(bytes: Uint8Array, origin: Origin, ...steps: readonly MutationStep[]) {
  const encoded = encode(bytes, origin, steps);
  expect(encoded.applied).toBe(true);
  return readFrame(encoded.bytes);
}

describe("trans_info of a request", () => {
  const pairs = (...steps: readonly MutationStep[]) =>
    pairsOf(mutated(capture("req-transinfo"), Origin.Downstream, ...steps).header, 9);
  const TRACE = pairsOf(readFrame(capture("req-transinfo")).header, 9)["traceparent"];

  test("set, added, removed", () => {
    expect(pairs(set("user-id", "u-2"))).toEqual({ "user-id": "u-2", traceparent: TRACE });
    expect(pairs(set("new", "1"))).toEqual({ "user-id": "u-1001", traceparent: TRACE, new: "1" });
    expect(pairs(addIfAbsent("user-id", "u-2"), addIfAbsent("b", "2"))).toMatchObject({
      "user-id": "u-1001",
      b: "2",
    });
    expect(pairs(remove("traceparent"), remove("nothing"))).toEqual({ "user-id": "u-1001" });
    expect(pairs(remove("user-id"), remove("traceparent"))).toEqual({});
  });

  test("one after the other", () => {
    expect(pairs(set("k", "1"), remove("k"))).not.toHaveProperty("k");
    expect(pairs(remove("user-id"), addIfAbsent("user-id", "2"))).toMatchObject({ "user-id": "2" });
    expect(pairs(set("k", "1"), addIfAbsent("k", "2"))).toMatchObject({ k: "1" });
    expect(pairs(addIfAbsent("k", "1"), addIfAbsent("k", "2"))).toMatchObject({ k: "1" });
    expect(pairs(addIfAbsent("k", "1"), set("k", "2"))).toMatchObject({ k: "2" });
    expect(pairs(set("user-id", "1"), remove("other"), set("user-id", "2"))).toMatchObject({
      "user-id": "2",
    });
  });

  test("with the id, body and attachment as they are", () => {
    const frame = mutated(capture("req-attachment"), Origin.Downstream, set("k", "v".repeat(300)));
    expect([frame.id, numberOf(frame.header, 3)]).toEqual([ID, ID]);
    expect(toHex(frame.body)).toBe(toHex(readFrame(capture("req-attachment")).body));
    expect(pairsOf(frame.header, 9)).toEqual({ k: "v".repeat(300) });
  });

  test("a key that comes several times goes as a whole, and does not grow from hop to hop", () => {
    const header = message([9, pair("k", "1")], [3, 5], [9, pair("K", "2")], [9, pair("k", "3")]);
    const once = encode(unaryFrame({ header, id: 5 }), Origin.Downstream, [set("k", "4")]).bytes;
    expect(readFields(readFrame(once).header).get(9)).toHaveLength(2);
    expect(pairsOf(readFrame(once).header, 9)).toEqual({ K: "2", k: "4" });
    const twice = encode(once, Origin.Downstream, [set("k", "4")]).bytes;
    expect(toHex(twice)).toBe(toHex(once));
  });

  test("with a group, which nobody writes, between pairs", () => {
    const header = concat(
      message([9, pair("a", "1")], [3, 5]),
      fromHex("73 1801 74"),
      message([9, pair("k", "2")]),
    );
    const { bytes } = encode(unaryFrame({ header, id: 5 }), Origin.Downstream, [remove("k")]);
    const kept = readFrame(bytes).header;
    expect(toHex(kept)).toMatch(/73180174$/);
    expect(toHex(kept)).toMatch(/^4a060a0161120131/);
  });

  test("is not changed where it cannot be: too much of it, a pair that is none", () => {
    const large = unaryFrame({ header: message([3, 5], [7, "x".repeat(65_000)]), id: 5 });
    const encoded = encode(large, Origin.Downstream, [set("k", "v".repeat(1000))]);
    expect(encoded.applied).toBe(false);
    expect(pairsOf(readFrame(encoded.bytes).header, 9)).toEqual({});
    expect(readFrame(encoded.bytes).id).toBe(ID);
    const broken = unaryFrame({ header: message([3, 5], [9, "\u000a"]), id: 5 });
    expect(encode(broken, Origin.Downstream, [set("k", "v")]).applied).toBe(false);
  });
});

test("trans_info of a response", () => {
  const frame = mutated(capture("rsp-hello"), Origin.Upstream, set("k", "v"), remove("srv-key"));
  expect(pairsOf(frame.header, 8)).toEqual({ k: "v" });
  expect(readFields(frame.header).has(9)).toBe(false);
  expect(toHex(frame.body)).toBe(toHex(readFrame(capture("rsp-hello")).body));
});

describe("trans_info of what opens a stream", () => {
  const init = capture("stream-00-init-req");
  const meta = (bytes: Uint8Array) => bytesOf(bytes, 1);

  test("set, added, removed; the rest of the meta and of the frame as it was", () => {
    const { id, body } = mutated(init, Origin.Downstream, set("k", "v"), remove("user-id"));
    expect(id).toBe(ID);
    expect(pairsOf(meta(body), 5)).toEqual({ k: "v" });
    const before = readFrame(init).body;
    expect(numberOf(body, 3)).toBe(65_535);
    for (const field of [1, 2, 3])
      expect(bytesOf(meta(body), field)).toEqual(bytesOf(meta(before), field));
  });

  test("its length takes more bytes, or less", () => {
    const long = mutated(init, Origin.Downstream, set("k", "v".repeat(20_000)));
    expect(pairsOf(meta(long.body), 5)).toMatchObject({ k: "v".repeat(20_000) });
    expect(numberOf(long.body, 3)).toBe(65_535);
  });

  test("where there is no meta", () => {
    const bare = streamFrame(StreamFrame.Init, 7, message([3, 65_535]));
    const { body } = mutated(bare, Origin.Downstream, set("k", "v"), remove("other"));
    expect(pairsOf(meta(body), 5)).toEqual({ k: "v" });
    const unchanged = mutated(bare, Origin.Downstream, remove("other"));
    expect(toHex(unchanged.body)).toBe(toHex(readFrame(bare).body));
  });

  test("a meta whose length has more bytes than any length needs stays as it is", () => {
    const body = concat(fromHex("0a 8380808080808000"), message([1, "a"]));
    const frame = streamFrame(StreamFrame.Init, 7, body);
    const encoded = encode(frame, Origin.Downstream, [set("k", "v")]);
    expect(encoded.applied).toBe(false);
    expect(toHex(readFrame(encoded.bytes).body)).toBe(toHex(body));
  });

  test("a meta in parts stays as it is, and so do a server's answer and later frames", () => {
    const parts = message([1, message([1, "a"])], [1, message([2, "b"])]);
    const frames = [
      [streamFrame(StreamFrame.Init, 7, parts), Origin.Downstream],
      [capture("stream-01-init-rsp"), Origin.Upstream],
      [capture("stream-02-data-req1"), Origin.Downstream],
      [capture("stream-09-close-rsp"), Origin.Upstream],
    ] as const;
    for (const [bytes, origin] of frames) {
      const encoded = encode(bytes, origin, [set("k", "v")]);
      expect(encoded.applied).toBe(false);
      expect(toHex(readFrame(encoded.bytes).body)).toBe(toHex(readFrame(bytes).body));
    }
  });
});
