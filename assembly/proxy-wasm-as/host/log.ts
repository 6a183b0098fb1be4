// The host's log.
// Spec: proxy-wasm ABI 0.2.1, chapter "Logging".
// A log line costs building its text even when the host drops it, so guard it: `if (logEnabled(...))`
// is one comparison. The level is the host's, read again at VM start, at configuration and at each tick.
// Allocates: arena, given back at once. Building the string is the caller's.

import { proxy_get_log_level, proxy_log } from "../abi/env";
import { LogLevel, Status } from "../abi/enums";
import { mark, release } from "../memory/arena";
import { RESULT_PTR } from "../memory/host-bytes";
import { encodeText, textLen } from "./text";

let hostLevel: u32 = <u32>LogLevel.Trace;

/** Whether the host keeps lines of this level, as far as known. */
export function logEnabled(level: LogLevel): bool {
  return <u32>level >= hostLevel;
}

/** Reads the host's log level again. The callbacks of this SDK do it at start and at each tick. */
export function refreshLogLevel(): Status {
  const status = <Status>proxy_get_log_level(RESULT_PTR);
  if (status == Status.Ok) hostLevel = load<u32>(RESULT_PTR);
  return status;
}

/** Logs a line, unless the host drops its level. InternalFailure: the arena has no room for it. */
export function log(level: LogLevel, message: string): Status {
  if (!logEnabled(level)) return Status.Ok;
  const position = mark();
  const ptr = encodeText(message);
  const status = ptr == 0 ? Status.InternalFailure : logBytes(level, ptr, textLen);
  release(position);
  return status;
}

/** Logs `len` bytes of UTF-8 at `ptr`, unless the host drops the level. */
export function logBytes(level: LogLevel, ptr: usize, len: u32): Status {
  if (!logEnabled(level)) return Status.Ok;
  return <Status>proxy_log(<u32>level, ptr, <usize>len);
}
