// Building and reading Dubbo frames without the codec under test. Hessian2 bodies are read by
// hessian.js, which others wrote.
import hessian from "hessian.js";
import { hessianMap, hessianString } from "../../envoy/support/dubbo-wire.js";
import { type HexFixture, readHexFixtures } from "../harness/hex-fixture.js";

export const HEADER_BYTES = 16;

/** Flag bytes, PROTOCOLS of the header: 0x80 request, 0x40 two-way, 0x20 event, serialization. */
export const Flag = {
  Request: 0xc2,
  Oneway: 0x82,
  Response: 0x02,
  Heartbeat: 0xe2,
  HeartbeatReply: 0x22,
  OnewayEvent: 0xa2,
  FastjsonRequest: 0xd7,
  FastjsonResponse: 0x17,
} as const;

const captures = readHexFixtures(new URL("captures/", import.meta.url));

/** A captured frame; throws when there is none of that name. */
export function capture(name: string): Uint8Array {
  const fixture = captures.get(name);
  if (!fixture) throw new Error(`there is no capture ${name}`);
  return fixture.bytes;
}

/** All captures that hold their whole frame. */
export function wholeCaptures(): readonly HexFixture[] {
  return [...captures.values()].filter((fixture) => !fixture.truncated);
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Parts of a frame; `status` defaults to 0 for requests and 20 for responses, the id to 7. */
export interface FrameParts {
  readonly flag: number;
  readonly status?: number;
  readonly id?: bigint;
  readonly body: Uint8Array;
}

export function buildFrame({ flag, status, id = 7n, body }: FrameParts): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(0xdabb, 0);
  header.writeUInt8(flag, 2);
  header.writeUInt8(status ?? (flag & 0x80 ? 0 : 20), 3);
  header.writeBigUInt64BE(id, 4);
  header.writeUInt32BE(body.length, 12);
  return concat(header, body);
}

/** The parts of a Hessian2 request body; texts as strings, everything else as Hessian2 bytes. */
export interface RequestParts {
  readonly method?: string;
  readonly descriptor?: string;
  /** All arguments. */
  readonly args?: Uint8Array;
  /** The map of attachments; an empty one by default. */
  readonly attachments?: Uint8Array;
  readonly flag?: number;
}

export function hessianRequest(parts: RequestParts = {}): Uint8Array {
  const { method = "call", descriptor = "", args, attachments } = parts;
  const head = ["2.0.2", "demo.Service", "1.0.0", method, descriptor].map(hessianString);
  const tail = [args ?? new Uint8Array(0), attachments ?? hessianMap({})];
  return buildFrame({ flag: parts.flag ?? Flag.Request, body: concat(...head, ...tail) });
}

/** All values of a frame's Hessian2 body; throws unless they end with the body. */
export function readHessianBody(frame: Uint8Array): unknown[] {
  const body = Buffer.from(frame.subarray(HEADER_BYTES));
  const declared = Buffer.from(frame).readUInt32BE(12);
  if (declared !== body.length) throw new Error("the body is not as long as the header says");
  const decoder = new hessian.DecoderV2(body);
  const values: unknown[] = [];
  while (decoder.byteBuffer.position() < body.length) values.push(decoder.read());
  return values;
}

/** The last value of a frame's Hessian2 body: its attachments. */
export function readAttachments(frame: Uint8Array): unknown {
  return readHessianBody(frame).at(-1);
}

/** Hessian2 bytes of a value as hessian.js writes it; `{$class, $}` is a typed object. */
export function hessianValue(value: unknown): Uint8Array {
  return new Uint8Array(new hessian.EncoderV2().write(value).get());
}
