// tRPC, unary calls: captured between trpc-go v1.0.3's client and server. Streams are another matter.
import { ErrorKind, MessageType, ResponseStatus } from "../harness/contract.js";
import { capturesOf, type ProtocolCase } from "./protocol-case.js";

const CALL = {
  type: MessageType.Request,
  timeoutMs: 799,
} as const;
const HELLO = {
  callee: "trpc.test.helloworld.Greeter",
  func: "/trpc.test.helloworld.Greeter/SayHello",
  caller: "trpc.client.trpccli.service",
};

export const TRPC: ProtocolCase = {
  protocol: "trpc",
  idBits: 32,
  frames: new Map([...capturesOf("trpc")].filter(([name]) => !name.startsWith("stream"))),
  expected: {
    "req-attachment": { ...CALL, id: 10n, attributes: HELLO },
    "req-gzip": { ...CALL, id: 12n, attributes: { ...HELLO, content_encoding: "1" } },
    "req-hello": { ...CALL, id: 1n, attributes: HELLO },
    "req-json": { ...CALL, id: 11n, attributes: { ...HELLO, content_type: "2" } },
    "req-nofunc": {
      ...CALL,
      id: 14n,
      attributes: { ...HELLO, func: "/trpc.test.helloworld.Greeter/NoSuch" },
    },
    "req-noservice": { ...CALL, id: 15n, attributes: { callee: "trpc.test.other.Svc" } },
    "req-oneway": { ...CALL, type: MessageType.Oneway, id: 4n, attributes: HELLO },
    "req-sayhi": {
      ...CALL,
      id: 3n,
      attributes: { ...HELLO, func: "/trpc.test.helloworld.Greeter/SayHi" },
    },
    "req-transinfo": {
      ...CALL,
      id: 2n,
      attributes: {
        "user-id": "u-1001",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      },
    },
    "rsp-attachment": { type: MessageType.Response, id: 10n },
    "rsp-business-error": {
      type: MessageType.Response,
      id: 5n,
      status: ResponseStatus.BusinessError,
      attributes: { func_ret: "10001", error_msg: "biz error for biz" },
    },
    "rsp-framework-error-limited": {
      type: MessageType.Response,
      id: 6n,
      status: ResponseStatus.Error,
      attributes: { ret: "23", error_msg: "limited by server" },
    },
    "rsp-gzip": { type: MessageType.Response, id: 12n },
    "rsp-hello": { type: MessageType.Response, id: 1n, attributes: { "srv-key": "srv-val" } },
    "rsp-json": { type: MessageType.Response, id: 11n },
    "rsp-nofunc": { type: MessageType.Response, id: 14n, status: ResponseStatus.Error },
    "rsp-noservice": { type: MessageType.Response, id: 15n, status: ResponseStatus.Error },
    "rsp-plain-go-error": {
      type: MessageType.Response,
      id: 7n,
      status: ResponseStatus.BusinessError,
    },
    "rsp-sayhi": { type: MessageType.Response, id: 3n },
    "rsp-transinfo": { type: MessageType.Response, id: 2n, attributes: { "user-id": "u-1001" } },
  },
  errors: [
    [ErrorKind.NoRoute, "11"],
    [ErrorKind.UnknownCluster, "11"],
    [ErrorKind.NoHealthyUpstream, "131"],
    [ErrorKind.ConnectFailure, "111"],
    [ErrorKind.UpstreamReset, "141"],
    [ErrorKind.BadResponse, "122"],
    [ErrorKind.PermissionDenied, "41"],
    [ErrorKind.Internal, "31"],
    [ErrorKind.Overload, "22"],
    [ErrorKind.RateLimited, "23"],
    [ErrorKind.Timeout, "21"],
    [ErrorKind.MalformedRequest, "1"],
  ].map(([kind, ret]) => ({
    kind: kind as ErrorKind,
    status: ResponseStatus.Error,
    attributes: { ret: ret as string, error_msg: "metaproto: no route matches this request" },
  })),
  carriesText: () => true,
  isMutable: true,
  hasHeartbeat: false,
  garbage: [Uint8Array.of(0x09, 0x31, 0, 0), Buffer.from("GET / HTTP/1.1\r\n")],
};
