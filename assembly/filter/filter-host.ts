// What filters ask of the engine outside of a call.
// Allocates: never.
import { ErrorKind } from "../codec/error-kind";
import { Slice } from "../codec/message";
import { ResponseFlag } from "./response-flag";

export abstract class FilterHost {
  /** Of the module, such as `dubbo`. */
  protocol: string = "";
  /** A plugin context that lives; gRPC calls are made in its name. */
  abstract get pluginContextId(): u32;
  /**
   * The request goes on to the next filter. Nothing happens if it is over. To be called from `onTick`,
   * `onGrpcReceive` or `onGrpcClose` only: one request's filters are not run in the middle of another's.
   */
  abstract resume(handle: u64): void;
  /** Likewise, and the client gets this answer: see `Call.reply`. */
  abstract reply(handle: u64, kind: ErrorKind, code: u32, flag: ResponseFlag, text: Slice): void;
  abstract random(): u32;
  /** Milliseconds that only ever grow, with the resolution of a tick. */
  abstract get nowMs(): u64;
  /** Nanoseconds since 1970, by a clock that may jump. The same within one call of the VM; a host call at first. */
  abstract get nowNs(): u64;
  /** Memory that counts against the worker's budget, or 0; see `free`. */
  abstract allocate(bytes: u32): usize;
  abstract free(block: usize, bytes: u32): void;
}

/** Of the worker; set before any filter is called. */
let current: FilterHost | null = null;

export function setFilterHost(host: FilterHost): void {
  current = host;
}

export function filterHost(): FilterHost {
  return current!;
}

/** Of the module; empty where no host is set. */
export function protocolName(): string {
  const host = current;
  return host === null ? "" : host.protocol;
}
