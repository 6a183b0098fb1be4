// The captures of Apache's Python client and server, and what their names say is in them.
import { MessageType, Origin, ResponseStatus } from "../harness/contract.js";
import { type HexFixture, readHexFixtures } from "../harness/hex-fixture.js";

/** A frame and what a decoder must find in it. */
export interface CapturedFrame extends HexFixture {
  readonly origin: Origin;
  readonly type: MessageType;
  readonly status: ResponseStatus;
  readonly seqid: number;
  readonly dialect: number;
  /** Values of the attributes that every message has; undefined: the payload is compressed. */
  readonly attributes: Readonly<Record<string, string | undefined>>;
}

const NAME =
  /^(?<transport>buffered|framed|header)-(?<protocol>binary-lax|binary|compact|zlib)-(?<call>.+)-(?<way>req|rsp)$/;

const METHODS: Readonly<Record<string, string>> = {
  add: "add",
  "declared-exception": "failBiz",
  hello: "hello",
  item: "echoItem",
  large: "big",
  oneway: "fire",
  "undeclared-exception": "failUndeclared",
  "unknown-method": "noSuch",
  void: "nothing",
};
const TRANSPORTS: Readonly<Record<string, number>> = { framed: 0, buffered: 1, header: 2 };
const PROTOCOLS: Readonly<Record<string, number>> = {
  binary: 0,
  "binary-lax": 1,
  compact: 2,
  zlib: 3,
};

function statusOf(call: string, isResponse: boolean): ResponseStatus {
  if (!isResponse) return ResponseStatus.Ok;
  if (call === "declared-exception") return ResponseStatus.BusinessError;
  const isError = call === "undeclared-exception" || call === "unknown-method";
  return isError ? ResponseStatus.Error : ResponseStatus.Ok;
}

/** The frames of 100,000 characters were cut off after 256 bytes: puts the rest back. */
function wholeFrame({ truncated, description, bytes }: HexFixture): Uint8Array {
  if (!truncated) return bytes;
  const length = Number(/\| (\d+) bytes/.exec(description)?.[1]);
  const whole = new Uint8Array(length).fill("x".charCodeAt(0));
  whole.set(bytes);
  whole[length - 1] = 0;
  return whole;
}

function typeOf(call: string, isResponse: boolean): MessageType {
  if (isResponse) return MessageType.Response;
  return call === "oneway" ? MessageType.Oneway : MessageType.Request;
}

function wireTypeOf(call: string, isResponse: boolean): string {
  if (call === "oneway") return "oneway";
  if (!isResponse) return "call";
  return statusOf(call, isResponse) === ResponseStatus.Error ? "exception" : "reply";
}

function describeFrame(fixture: HexFixture): CapturedFrame {
  const { transport = "", protocol = "", call = "", way } = NAME.exec(fixture.name)?.groups ?? {};
  const isResponse = way === "rsp";
  const isZlib = protocol === "zlib";
  const seqid = call === "unknown-method" ? 9 : 0;
  return {
    ...fixture,
    bytes: wholeFrame(fixture),
    origin: isResponse ? Origin.Upstream : Origin.Downstream,
    type: typeOf(call, isResponse),
    status: statusOf(call, isResponse),
    seqid,
    dialect: (TRANSPORTS[transport] ?? NaN) * 4 + (PROTOCOLS[protocol] ?? NaN),
    attributes: {
      method: isZlib ? undefined : METHODS[call],
      service: undefined,
      message_type: wireTypeOf(call, isResponse),
      seqid: String(seqid),
      transport: transport === "buffered" ? "unframed" : transport,
      protocol: isZlib ? "binary" : protocol.replace("binary-lax", "lax_binary"),
    },
  };
}

export const CAPTURED_FRAMES: readonly CapturedFrame[] = [
  ...readHexFixtures(new URL("captures/", import.meta.url)).values(),
].map(describeFrame);
