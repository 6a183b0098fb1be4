// Building and reading ZooKeeper's frames without the codec under test.
import { type HexFixture, readHexFixtures } from "../harness/hex-fixture.js";

export const EVENT_XID = -1;
export const PING_XID = -2;
export const AUTH_XID = -4;

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

export function int(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function long(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

/** A string or a buffer. */
export function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return concat(int(bytes.length), bytes);
}

export function bool(value: boolean): Uint8Array {
  return Uint8Array.of(value ? 1 : 0);
}

/** With its length before it. */
export function frame(...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  return concat(int(body.length), body);
}

export function request(xid: number, opcode: number, ...body: readonly Uint8Array[]): Uint8Array {
  return frame(int(xid), int(opcode), ...body);
}

export function reply(xid: number, err: number, ...body: readonly Uint8Array[]): Uint8Array {
  return frame(int(xid), long(77n), int(err), ...body);
}

interface ConnectParts {
  readonly session?: bigint;
  readonly password?: string;
  /** Undefined: not there, as in versions before 3.4. */
  readonly isReadOnly?: boolean | undefined;
  readonly timeout?: number;
}

const PASSWORD = "\0".repeat(16);

export function connectRequest({
  session = 0n,
  password = PASSWORD,
  isReadOnly,
  timeout = 30_000,
}: ConnectParts): Uint8Array {
  const last = isReadOnly === undefined ? [] : [bool(isReadOnly)];
  return frame(int(0), long(9n), int(timeout), long(session), text(password), ...last);
}

export function connectResponse({
  session = 0n,
  password = PASSWORD,
  isReadOnly,
  timeout = 30_000,
}: ConnectParts): Uint8Array {
  const last = isReadOnly === undefined ? [] : [bool(isReadOnly)];
  return frame(int(0), int(timeout), long(session), text(password), ...last);
}

export interface ReplyHeader {
  readonly xid: number;
  readonly zxid: bigint;
  readonly err: number;
}

/** A reply of which there is no more than the header; throws where it is something else. */
export function readBareReply(bytes: Uint8Array): ReplyHeader {
  const view = Buffer.from(bytes);
  if (view.length !== 20 || view.readInt32BE(0) !== 16) throw new Error("no bare reply header");
  return { xid: view.readInt32BE(4), zxid: view.readBigInt64BE(8), err: view.readInt32BE(16) };
}
