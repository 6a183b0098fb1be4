// Building Kafka's frames without the codec under test.
import { type HexFixture, readHexFixtures } from "../harness/hex-fixture.js";

const captures = readHexFixtures(new URL("captures/", import.meta.url));

/** A captured frame; throws when there is none of that name. */
export function capture(name: string): Uint8Array {
  const fixture = captures.get(name);
  if (!fixture) throw new Error(`there is no capture ${name}`);
  return fixture.bytes;
}

export function wholeCaptures(): readonly HexFixture[] {
  return [...captures.values()].filter((fixture) => !fixture.truncated);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function byte(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff);
}

export function short(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return new Uint8Array(bytes);
}

export function int(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return new Uint8Array(bytes);
}

export function long(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return new Uint8Array(bytes);
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

export function text(value: string | null): Uint8Array {
  if (value === null) return short(-1);
  const bytes = Buffer.from(value);
  return concat(short(bytes.length), bytes);
}

/** A text of flexible versions. */
export function compact(value: string | null): Uint8Array {
  if (value === null) return varint(0);
  const bytes = Buffer.from(value);
  return concat(varint(bytes.length + 1), bytes);
}

/** With its length before it. */
export function frame(...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  return concat(int(body.length), body);
}

export const NO_TAGS = byte(0);

interface RequestHead {
  readonly key: number;
  readonly version: number;
  /** Default 7. */
  readonly correlationId?: number;
  /** Default `app`. */
  readonly clientId?: string | null;
}

/** Tagged fields of a flexible version's header are the body's first bytes here. */
export function request(head: RequestHead, ...body: readonly Uint8Array[]): Uint8Array {
  const clientId = head.clientId === undefined ? "app" : head.clientId;
  const start = [short(head.key), short(head.version), int(head.correlationId ?? 7)];
  return frame(...start, text(clientId), ...body);
}

/** Version 8 of Produce: the last without compact texts. */
export function produce8(acks: number, topic: string, records: Uint8Array): Uint8Array {
  const partition = concat(int(0), int(records.length), records);
  const topics = concat(int(1), text(topic), int(1), partition);
  return request({ key: 0, version: 8 }, text(null), short(acks), int(30_000), topics);
}

/** Version 9, with partitions 0 and on. */
export function produce9(acks: number, topic: string, partitions = 1): Uint8Array {
  const list = Array.from({ length: partitions }, (_, index) =>
    concat(int(index), varint(4), Buffer.from("abc"), NO_TAGS),
  );
  const topics = concat(varint(2), compact(topic), varint(partitions + 1), ...list, NO_TAGS);
  const head = concat(NO_TAGS, compact(null), short(acks), int(30_000));
  return request({ key: 0, version: 9 }, head, topics, NO_TAGS);
}

interface FetchOptions {
  /** Default 0: a session begins. */
  readonly epoch?: number;
  /** Default one. */
  readonly partitions?: number;
}

/** Version 12: the last by name. */
export function fetch12(topic: string, { epoch = 0, partitions = 1 }: FetchOptions): Uint8Array {
  const list = Array.from({ length: partitions }, (_, index) =>
    concat(int(index), int(-1), long(0n), int(-1), long(-1n), int(1 << 20), NO_TAGS),
  );
  const topics = concat(varint(2), compact(topic), varint(partitions + 1), ...list, NO_TAGS);
  const head = [NO_TAGS, int(-1), int(500), int(1), int(1 << 20), byte(0)];
  const session = [int(epoch > 0 ? 99 : 0), int(epoch)];
  const tail = concat(varint(1), compact(""), NO_TAGS);
  return request({ key: 1, version: 12 }, ...head, ...session, topics, tail);
}

/** Version 4 of FindCoordinator. */
export function findCoordinator4(type: number, ...keys: readonly string[]): Uint8Array {
  const list = concat(varint(keys.length + 1), ...keys.map(compact));
  return request({ key: 10, version: 4 }, NO_TAGS, byte(type), list, NO_TAGS);
}
