import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { type MutationStep, Origin } from "../harness/contract.js";
import { addIfAbsent, encoderOf, remove, set } from "../harness/mutation-steps.js";
import { capture, frame, readFrame, requestFrame, wholeCaptures } from "./frames.js";

const codec = await CodecHarness.load("tars-codec");
const ID = 0x0765_4321;
const CONTEXT = 9;

function originOf(name: string): Origin {
  return name.startsWith("req") ? Origin.Downstream : Origin.Upstream;
}

function idTag(name: string): number {
  return originOf(name) === Origin.Downstream ? 4 : 3;
}

const encode = encoderOf(codec, ID);

function mutated(bytes: Uint8Array, origin: Origin, ...steps: readonly MutationStep[]) {
  const encoded = encode(bytes, origin, steps);
  expect(encoded.applied).toBe(true);
  return readFrame(encoded.bytes);
}

describe("another id", () => {
  for (const { name, bytes } of wholeCaptures()) {
    test(`${name}: in its place, and nothing else`, () => {
      for (const id of [1, 0x7f, 0x7fff, 0x4_0001, 0x7fff_ffff]) {
        const expected = new Map(readFrame(bytes)).set(idTag(name), id);
        expect(readFrame(encode(bytes, originOf(name), undefined, id).bytes)).toEqual(expected);
      }
    });

    test(`${name}: its own changes nothing`, () => {
      const own = Number(readFrame(bytes).get(idTag(name)));
      expect(encode(bytes, originOf(name), undefined, own).bytes).toEqual(bytes);
    });
  }

  test("is patched where there is room for it: an answer gets the client's id in the place of ours", () => {
    const ours = encode(capture("rsp-hello"), Origin.Upstream, undefined, 0x7fff_ffff).bytes;
    for (const id of [0, 1, 300, 0xffff_ffff]) {
      codec.decode(ours, Origin.Upstream, codec.openState());
      const patched = codec.patchId(BigInt(id)) ?? new Uint8Array(0);
      expect(patched).toHaveLength(ours.length);
      expect(readFrame(patched).get(3)).toBe(id | 0);
      codec.decode(ours, Origin.Upstream, codec.openState());
      expect(codec.encode(BigInt(id)).bytes).toEqual(patched);
    }
    codec.decode(capture("req-hello"), Origin.Downstream, codec.openState());
    expect(codec.patchId(0x7fff_ffffn)).toBeUndefined();
  });
});

describe("context of a request", () => {
  const bytes = capture("req-context-status");
  const before = readFrame(bytes);
  const pairs = (...steps: readonly MutationStep[]) =>
    mutated(bytes, Origin.Downstream, ...steps).get(CONTEXT);
  const TRACE = (before.get(CONTEXT) as Record<string, string>)["traceparent"];

  test("set, added, removed", () => {
    expect(pairs(set("user-id", "u-2"))).toEqual({ "user-id": "u-2", traceparent: TRACE });
    expect(pairs(set("new", "1"))).toEqual({ "user-id": "u-1001", traceparent: TRACE, new: "1" });
    expect(pairs(addIfAbsent("user-id", "u-2"), addIfAbsent("b", "2"))).toEqual({
      "user-id": "u-1001",
      traceparent: TRACE,
      b: "2",
    });
    expect(pairs(remove("traceparent"), remove("nothing"))).toEqual({ "user-id": "u-1001" });
    expect(pairs(remove("user-id"), remove("traceparent"))).toEqual({});
  });

  test("one after the other", () => {
    expect(pairs(set("k", "1"), remove("k"))).not.toHaveProperty("k");
    expect(pairs(remove("user-id"), addIfAbsent("user-id", "2"))).toMatchObject({ "user-id": "2" });
    expect(pairs(set("k", "1"), addIfAbsent("k", "2"))).toMatchObject({ k: "1" });
    expect(pairs(addIfAbsent("k", "1"), set("k", "2"))).toMatchObject({ k: "2" });
  });

  test("with the id, and the rest as it was", () => {
    const after = mutated(bytes, Origin.Downstream, set("k", "v".repeat(300)));
    const expected = new Map(before).set(4, ID).set(CONTEXT, {
      ...(before.get(CONTEXT) as Record<string, string>),
      k: "v".repeat(300),
    });
    expect(after).toEqual(expected);
  });

  test("with more pairs than a byte counts", () => {
    const context = Object.fromEntries(
      Array.from({ length: 127 }, (_, i) => [`k${String(i)}`, "v"]),
    );
    const request = requestFrame({ context });
    expect(mutated(request, Origin.Downstream, set("k", "v")).get(CONTEXT)).toEqual({
      ...context,
      k: "v",
    });
    expect(mutated(request, Origin.Downstream, remove("k0")).get(CONTEXT)).not.toHaveProperty("k0");
  });

  test("that is empty, as most are", () => {
    const after = mutated(capture("req-hello"), Origin.Downstream, set("k", "v"));
    expect(after.get(CONTEXT)).toEqual({ k: "v" });
    expect(after.get(10)).toEqual({});
  });

  test("a key that comes several times goes as a whole", () => {
    const map = Buffer.from(
      "980003 06016b160131 06014b160132 06016b160133".replaceAll(" ", ""),
      "hex",
    );
    const request = frame([1, 1], [2, 0], [3, 0], [4, 7], [5, "s"], [6, "f"], [9, map]);
    expect(mutated(request, Origin.Downstream, set("k", "4")).get(CONTEXT)).toEqual({
      K: "2",
      k: "4",
    });
  });

  test("is not changed where it has other pairs than texts", () => {
    const map = Buffer.from("980001060161100a", "hex");
    const request = frame([1, 1], [2, 0], [3, 0], [4, 7], [5, "s"], [6, "f"], [9, map]);
    const { applied, bytes: written } = encode(request, Origin.Downstream, [set("k", "v")], 7);
    expect(applied).toBe(false);
    expect(written).toEqual(request);
  });
});

describe("context of a response", () => {
  test("that has one", () => {
    const after = mutated(capture("rsp-hello"), Origin.Upstream, set("k", "v"), remove("rsp-ctx"));
    const expected = new Map(readFrame(capture("rsp-hello"))).set(3, ID).set(CONTEXT, { k: "v" });
    expect(after).toEqual(expected);
  });

  test("that has none gets one in its place, and only for something to be in it", () => {
    const bare = frame([1, 1], [2, 0], [3, 7], [4, 0], [5, 0], [11, "new"]);
    const after = mutated(bare, Origin.Upstream, set("k", "v"));
    expect([...after.keys()]).toEqual([1, 2, 3, 4, 5, CONTEXT, 11]);
    expect(after.get(CONTEXT)).toEqual({ k: "v" });
    expect(mutated(capture("rsp-fail"), Origin.Upstream, set("k", "v")).get(CONTEXT)).toEqual({
      k: "v",
    });
    expect(mutated(bare, Origin.Upstream, remove("k")).has(CONTEXT)).toBe(false);
  });

  test("in TUP", () => {
    const tup = requestFrame({ version: 3, status: { STATUS_RESULT_CODE: "0" } });
    expect(mutated(tup, Origin.Upstream, set("k", "v")).get(CONTEXT)).toEqual({ k: "v" });
  });
});
