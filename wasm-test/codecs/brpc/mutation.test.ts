import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { type MutationStep, Origin } from "../harness/contract.js";
import { addIfAbsent, encoderOf, remove, set } from "../harness/mutation-steps.js";
import {
  bytesOf,
  message,
  numberOf,
  pair,
  pairsOf,
  readFields,
} from "../harness/protobuf-message.js";
import { capture, frame, frameOf, Meta, readFrame, wholeCaptures } from "./frames.js";

const codec = await CodecHarness.load("brpc-codec");
const ID = 0x0765_4321;
const REQUEST_KEY_VALUES = 7;

function originOf(name: string): Origin {
  return name.startsWith("req") ? Origin.Downstream : Origin.Upstream;
}

const encode = encoderOf(codec, ID);

function mutated(bytes: Uint8Array, origin: Origin, ...steps: readonly MutationStep[]) {
  const encoded = encode(bytes, origin, steps);
  expect(encoded.applied).toBe(true);
  return readFrame(encoded.bytes);
}

/** What must not change with the id. */
function restOf(bytes: Uint8Array) {
  const { meta, data } = readFrame(bytes);
  const fields = readFields(meta);
  fields.delete(Meta.CorrelationId);
  return { fields, data };
}

describe("another id", () => {
  for (const { name, bytes } of wholeCaptures()) {
    test(`${name}: in the meta, and nothing else`, () => {
      for (const id of [1, 0x7f, 0x4_0001, 0x7fff_ffff]) {
        const encoded = encode(bytes, originOf(name), undefined, id).bytes;
        expect(numberOf(readFrame(encoded).meta, Meta.CorrelationId)).toBe(id);
        expect(restOf(encoded)).toEqual(restOf(bytes));
      }
    });

    test(`${name}: its own changes nothing`, () => {
      const own = numberOf(readFrame(bytes).meta, Meta.CorrelationId);
      expect(encode(bytes, originOf(name), undefined, own).bytes).toEqual(bytes);
    });
  }

  test("is patched where there is room for it: an answer gets the client's id in the place of ours", () => {
    const ours = encode(capture("rsp-hello"), Origin.Upstream, undefined, 0x7fff_ffff).bytes;
    codec.decode(ours, Origin.Upstream, codec.openState());
    const patched = codec.patchId(1n) ?? new Uint8Array(0);
    expect(patched).toHaveLength(ours.length);
    expect(numberOf(readFrame(patched).meta, Meta.CorrelationId)).toBe(1);
    expect(codec.encode(1n).bytes).toEqual(patched);
    codec.decode(capture("req-hello"), Origin.Downstream, codec.openState());
    expect(codec.patchId(0x7fff_ffffn)).toBeUndefined();
  });

  test("is added where there is none, in front of the data", () => {
    const nameless = frame([[Meta.Request, message([1, "s"])]], "data");
    codec.decode(nameless, Origin.Downstream, codec.openState());
    expect(codec.patchId(5n)).toBeUndefined();
    const { meta, data } = readFrame(codec.encode(5n).bytes);
    expect(numberOf(meta, Meta.CorrelationId)).toBe(5);
    expect(Buffer.from(data).toString()).toBe("data");
    expect(mutated(nameless, Origin.Downstream, set("k", "v")).meta).toEqual(
      message(
        [Meta.Request, message([1, "s"])],
        [Meta.UserFields, pair("k", "v")],
        [Meta.CorrelationId, ID],
      ),
    );
  });

  test("of 64 bits comes and goes", () => {
    const wide = frame([[Meta.CorrelationId, -1]]);
    const ours = encode(wide, Origin.Downstream).bytes;
    codec.decode(ours, Origin.Downstream, codec.openState());
    expect(codec.encode(0xffff_ffff_ffff_ffffn).bytes).toEqual(wide);
  });
});

