// What redis-server 7.0 and its clients have sent each other.
import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, MessageType, Origin, ResponseStatus } from "../harness/contract.js";
import { readHexFixtures } from "../harness/hex-fixture.js";
import { messagesOf } from "./resp.js";

const codec = await CodecHarness.load("redis-codec");
const connections = {
  [Origin.Downstream]: new CodecConnection(codec, Origin.Downstream),
  [Origin.Upstream]: new CodecConnection(codec, Origin.Upstream),
};
const CAPTURES = Array.from(readHexFixtures(new URL("captures/", import.meta.url)).values());
/** Of connections 7 and 8: lengths that Redis refuses. */
const MALFORMED = new Set(["50-conn7-req", "52-conn8-req"]);
const READS = CAPTURES.filter(({ name }) => !MALFORMED.has(name));

function originOf(name: string): Origin {
  return name.endsWith("-req") ? Origin.Downstream : Origin.Upstream;
}

test("all captures are there", () => {
  expect(CAPTURES).toHaveLength(54);
  expect(CAPTURES.some(({ truncated }) => truncated)).toBe(false);
});

describe.each(READS.map((read) => [read.name, read] as const))("%s", (name, { bytes }) => {
  const connection = connections[originOf(name)];
  const messages = messagesOf(Buffer.from(bytes));

  test("is the same messages at every chunk size", () => {
    for (let size = 1; size <= bytes.length; size++) {
      connection.reopen();
      const received = connection.feedInChunks(bytes, size);
      expect(received.map(({ frame }) => Buffer.from(frame))).toEqual(messages);
      expect(connection.pending).toBe(0);
    }
  });

  test("is split at every byte", () => {
    for (let at = 1; at < bytes.length; at++) {
      connection.reopen();
      const received = [
        ...connection.feed(bytes.subarray(0, at)),
        ...connection.feed(bytes.subarray(at)),
      ];
      expect(received.map(({ frame }) => Buffer.from(frame))).toEqual(messages);
    }
  });
});

test("a direction of all connections is one stream", () => {
  for (const origin of [Origin.Downstream, Origin.Upstream]) {
    const reads = READS.filter(({ name }) => originOf(name) === origin);
    const stream = Buffer.concat(reads.map(({ bytes }) => bytes));
    connections[origin].reopen();
    const received = connections[origin].feed(stream);
    expect(received.map(({ frame }) => Buffer.from(frame))).toEqual(messagesOf(stream));
  }
});

test.each([...MALFORMED])("%s is refused, with an answer", (name) => {
  const bytes = CAPTURES.find((capture) => capture.name === name)?.bytes ?? new Uint8Array();
  const message = codec.decode(bytes, Origin.Downstream, codec.openState());
  expect(message).toMatchObject({ decodeStatus: DecodeStatus.Error, idKnown: true });
});

test("an invalidation is a push, and the reply before it a response", () => {
  const read = READS.find(({ name }) => name === "37-conn4-rsp");
  connections[Origin.Upstream].reopen();
  const received = connections[Origin.Upstream].feed(read?.bytes ?? new Uint8Array());
  expect(received.map(({ type }) => type)).toEqual([MessageType.Response, MessageType.Push]);
});

test("errors are told from answers", () => {
  const errors = READS.filter(({ name, bytes }) => {
    if (originOf(name) === Origin.Downstream) return false;
    const { status } = codec.decode(bytes, Origin.Upstream, codec.openState());
    return status !== ResponseStatus.Ok;
  });
  expect(errors.map(({ bytes }) => Buffer.from(bytes).toString("latin1", 0, 5))).toEqual(
    Array.from({ length: errors.length }, () => "-ERR "),
  );
  expect(errors.length).toBe(5);
});
