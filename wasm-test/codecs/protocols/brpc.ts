// bRPC, baidu_std: captured between brpc-java 3.0.5's client and server.
import { ErrorKind, MessageType, ResponseStatus } from "../harness/contract.js";
import { capturesOf, type ProtocolCase } from "./protocol-case.js";

const ECHO = { service: "example.EchoService", method: "Echo" };

export const BRPC: ProtocolCase = {
  protocol: "brpc",
  idBits: 63,
  frames: capturesOf("brpc"),
  expected: {
    "req-binary-attachment": {
      type: MessageType.Request,
      id: 2n,
      attributes: { ...ECHO, attachment_size: "6", error_code: undefined },
    },
    "req-fail": { type: MessageType.Request, id: 3n, attributes: { ...ECHO, method: "Fail" } },
    "req-hello": { type: MessageType.Request, id: 0n, attributes: ECHO },
    "req-kv-log": { type: MessageType.Request, id: 1n, attributes: { ...ECHO, log_id: "1234" } },
    "rsp-binary-attachment": {
      type: MessageType.Response,
      id: 2n,
      attributes: { service: undefined, error_code: "0" },
    },
    "rsp-fail": {
      type: MessageType.Response,
      id: 3n,
      status: ResponseStatus.Error,
      attributes: { error_code: "2001", error_text: "boom x" },
    },
    "rsp-hello": { type: MessageType.Response, id: 0n },
    "rsp-kv": { type: MessageType.Response, id: 1n },
  },
  errors: [
    [ErrorKind.NoRoute, "1001"],
    [ErrorKind.ConnectFailure, "1009"],
    [ErrorKind.UpstreamReset, "1014"],
    [ErrorKind.Timeout, "1008"],
    [ErrorKind.RequestTimeout, "1008"],
    [ErrorKind.RateLimited, "2004"],
    [ErrorKind.BadResponse, "2002"],
    [ErrorKind.Internal, "2001"],
    [ErrorKind.Overload, "2004"],
    [ErrorKind.MalformedRequest, "1003"],
    [ErrorKind.PermissionDenied, "1004"],
    [ErrorKind.NoHealthyUpstream, "2001"],
  ].map(([kind, code]) => ({
    kind: kind as ErrorKind,
    status: ResponseStatus.Error,
    attributes: {
      error_code: code as string,
      error_text: "metaproto: no route matches this request",
    },
  })),
  carriesText: () => true,
  isMutable: true,
  hasHeartbeat: false,
  garbage: [Buffer.from("PRPD"), Buffer.from("GET / HTTP/1.1\r\n")],
};