describe("user fields of a request", () => {
  const request = message([1, "s"], [2, "m"], [7, "req-1"]);
  const bytes = frame(
    [
      [Meta.Request, request],
      [Meta.UserFields, pair("user-id", "u-1")],
      [Meta.CorrelationId, 7],
      [Meta.UserFields, pair("trace", "t")],
    ],
    "data and attachment",
  );
  const pairs = (...steps: readonly MutationStep[]) =>
    pairsOf(mutated(bytes, Origin.Downstream, ...steps).meta, Meta.UserFields);

  test("set, added, removed", () => {
    expect(pairs(set("user-id", "u-2"))).toEqual({ "user-id": "u-2", trace: "t" });
    expect(pairs(set("new", "1"))).toEqual({ "user-id": "u-1", trace: "t", new: "1" });
    expect(pairs(addIfAbsent("user-id", "u-2"), addIfAbsent("b", "2"))).toEqual({
      "user-id": "u-1",
      trace: "t",
      b: "2",
    });
    expect(pairs(remove("trace"), remove("nothing"))).toEqual({ "user-id": "u-1" });
  });

  test("with the id, and the rest as it was", () => {
    const { meta, data } = mutated(bytes, Origin.Downstream, set("k", "v".repeat(300)));
    expect(numberOf(meta, Meta.CorrelationId)).toBe(ID);
    expect(bytesOf(meta, Meta.Request)).toEqual(request);
    expect(Buffer.from(data).toString()).toBe("data and attachment");
  });

  test("of a capture without any", () => {
    const { meta, data } = mutated(capture("req-hello"), Origin.Downstream, set("k", "v"));
    expect(pairsOf(meta, Meta.UserFields)).toEqual({ k: "v" });
    expect(data).toEqual(readFrame(capture("req-hello")).data);
  });

  test("are not changed where one of them is malformed", () => {
    const broken = frame([[Meta.UserFields, "\u000a"]]);
    expect(encode(broken, Origin.Downstream, [set("k", "v")]).applied).toBe(false);
  });
});

describe("KV attachments of brpc-java", () => {
  const bytes = capture("req-kv-log");
  const keyValues = (meta: Uint8Array) => pairsOf(bytesOf(meta, Meta.Request), REQUEST_KEY_VALUES);
  const TRACE = keyValues(readFrame(bytes).meta)["traceparent"];

  test("set, added, removed", () => {
    const pairs = (...steps: readonly MutationStep[]) =>
      keyValues(mutated(bytes, Origin.Downstream, ...steps).meta);
    expect(pairs(set("user-id", "u-2"))).toEqual({ "user-id": "u-2", traceparent: TRACE });
    expect(pairs(addIfAbsent("k", "1"), remove("traceparent"))).toEqual({
      "user-id": "u-1001",
      k: "1",
    });
    expect(pairs(remove("user-id"), remove("traceparent"))).toEqual({});
  });

  test("the length of what is around them grows with them, whatever bytes it takes", () => {
    for (const length of [1, 100, 20_000]) {
      const { meta, data } = mutated(bytes, Origin.Downstream, set("k", "v".repeat(length)));
      expect(keyValues(meta)).toEqual({
        "user-id": "u-1001",
        traceparent: TRACE,
        k: "v".repeat(length),
      });
      expect(numberOf(meta, Meta.CorrelationId)).toBe(ID);
      expect(numberOf(bytesOf(meta, Meta.Request), 3)).toBe(1234);
      expect(readFields(meta).has(Meta.UserFields)).toBe(false);
      expect(data).toEqual(readFrame(bytes).data);
    }
  });

  test("in a request in parts stay as they are", () => {
    const parts = frame([
      [Meta.Request, message([7, pair("a", "1")])],
      [Meta.Request, message([7, pair("b", "2")])],
    ]);
    expect(encode(parts, Origin.Downstream, [set("k", "v")]).applied).toBe(false);
  });

  test("and where the length around them has more bytes than any length needs", () => {
    const request = message([7, pair("a", "1")]);
    const length = Buffer.from([0x80 | request.length, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]);
    const meta = Buffer.concat([Buffer.from([0x0a]), length, request]);
    const encoded = encode(frameOf(meta), Origin.Downstream, [set("k", "v")]);
    expect(encoded.applied).toBe(false);
    expect(readFrame(encoded.bytes).meta.subarray(0, meta.length)).toEqual(new Uint8Array(meta));
  });
});

test("user fields of a response", () => {
  const { meta, data } = mutated(capture("rsp-hello"), Origin.Upstream, set("k", "v"));
  expect(pairsOf(meta, Meta.UserFields)).toEqual({ k: "v" });
  expect(numberOf(meta, Meta.CorrelationId)).toBe(ID);
  expect(data).toEqual(readFrame(capture("rsp-hello")).data);
});
