// HTTP responses that the plugin sends itself, and the status of a finished call.
// Spec: proxy-wasm ABI 0.2.1, chapters "HTTP streams" and "Common HTTP and TCP stream operations".
// Allocates: arena.

import { proxy_get_status, proxy_send_local_response } from "../abi/env";
import { Status } from "../abi/enums";
import { RESULT_EXTRA, RESULT_LEN, RESULT_PTR, takeBytes } from "../memory/host-bytes";
import { StaticBytes } from "../memory/static-bytes";
import { HeaderPairs } from "./header-pairs";

/** gRPC status of a local response that is not gRPC. */
export const NO_GRPC_STATUS: u32 = 0xffffffff;

/** The code that getCallStatus read last: of HTTP, or of gRPC. */
export let callStatusCode: u32 = 0;

/** A response encoded once, at start-up, and sent any number of times. */
@final
export class LocalResponse {
  private readonly details: StaticBytes;
  private readonly headers: HeaderPairs;
  private readonly body: StaticBytes;

  /**
   * `details`: the response code details in Envoy's access log. `headers`: names and values in turn.
   * `grpcStatus`: for gRPC requests, else NO_GRPC_STATUS.
   */
  constructor(
    private readonly statusCode: u32,
    details: string,
    headers: string[] = [],
    body: string = "",
    private readonly grpcStatus: u32 = NO_GRPC_STATUS,
  ) {
    this.details = new StaticBytes(details);
    this.headers = new HeaderPairs(headers);
    this.body = new StaticBytes(body);
  }

  /** Answers the effective context's request; return Action.Pause from the callback then. */
  send(): Status {
    return <Status>(
      proxy_send_local_response(
        this.statusCode,
        this.details.ptr,
        <usize>this.details.len,
        this.body.ptr,
        <usize>this.body.len,
        this.headers.ptr,
        <usize>this.headers.len,
        this.grpcStatus,
      )
    );
  }
}

/**
 * In onHttpCallResponse and onGrpcClose: the status code goes to callStatusCode, its message to
 * bytesPtr, bytesLen. Envoy gives a gRPC message as it came on the wire, percent-encoded, and adds where
 * it came from, "{via_upstream}".
 */
export function getCallStatus(): Status {
  const status = takeBytes(proxy_get_status(RESULT_EXTRA, RESULT_PTR, RESULT_LEN));
  callStatusCode = status == Status.Ok ? load<u32>(RESULT_EXTRA) : 0;
  return status;
}
