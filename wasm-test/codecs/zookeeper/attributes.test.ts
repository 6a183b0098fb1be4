import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { Origin } from "../harness/contract.js";
import {
  bool,
  capture,
  connectRequest,
  connectResponse,
  int,
  PING_XID,
  reply,
  request,
  text,
} from "./frames.js";

const codec = await CodecHarness.load("zookeeper-codec");
const NAMES = [
  ...["opcode", "path", "xid", "watch", "read_only", "session_id", "session_timeout"],
  ...["zxid", "err", "any-other"],
];

function attributes(bytes: Uint8Array, origin: Origin): Record<string, string> {
  codec.decode(bytes, origin, codec.openState());
  const found = NAMES.map((name) => [name, codec.attribute(name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

describe("of captured requests", () => {
  test.each([
    [
      "req-connect",
      { opcode: "connect", read_only: "false", session_id: "0x0", session_timeout: "30000" },
    ],
    ["req-create", { opcode: "create", path: "/a", xid: "1" }],
    ["req-getdata-watch", { opcode: "getData", path: "/a", xid: "2", watch: "true" }],
    ["req-setdata", { opcode: "setData", path: "/a", xid: "3" }],
    ["req-getdata-nonode", { opcode: "getData", path: "/nope", xid: "4", watch: "false" }],
    ["req-ls", { opcode: "getChildren2", path: "/", xid: "5", watch: "false" }],
    ["req-exists", { opcode: "exists", path: "/a", xid: "6", watch: "false" }],
    ["req-delete", { opcode: "delete", path: "/a", xid: "7" }],
    ["req-closesession", { opcode: "closeSession", xid: "8" }],
    ["req-ping", { opcode: "ping", xid: "-2" }],
  ])("%s", (name, expected) => {
    expect(attributes(capture(name), Origin.Downstream)).toEqual(expected);
  });
});

describe("of captured responses and events", () => {
  test.each([
    [
      "rsp-connect",
      { read_only: "false", session_id: "0x10000459be10000", session_timeout: "30000" },
    ],
    ["rsp-getdata", { xid: "2", zxid: "0x2", err: "0" }],
    ["rsp-nonode", { xid: "4", zxid: "0x3", err: "-101" }],
    ["rsp-ping", { xid: "-2", zxid: "0x3", err: "0" }],
    ["push-watch-event", {}],
  ])("%s", (name, expected) => {
    expect(attributes(capture(name), Origin.Upstream)).toEqual(expected);
  });
});

// Numbers of ZooDefs.OpCode; `p`: the first field is a path.
const OPCODES: readonly (readonly [number, string, string])[] = [
  ...([1, 2, 3, 4, 5] as const).map(
    (op) => [op, ["create", "delete", "exists", "getData", "setData"][op - 1] ?? "", "p"] as const,
  ),
  ...[[6, "getACL", "p"] as const, [7, "setACL", "p"] as const, [8, "getChildren", "p"] as const],
  ...[[9, "sync", "p"] as const, [11, "ping", ""] as const, [12, "getChildren2", "p"] as const],
  ...[[13, "check", "p"] as const, [14, "multi", ""] as const, [15, "create2", "p"] as const],
  ...[[16, "reconfig", ""] as const, [17, "checkWatches", "p"] as const],
  ...[[18, "removeWatches", "p"] as const, [19, "createContainer", "p"] as const],
  ...[[20, "deleteContainer", "p"] as const, [21, "createTTL", "p"] as const],
  ...[[22, "multiRead", ""] as const, [100, "auth", ""] as const, [101, "setWatches", ""] as const],
  ...[[102, "sasl", ""] as const, [103, "getEphemerals", "p"] as const],
  ...[[104, "getAllChildrenNumber", "p"] as const, [105, "setWatches2", ""] as const],
  ...[[106, "addWatch", "p"] as const, [107, "whoAmI", ""] as const],
  ...[[-11, "closeSession", ""] as const, [0, "notification", ""] as const],
  ...[[10, "10", ""] as const, [23, "23", ""] as const, [99, "99", ""] as const],
  ...[
    [108, "108", ""] as const,
    [-1, "-1", ""] as const,
    [-2147483648, "-2147483648", ""] as const,
  ],
];

test.each(OPCODES)("opcode %i is %s", (opcode, name, kind) => {
  const found = attributes(request(9, opcode, text("/p/q"), bool(true)), Origin.Downstream);
  expect(found).toMatchObject({ opcode: name, xid: "9" });
  expect(found.path).toBe(kind === "p" ? "/p/q" : undefined);
});

test.each([
  ["is empty", text(""), ""],
  ["is null", int(-1), undefined],
  ["is not there", new Uint8Array(0), undefined],
  ["is cut off", Buffer.concat([int(5), Buffer.from("/abc")]), undefined],
  ["has letters beyond ASCII", text("/名前"), "/名前"],
])("a path that %s", (_, body, path) => {
  const found = attributes(request(1, 4, body), Origin.Downstream);
  expect(found.path).toBe(path);
  expect(found.watch).toBeUndefined();
});

test("sessions", () => {
  const bytes = connectRequest({ session: -2n, isReadOnly: true, timeout: -1 });
  expect(attributes(bytes, Origin.Downstream)).toEqual({
    opcode: "connect",
    read_only: "true",
    session_id: "0xfffffffffffffffe",
    session_timeout: "-1",
  });
  const old = connectResponse({ session: 0xabcdef0123456789n - (1n << 64n) });
  expect(attributes(old, Origin.Upstream)).toEqual({
    read_only: "false",
    session_id: "0xabcdef0123456789",
    session_timeout: "30000",
  });
});

test("four letters have an opcode, and text has nothing", () => {
  expect(attributes(Buffer.from("ruok"), Origin.Downstream)).toEqual({ opcode: "ruok" });
  expect(attributes(Buffer.from("imok"), Origin.Upstream)).toEqual({});
});

test("several numbers at once", () => {
  attributes(reply(PING_XID, -101), Origin.Upstream);
  const values = ["xid", "zxid", "err"].map((name) => codec.attributeBytes(name));
  expect(values.map((bytes) => Buffer.from(bytes ?? []).toString())).toEqual([
    "-2",
    "0x4d",
    "-101",
  ]);
});
