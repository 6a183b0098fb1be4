import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  type EncodedFrame,
  MutationOperation,
  type MutationStep,
  Origin,
} from "../harness/contract.js";
import { CAPTURED_FRAMES } from "./captured-frames.js";
import {
  type InfoBlock,
  type KeyValue,
  readHeaderFrame,
  writeHeaderFrame,
} from "./header-frame.js";
import { DIALECTS, WireType, readMessage, writeMessage } from "./official-library.js";

const codec = await CodecHarness.load("thrift-codec");
const connections = {
  [Origin.Downstream]: new CodecConnection(codec, Origin.Downstream),
  [Origin.Upstream]: new CodecConnection(codec, Origin.Upstream),
};
const HEADER_DIALECTS = DIALECTS.filter((dialect) => dialect.transport === "header");
const OTHER_DIALECTS = DIALECTS.filter((dialect) => dialect.transport !== "header");
const PAYLOAD = writeMessage(
  { transport: "unframed", protocol: "binary" },
  { name: "m", seqid: 7 },
);

const set = (key: string, value: string): MutationStep => ({
  operation: MutationOperation.Set,
  key,
  value,
});
const addIfAbsent = (key: string, value: string): MutationStep => ({
  operation: MutationOperation.AddIfAbsent,
  key,
  value,
});
const remove = (key: string): MutationStep => ({ operation: MutationOperation.Remove, key });

function mutate(
  frame: Uint8Array,
  steps: readonly MutationStep[],
  origin: Origin = Origin.Downstream,
): EncodedFrame {
  const connection = connections[origin];
  connection.reopen();
  const [message] = connection.feed(frame);
  expect(message).toMatchObject({ decodeStatus: 1, frame });
  const encoded = codec.encode(message?.id ?? 0n, steps);
  // What was written is a frame again.
  connection.reopen();
  expect(connection.feed(encoded.bytes)).toMatchObject([{ decodeStatus: 1, frame: encoded.bytes }]);
  return encoded;
}

/** The blocks that are left of `blocks` after the mutation; the rest of the frame must not change. */
function mutateBlocks(
  blocks: readonly InfoBlock[],
  ...steps: MutationStep[]
): readonly InfoBlock[] {
  const frame = { seqid: 7, flags: 0x0102, protocolId: 0, transforms: [], payload: PAYLOAD };
  const { bytes, applied } = mutate(writeHeaderFrame({ ...frame, blocks }), steps);
  expect(applied).toBe(true);
  const { blocks: changed, ...rest } = readHeaderFrame(bytes);
  expect(rest).toEqual(frame);
  return changed;
}

const keyValues = (...entries: KeyValue[]): InfoBlock => ({ id: 1, entries });
const persistent = (...entries: KeyValue[]): InfoBlock => ({ id: 2, entries });

describe.each(HEADER_DIALECTS.map((dialect) => [dialect.protocol, dialect] as const))(
  "THeader with %s, read by the library",
  (_name, dialect) => {
    test.each([
      ["a request", WireType.Call, Origin.Downstream],
      ["a response", WireType.Reply, Origin.Upstream],
    ] as const)("%s gets, changes and loses headers", (_what, type, origin) => {
      const message = {
        name: "hello",
        seqid: 3,
        type,
        headers: { old: "1", gone: "2", kept: "3" },
      };
      const steps = [set("old", "changed"), remove("gone"), addIfAbsent("new", "4")];
      const { bytes, applied } = mutate(writeMessage(dialect, message), steps, origin);
      expect(applied).toBe(true);
      expect(readMessage(dialect, bytes)).toMatchObject({
        name: "hello",
        seqid: 3,
        headers: { kept: "3", old: "changed", new: "4" },
      });
    });

    test("a message without headers gets the first one", () => {
      const { bytes } = mutate(writeMessage(dialect, { name: "hello" }), [set("a", "b")]);
      expect(readMessage(dialect, bytes).headers).toEqual({ a: "b" });
    });

    test("the id changes in the same pass", () => {
      const frame = writeMessage(dialect, { name: "hello", seqid: 5, headers: { a: "1" } });
      connections[Origin.Downstream].reopen();
      connections[Origin.Downstream].feed(frame);
      const { bytes } = codec.encode(70_000n, [set("b", "2")]);
      expect(readMessage(dialect, bytes)).toMatchObject({
        seqid: 70_000,
        headerSeqid: 70_000,
        headers: { a: "1", b: "2" },
      });
    });
  },
);

describe("steps", () => {
  const frame = [keyValues(["A", "1"], ["b", "2"], ["a", "3"])];

  test.each([
    [
      "set replaces all of any letter case, as the mutation writes it",
      [set("a", "x")],
      [
        ["b", "2"],
        ["a", "x"],
      ],
    ],
    ["remove takes all of any letter case", [remove("a")], [["b", "2"]]],
    ["add leaves what is there", [addIfAbsent("B", "x")], frame[0]?.entries],
    ["add adds what is not", [addIfAbsent("c", "x")], [...(frame[0]?.entries ?? []), ["c", "x"]]],
    [
      "set twice: the last one",
      [set("c", "x"), set("C", "y"), remove("a")],
      [
        ["b", "2"],
        ["C", "y"],
      ],
    ],
    ["remove then add", [remove("b"), addIfAbsent("b", "x"), remove("a")], [["b", "x"]]],
    ["set then remove", [set("c", "x"), remove("c"), remove("a")], [["b", "2"]]],
    [
      "add twice: the first one",
      [addIfAbsent("c", "x"), addIfAbsent("c", "y"), remove("a")],
      [
        ["b", "2"],
        ["c", "x"],
      ],
    ],
    [
      "set then add: the set one",
      [set("c", "x"), addIfAbsent("c", "y"), remove("a")],
      [
        ["b", "2"],
        ["c", "x"],
      ],
    ],
    ["an empty value", [set("b", ""), remove("a")], [["b", ""]]],
  ] as [string, MutationStep[], KeyValue[]][])("%s", (_name, steps, entries) => {
    expect(mutateBlocks(frame, ...steps)).toEqual([keyValues(...entries)]);
  });

  test("removing the last key leaves no block", () => {
    expect(mutateBlocks([keyValues(["a", "1"])], remove("a"))).toEqual([]);
  });

  test("removing what is not there changes nothing", () => {
    expect(mutateBlocks(frame, remove("zz"))).toEqual(frame);
  });
});

