import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { MutationOperation, type MutationStep, Origin } from "../harness/contract.js";
import {
  byte,
  capture,
  compact,
  concat,
  findCoordinator4,
  frame,
  int,
  NO_TAGS,
  produce8,
  produce9,
  request,
  short,
  text,
  varint,
} from "./frames.js";

const codec = await CodecHarness.load("kafka-codec");
const NAMES = [
  ...["api_key", "api_name", "api_version", "client_id", "correlation_id", "topic", "topic_id"],
  ...["topic_count", "group_id", "transactional_id", "acks", "any-other"],
];

/** All but those that every request has. */
function attributes(bytes: Uint8Array, origin: Origin = Origin.Downstream) {
  codec.decode(bytes, origin, codec.openState());
  const found = NAMES.map((name) => [name, codec.attribute(name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

describe("of captured requests", () => {
  test.each([
    ["req-apiversions-v4", { api_key: "18", api_name: "ApiVersions", api_version: "4" }],
    ["req-metadata-v13", { api_name: "Metadata" }],
    ["req-createtopics-v7", { api_name: "CreateTopics", topic: "demo", topic_count: "1" }],
    ["req-initproducerid-v4", { api_name: "InitProducerId" }],
    ["req-produce-v9", { api_name: "Produce", topic: "demo", topic_count: "1", acks: "-1" }],
    ["req-fetch-v12", { api_name: "Fetch", topic: "demo", topic_count: "1" }],
    ["req-listoffsets-v10", { api_name: "ListOffsets", topic: "demo", topic_count: "1" }],
    ["req-findcoordinator-v6", { api_name: "FindCoordinator", group_id: "g1" }],
    ["req-joingroup-v7", { api_name: "JoinGroup", group_id: "g1" }],
    ["req-syncgroup-v5", { api_name: "SyncGroup", group_id: "g1" }],
    ["req-heartbeat-v4", { api_name: "Heartbeat", group_id: "g1" }],
    ["req-leavegroup-v5", { api_name: "LeaveGroup", group_id: "g1" }],
    ["req-offsetcommit-v8", { api_name: "OffsetCommit", group_id: "g1", topic: "demo" }],
    ["req-offsetfetch-v8", { api_name: "OffsetFetch", group_id: "g1", topic: "demo" }],
  ])("%s", (name, expected) => {
    const found = attributes(capture(name));
    expect(found).toMatchObject(expected);
    expect(found["client_id"]).toMatch(/^peer-/);
    expect(Number(found["correlation_id"])).toBeGreaterThan(0);
    expect("topic_id" in found).toBe(false);
  });

  test("responses have their correlation id", () => {
    expect(attributes(capture("rsp-produce-v9"), Origin.Upstream)).toEqual({
      correlation_id: attributes(capture("req-produce-v9"))["correlation_id"],
    });
    expect(attributes(frame(int(-5)), Origin.Upstream)).toEqual({ correlation_id: "-5" });
  });
});

test("an api without a name, a client without an id", () => {
  const bytes = request({ key: 999, version: 3, correlationId: -1, clientId: null }, int(5));
  expect(attributes(bytes)).toEqual({ api_key: "999", api_version: "3", correlation_id: "-1" });
  const empty = request({ key: 18, version: 0, clientId: "" });
  expect(attributes(empty)).toMatchObject({ api_name: "ApiVersions", client_id: "" });
});

test("a client id of more bytes than there are", () => {
  const bytes = frame(short(3), short(1), int(1), short(50), text("t"));
  expect(attributes(bytes)).toEqual({
    api_key: "3",
    api_name: "Metadata",
    api_version: "1",
    correlation_id: "1",
  });
});

describe("coordinators are of groups, or of transactions", () => {
  const old = (version: number, ...body: Uint8Array[]) => request({ key: 10, version }, ...body);
  test.each([
    ["version 0", old(0, text("k")), { group_id: "k" }],
    ["version 1", old(1, text("k"), byte(0)), { group_id: "k" }],
    ["version 1 of a transaction", old(1, text("k"), byte(1)), { transactional_id: "k" }],
    ["version 3", old(3, NO_TAGS, compact("k"), byte(1), NO_TAGS), { transactional_id: "k" }],
    ["version 4", findCoordinator4(0, "k", "l"), { group_id: "k" }],
    ["version 4 of a transaction", findCoordinator4(1, "k"), { transactional_id: "k" }],
    ["version 4 of something else", findCoordinator4(2, "k"), {}],
    ["version 4 of nothing", findCoordinator4(0), {}],
    ["version 1 without a type", old(1, text("k")), {}],
  ])("%s", (_, bytes, expected) => {
    const { group_id, transactional_id } = attributes(bytes);
    expect({
      ...(group_id !== undefined && { group_id }),
      ...(transactional_id !== undefined && { transactional_id }),
    }).toEqual(expected);
  });
});

describe("topics", () => {
  const id = "000102030405060708090a0b0cfdfeff";
  const uuid = Buffer.from(id, "hex");
  const metadata = (version: number, ...body: Uint8Array[]) =>
    request({ key: 3, version }, ...body);
  test.each([
    ["all of version 0", metadata(0, int(0)), { topic_count: "0" }],
    ["all of version 1", metadata(1, int(-1)), {}],
    ["none of version 1", metadata(1, int(0)), { topic_count: "0" }],
    ["two", metadata(1, int(2), text("a"), text("b")), { topic: "a", topic_count: "2" }],
    ["all of version 12", metadata(12, NO_TAGS, varint(0)), {}],
    [
      "one by id",
      metadata(12, NO_TAGS, varint(2), uuid, compact(null), NO_TAGS),
      { topic_id: "AAECAwQFBgcICQoLDP3-_w", topic_count: "1" },
    ],
    [
      "one by name",
      metadata(12, NO_TAGS, varint(2), Buffer.alloc(16), compact("a"), NO_TAGS),
      { topic: "a", topic_count: "1" },
    ],
    ["more than there are bytes", metadata(1, int(0x7fffffff)), { topic_count: "2147483647" }],
    ["less than nothing", metadata(1, int(-2)), {}],
    ["one that is cut off", metadata(1, int(1), short(5), byte(1)), { topic_count: "1" }],
    [
      "letters beyond ASCII",
      metadata(1, int(1), text("名前")),
      { topic: "名前", topic_count: "1" },
    ],
  ])("%s", (_, bytes, expected) => {
    const { api_key, api_name, api_version, client_id, correlation_id, ...rest } =
      attributes(bytes);
    expect([api_key, api_name, client_id, correlation_id]).toEqual(["3", "Metadata", "app", "7"]);
    expect(Number(api_version)).toBeGreaterThanOrEqual(0);
    expect(rest).toEqual(expected);
  });
});

test("acks", () => {
  for (const acks of [0, 1, -1]) {
    expect(attributes(produce8(acks, "t", new Uint8Array(3)))["acks"]).toBe(String(acks));
    expect(attributes(produce9(acks, "t"))["acks"]).toBe(String(acks));
  }
});

describe("a mutation may change the client id, and nothing else", () => {
  const { AddIfAbsent, Remove, Set } = MutationOperation;
  const set = (value: string): MutationStep => ({ operation: Set, key: "client_id", value });
  const add = (value: string): MutationStep => ({
    operation: AddIfAbsent,
    key: "client_id",
    value,
  });
  const remove: MutationStep = { operation: Remove, key: "client_id" };
  const body = concat(text(null), short(1), int(1), int(0));
  const of = (clientId: string | null) => request({ key: 0, version: 8, clientId }, body);

  test.each<[string, string | null, readonly MutationStep[], string | null]>([
    ["set, longer", "app", [set("a much longer one")], "a much longer one"],
    ["set, shorter", "app", [set("")], ""],
    ["set, of none", null, [set("new")], "new"],
    ["added where there is one", "app", [add("new")], "app"],
    ["added where there is none", null, [add("new")], "new"],
    ["removed", "app", [remove], null],
    ["removed and added", "app", [remove, add("new")], "new"],
    ["set twice", "app", [set("one"), set("two")], "two"],
    ["as long as there is room for", "app", [set("x".repeat(0x7fff))], "x".repeat(0x7fff)],
  ])("%s", (_, before, steps, after) => {
    codec.decode(of(before), Origin.Downstream, codec.openState());
    expect(codec.encode(0n, steps)).toEqual({ bytes: of(after), applied: true });
  });

  test.each<[string, Uint8Array, Origin, readonly MutationStep[]]>([
    ["another attribute", of("app"), Origin.Downstream, [set("x"), { ...set("y"), key: "topic" }]],
    ["a name in other letters", of("app"), Origin.Downstream, [{ ...set("y"), key: "Client_Id" }]],
    ["one that is too long", of("app"), Origin.Downstream, [set("x".repeat(0x8000))]],
    ["a response", capture("rsp-produce-v9"), Origin.Upstream, [set("x")]],
    ["a token", frame(Buffer.from("\0user\0secret")), Origin.Downstream, [set("x")]],
    [
      "a malformed header",
      frame(short(3), short(1), int(1), short(50)),
      Origin.Downstream,
      [set("x")],
    ],
    ["a header without one", request({ key: 7, version: 0 }), Origin.Downstream, [set("x")]],
  ])("not %s", (_, bytes, origin, steps) => {
    codec.decode(bytes, origin, codec.openState());
    expect(codec.encode(0n, steps)).toEqual({ bytes, applied: false });
  });
});
