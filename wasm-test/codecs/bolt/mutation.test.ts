import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { type MutationStep, Origin } from "../harness/contract.js";
import { addIfAbsent, encoderOf, remove, set } from "../harness/mutation-steps.js";
import {
  asVersion2,
  buildFrame,
  capture,
  Command,
  CommandType,
  concat,
  headerBlock,
  headerOf,
  type Pair,
  readFrame,
  toHex,
  wholeCaptures,
} from "./frames.js";

const codec = await CodecHarness.load("bolt-codec");
const ID = 0x7654_3210;

const versions = [
  ["version 1", (bytes: Uint8Array) => bytes],
  ["version 2", (bytes: Uint8Array) => asVersion2(bytes, false)],
  ["version 2 with a checksum", (bytes: Uint8Array) => asVersion2(bytes, true)],
] as const;

function originOf(name: string): Origin {
  return name.startsWith("req") ? Origin.Downstream : Origin.Upstream;
}

const encode = encoderOf(codec, ID);

function mutated(bytes: Uint8Array, origin: Origin, ...steps: readonly MutationStep[]) {
  const encoded = encode(bytes, origin, steps);
  expect(encoded.applied).toBe(true);
  return encoded.bytes;
}

describe.each(versions)("another id, %s", (_, convert) => {
  for (const fixture of wholeCaptures()) {
    const bytes = convert(fixture.bytes);
    const origin = originOf(fixture.name);

    test(`${fixture.name}: in its place, with the checksum, and nothing else`, () => {
      for (const id of [0, 1, 0x4_0001, 0x7fff_ffff, 0xffff_ffff]) {
        const encoded = encode(bytes, origin, undefined, id).bytes;
        expect(readFrame(encoded)).toEqual({ ...readFrame(bytes), id });
        codec.decode(bytes, origin, codec.openState());
        expect(toHex(codec.patchId(BigInt(id)) ?? new Uint8Array(0))).toBe(toHex(encoded));
      }
    });

    test(`${fixture.name}: its own changes nothing`, () => {
      const own = readFrame(bytes).id;
      expect(toHex(encode(bytes, origin, undefined, own).bytes)).toBe(toHex(bytes));
    });
  }
});

describe.each(versions)("the header block of a request, %s", (_, convert) => {
  const USER = "rpc_req_baggage.user-id";
  const request = convert(capture("req-baggage"));
  const before = headerOf(request);
  const header = (...steps: readonly MutationStep[]) =>
    headerOf(mutated(request, Origin.Downstream, ...steps));

  test("set, added, removed", () => {
    expect(before[USER]).toBeDefined();
    expect(header(set(USER, "other"))).toEqual({ ...before, [USER]: "other" });
    expect(header(set("new", "1"))).toEqual({ ...before, new: "1" });
    expect(header(addIfAbsent(USER, "x"), addIfAbsent("b", "2"))).toEqual({ ...before, b: "2" });
    expect(header(remove("app"), remove("nothing"))).not.toHaveProperty("app");
    expect(header(set("empty", ""), set("名", "值"))).toEqual({ ...before, empty: "", 名: "值" });
  });

  test("one after the other", () => {
    expect(header(set("k", "1"), remove("k"))).not.toHaveProperty("k");
    expect(header(remove(USER), addIfAbsent(USER, "2"))).toMatchObject({ [USER]: "2" });
    expect(header(set("k", "1"), addIfAbsent("k", "2"))).toMatchObject({ k: "1" });
    expect(header(addIfAbsent("k", "1"), addIfAbsent("k", "2"))).toMatchObject({ k: "1" });
    expect(header(addIfAbsent("k", "1"), set("k", "2"))).toMatchObject({ k: "2" });
    expect(header(set(USER, "1"), remove("app"), set(USER, "2"))).toMatchObject({ [USER]: "2" });
  });

  test("with the id; everything else of the frame as it was", () => {
    const changed = readFrame(mutated(request, Origin.Downstream, set("k", "v".repeat(300))));
    const original = readFrame(request);
    expect(changed).toEqual({
      ...original,
      id: ID,
      header: [...original.header, ["k", "v".repeat(300)]],
    });
  });
});

describe("the header block", () => {
  const ofPairs = (pairs: readonly Pair[], ...steps: readonly MutationStep[]) =>
    readFrame(mutated(buildFrame({ header: headerBlock(...pairs) }), Origin.Downstream, ...steps))
      .header;

  test("where there was none, and where none is left", () => {
    expect(ofPairs([], set("k", "v"))).toEqual([["k", "v"]]);
    expect(ofPairs([["k", "v"]], remove("k"))).toEqual([]);
  });

  test("a key that comes several times goes as a whole, and does not grow from hop to hop", () => {
    const pairs: Pair[] = [
      ["k", "1"],
      ["K", "2"],
      ["k", "3"],
    ];
    expect(ofPairs(pairs, set("k", "4"))).toEqual([
      ["K", "2"],
      ["k", "4"],
    ]);
    const frame = buildFrame({ header: headerBlock(...pairs) });
    const once = mutated(frame, Origin.Downstream, set("k", "4"));
    expect(toHex(mutated(once, Origin.Downstream, set("k", "4")))).toBe(toHex(once));
  });

  test("null ones stay, and are not there", () => {
    const pairs: Pair[] = [
      [null, "v"],
      ["k", null],
    ];
    expect(ofPairs(pairs, addIfAbsent("k", "1"), remove(""))).toEqual([...pairs, ["k", "1"]]);
  });

  test("as long as Java's peers can read, and no longer", () => {
    const frame = buildFrame({ header: headerBlock(["a", "b"]), protocol: "2.2", switches: 1 });
    const longest = 32_767 - 10 - 9;
    expect(
      readFrame(mutated(frame, Origin.Downstream, set("k", "x".repeat(longest)))).header,
    ).toEqual([
      ["a", "b"],
      ["k", "x".repeat(longest)],
    ]);
    const refused = encode(frame, Origin.Downstream, [set("k", "x".repeat(longest + 1))]);
    expect(refused.applied).toBe(false);
    expect(readFrame(refused.bytes)).toEqual({ ...readFrame(frame), id: ID });
  });

  test("that is no list stays as it is", () => {
    for (const rest of ["00", "00000005616263", "0000000161", "000000016100000002"]) {
      const header = concat(headerBlock(["a", "b"]), Buffer.from(rest, "hex"));
      const frame = buildFrame({ header, id: ID });
      const encoded = encode(frame, Origin.Downstream, [set("a", "c")]);
      expect(encoded.applied).toBe(false);
      expect(toHex(encoded.bytes)).toBe(toHex(frame));
    }
  });
});

test("the header block of a response", () => {
  for (const [, convert] of versions) {
    const response = convert(capture("rsp-hello"));
    const steps = [set("rpc_resp_baggage.zone", "east"), remove("rpc_resp_baggage.rsp-bag")];
    const changed = mutated(response, Origin.Upstream, ...steps);
    expect(headerOf(changed)).toEqual({ "rpc_resp_baggage.zone": "east" });
    expect(readFrame(changed).content).toEqual(readFrame(response).content);
  }
});

test("heartbeats are not changed", () => {
  for (const type of [CommandType.Request, CommandType.Response]) {
    const beat = buildFrame({ type, command: Command.Heartbeat, id: ID });
    const encoded = encode(beat, Origin.Upstream, [set("k", "v")]);
    expect(encoded.applied).toBe(false);
    expect(toHex(encoded.bytes)).toBe(toHex(beat));
  }
});