describe("blocks", () => {
  test("a key leaves every block, and comes back in the last one", () => {
    const blocks = [
      keyValues(["a", "1"], ["b", "2"]),
      keyValues(["a", "3"]),
      keyValues(["c", "4"]),
    ];
    expect(mutateBlocks(blocks, set("a", "x"))).toEqual([
      keyValues(["b", "2"]),
      keyValues(["c", "4"], ["a", "x"]),
    ]);
  });

  test("those of the connection stay, behind a first block of the message", () => {
    const blocks = [persistent(["a", "1"])];
    expect(mutateBlocks(blocks, set("a", "x"), addIfAbsent("b", "y"))).toEqual([
      keyValues(["a", "x"], ["b", "y"]),
      persistent(["a", "1"]),
    ]);
    expect(mutateBlocks(blocks, addIfAbsent("a", "x"))).toEqual(blocks);
    expect(mutateBlocks(blocks, remove("a"))).toEqual(blocks);
  });

  test("unknown ones stay with all that follows", () => {
    const unknown: InfoBlock = { id: 9, rest: [1, 2, 3, 4, 5] };
    const changed = mutateBlocks([keyValues(["a", "1"]), unknown], set("bb", "x"));
    expect(changed[0]).toEqual(keyValues(["a", "1"], ["bb", "x"]));
    expect(changed[1]?.id).toBe(9);
    expect(changed[1]?.rest?.slice(0, 5)).toEqual(unknown.rest);
  });

  test("of the message go before those of the connection, and the last of a kind counts", () => {
    const blocks = [
      keyValues(["a", "1"], ["a", "2"]),
      persistent(["a", "3"], ["b", "4"], ["b", "5"]),
    ];
    const connection = connections[Origin.Downstream];
    connection.reopen();
    connection.feed(writeHeaderFrame({ blocks, payload: PAYLOAD }));
    expect(codec.attribute("a")).toBe("2");
    expect(codec.attribute("b")).toBe("5");
    expect(codec.attribute("c")).toBeUndefined();
  });
});

test("the same mutation at every proxy does not grow the frame", () => {
  let frame = writeHeaderFrame({ payload: PAYLOAD });
  const steps = [set("trace", "0123456789"), remove("gone")];
  frame = mutate(frame, steps).bytes;
  const length = frame.length;
  for (let hop = 0; hop < 10; hop++) frame = mutate(frame, steps).bytes;
  expect(frame.length).toBe(length);
});

test("a header grows up to what every library reads, and not beyond", () => {
  const frame = writeHeaderFrame({ payload: PAYLOAD });
  // 2 bytes before the block, 2 of the block, 2 of the key, 3 of the value's length.
  const largest = 16383 * 4 - 9;
  const full = mutate(frame, [set("k", "v".repeat(largest))]);
  expect(full.applied).toBe(true);
  expect(readHeaderFrame(full.bytes).blocks[0]?.entries?.[0]?.[1]).toHaveLength(largest);
  const tooLong = mutate(frame, [set("other", "1"), set("k", "v".repeat(largest + 1))]);
  expect(tooLong).toEqual({ bytes: frame, applied: false });
});

describe("frames that cannot carry it stay as they are", () => {
  test.each(
    OTHER_DIALECTS.map((dialect) => [`${dialect.transport} ${dialect.protocol}`, dialect] as const),
  )("%s", (_name, dialect) => {
    const frame = writeMessage(dialect, { name: "hello", seqid: 3 });
    expect(mutate(frame, [set("a", "1")])).toEqual({ bytes: frame, applied: false });
  });

  test("info blocks that break off", () => {
    const broken: InfoBlock = { id: 1, rest: [2, 1, 0x61, 1, 0x62, 9] };
    const frame = writeHeaderFrame({ blocks: [broken], payload: PAYLOAD });
    expect(mutate(frame, [set("a", "1")])).toEqual({ bytes: frame, applied: false });
  });

  test("an HMAC transform, whose size is unknown", () => {
    const frame = writeHeaderFrame({ transforms: [2], payload: PAYLOAD });
    expect(mutate(frame, [set("a", "1")])).toEqual({ bytes: frame, applied: false });
  });
});

test("a mutation without steps changes nothing", () => {
  const frame = writeHeaderFrame({ blocks: [keyValues(["a", "1"])], payload: PAYLOAD });
  expect(mutate(frame, [])).toEqual({ bytes: frame, applied: true });
});

test("captured headers, beside a compressed payload too", () => {
  for (const { name, bytes } of CAPTURED_FRAMES.filter((f) => f.name.startsWith("header-"))) {
    if (!name.endsWith("-hello-req")) continue;
    const before = readHeaderFrame(bytes);
    const after = readHeaderFrame(mutate(bytes, [set("user-id", "u-2"), set("x", "y")]).bytes);
    expect(after.payload, name).toEqual(before.payload);
    const [traceparent] = before.blocks[0]?.entries ?? [];
    expect(after.blocks).toEqual([
      { id: 1, entries: [traceparent, ["user-id", "u-2"], ["x", "y"]] },
    ]);
  }
});
