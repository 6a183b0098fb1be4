// SOFA Bolt: version 1 captured between SOFA-RPC 5.13.2's client and server; version 2 made from that.
import { crc32 } from "node:zlib";
import { ErrorKind, MessageType, ResponseStatus } from "../harness/contract.js";
import { capturesOf, type ExpectedMessage, type ProtocolCase } from "./protocol-case.js";

const CALL = { type: MessageType.Request, timeoutMs: 1500 } as const;
const SERVICE = "peer.Hello:1.0";
const CLASS = "com.alipay.sofa.rpc.core.request.SofaRequest";

const captures = capturesOf("bolt");

/** The same message in version 2: one byte more behind the first, one behind the codec. */
function version2(name: string, hasChecksum: boolean): Uint8Array {
  const frame = captures.get(name);
  if (frame === undefined) throw new Error(`no capture ${name}`);
  const bytes = Buffer.concat([
    ...[Buffer.of(2, hasChecksum ? 2 : 1), frame.subarray(1, 10)],
    ...[Buffer.of(hasChecksum ? 1 : 0), frame.subarray(10)],
  ]);
  if (!hasChecksum) return new Uint8Array(bytes);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(bytes));
  return new Uint8Array(Buffer.concat([bytes, checksum]));
}

const V1: Readonly<Record<string, ExpectedMessage>> = {
  "req-baggage": {
    ...CALL,
    id: 2n,
    attributes: {
      service: SERVICE,
      class: CLASS,
      "rpc_req_baggage.user-id": "u-1001",
      app: "peer-cli",
    },
  },
  "req-fail": { ...CALL, id: 3n, attributes: { service: SERVICE, method: "fail" } },
  "req-heartbeat": { type: MessageType.Heartbeat, id: 8n },
  "req-hello": { ...CALL, id: 1n, attributes: { service: SERVICE, method: "hello", codec: "1" } },
  "req-oneway": { type: MessageType.Oneway, id: 4n, attributes: { service: SERVICE } },
  "req-slow": { ...CALL, id: 6n, attributes: { service: SERVICE } },
  "req-unknown-service": { ...CALL, id: 7n, attributes: { service: "peer.Hello:1.0:v9" } },
  "rsp-business-exception": {
    type: MessageType.Response,
    id: 3n,
    status: ResponseStatus.BusinessError,
    attributes: { status: "0" },
  },
  "rsp-heartbeat-ack": { type: MessageType.Event, id: 8n },
  "rsp-hello": {
    type: MessageType.Response,
    id: 1n,
    attributes: { "rpc_resp_baggage.rsp-bag": "rv" },
  },
  "rsp-slow-late": { type: MessageType.Response, id: 6n },
  "rsp-unknown-service": {
    type: MessageType.Response,
    id: 7n,
    status: ResponseStatus.BusinessError,
  },
};

const FOR_V2 = ["req-hello", "req-oneway", "req-heartbeat", "rsp-hello", "rsp-business-exception"];

const made = FOR_V2.flatMap((name) =>
  [false, true].map((hasChecksum) => ({
    name: `${name}-v2${hasChecksum ? "-crc" : ""}`,
    frame: version2(name, hasChecksum),
    expected: V1[name],
  })),
);

const STATUS_ONLY: readonly ErrorKind[] = [
  ...[ErrorKind.Overload, ErrorKind.RateLimited, ErrorKind.Timeout, ErrorKind.RequestTimeout],
  ...[ErrorKind.MalformedRequest, ErrorKind.BadResponse],
];

/** Of requests in one version. */
function boltCase(isMade: (name: string) => boolean, protocol: string): ProtocolCase {
  const all = [
    ...Object.entries(V1).map(([name, expected]) => ({
      name,
      frame: captures.get(name),
      expected,
    })),
    ...made,
  ].filter(({ name }) => isMade(name));
  return {
    protocol,
    idBits: 32,
    frames: new Map(all.flatMap(({ name, frame }) => (frame ? [[name, frame] as const] : []))),
    expected: Object.fromEntries(
      all.flatMap(({ name, expected }) => (expected ? [[name, expected] as const] : [])),
    ),
    errors: [
      [ErrorKind.Overload, "4"],
      [ErrorKind.RateLimited, "4"],
      [ErrorKind.Timeout, "7"],
      [ErrorKind.MalformedRequest, "9"],
      [ErrorKind.NoRoute, "0"],
      [ErrorKind.NoHealthyUpstream, "0"],
    ].map(([kind, status]) => ({
      kind: kind as ErrorKind,
      status: status === "0" ? ResponseStatus.BusinessError : ResponseStatus.Error,
      attributes: { status: status as string },
    })),
    carriesText: (kind) => !STATUS_ONLY.includes(kind),
    isMutable: true,
    hasHeartbeat: true,
    garbage: [Uint8Array.of(3), Uint8Array.of(1, 7), Buffer.from("GET / HTTP/1.1\r\n")],
  };
}

export const BOLT_V1 = boltCase((name) => !name.includes("-v2"), "bolt");
export const BOLT_V2 = boltCase((name) => name.endsWith("-v2"), "bolt");
export const BOLT_V2_CRC = boltCase((name) => name.endsWith("-v2-crc"), "bolt");

/** As the codec with code has it: it tells errors of the framework from the application's, and why a response is bad. */
export function boltWithCode(protocol: ProtocolCase): ProtocolCase {
  const known = protocol.expected["rsp-unknown-service"];
  return {
    ...protocol,
    expected: {
      ...protocol.expected,
      ...(known && { "rsp-unknown-service": { ...known, status: ResponseStatus.Error } }),
    },
    errors: protocol.errors.map((error) => ({ ...error, status: ResponseStatus.Error })),
    carriesText: (kind) => kind === ErrorKind.BadResponse || protocol.carriesText(kind),
  };
}
