// HTTP calls to a cluster.
// Spec: proxy-wasm ABI 0.2.1, chapter "HTTP calls". The answer comes to PluginContext.onHttpCallResponse.
// During send() Envoy may call back into the VM: when the cluster's endpoint is an internal listener
// with a wasm filter, the new connection's context is created before send() returns.
// Envoy cancels a call when the context it was made under ends.
// Allocates: HttpCallRequest at start-up; send never.

import { proxy_http_call } from "../abi/env";
import { Status } from "../abi/enums";
import { RESULT_PTR } from "../memory/host-bytes";
import { StaticBytes } from "../memory/static-bytes";
import { HeaderPairs } from "./header-pairs";

/** The token of the call sent last, by which its answer is known; read it right after send(). */
export let httpCallToken: u32 = 0;

/** An HTTP request that is encoded once and sent any number of times. Build it at start-up. */
export class HttpCallRequest {
  private readonly cluster: StaticBytes;
  private readonly headers: HeaderPairs;
  private bodyPtr: usize = 0;
  private bodyLen: u32 = 0;

  /**
   * `cluster`: name of the upstream cluster. `headers`: names and values in turn; :method, :path and
   * :authority are required. `body`: may be empty.
   */
  constructor(cluster: string, headers: string[], body: string = "") {
    this.cluster = new StaticBytes(cluster);
    this.headers = new HeaderPairs(headers);
    if (body.length > 0) {
      const bytes = new StaticBytes(body);
      this.bodyPtr = bytes.ptr;
      this.bodyLen = bytes.len;
    }
  }

  /** Replaces the body by `len` bytes at `ptr`; borrowed, so they must be valid at each send(). */
  setBody(ptr: usize, len: u32): void {
    this.bodyPtr = ptr;
    this.bodyLen = len;
  }

  /**
   * Sends it; on Ok the token is in httpCallToken. Envoy answers BadArgument for an unknown cluster
   * or a missing pseudo-header, InternalFailure when it failed at once.
   */
  send(timeoutMs: u32): Status {
    const status = proxy_http_call(
      this.cluster.ptr,
      <usize>this.cluster.len,
      this.headers.ptr,
      <usize>this.headers.len,
      this.bodyPtr,
      <usize>this.bodyLen,
      0,
      0,
      timeoutMs,
      RESULT_PTR,
    );
    httpCallToken = status == <u32>Status.Ok ? load<u32>(RESULT_PTR) : 0;
    return <Status>status;
  }
}
