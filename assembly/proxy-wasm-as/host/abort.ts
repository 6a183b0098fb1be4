// What a failed assertion of the AssemblyScript runtime calls, instead of an import `env.abort` that no
// proxy has. Compile with `--use abort=<path of this file>/abortWithLog`.
// It logs file, line and column, then traps: the VM fails and its connections drop.
// Allocates: never; it may be called because memory is exhausted.

import { proxy_log } from "../abi/env";
import { LogLevel } from "../abi/enums";

const LINE_BYTES: usize = 512;
const LINE: usize = memory.data(512, 8);
/** Room that is left for ":line:column" behind the file name. */
const POSITION_BYTES: usize = 24;

/** Logs where and why, then traps. */
export function abortWithLog(
  message: string | null,
  file: string | null,
  line: u32,
  column: u32,
): void {
  let end = appendAscii(LINE, "abort: ", LINE_BYTES);
  if (message != null) end = appendAscii(end, message, LINE_BYTES / 2);
  end = appendAscii(end, " at ", LINE_BYTES);
  if (file != null) end = appendAscii(end, file, LINE_BYTES - POSITION_BYTES);
  end = appendAscii(end, ":", LINE_BYTES);
  end = appendDecimal(end, line);
  end = appendAscii(end, ":", LINE_BYTES);
  end = appendDecimal(end, column);
  proxy_log(<u32>LogLevel.Critical, LINE, end - LINE);
  unreachable();
}

/** Appends text, other than ASCII as "?", while the line is shorter than `maxLen`; returns the end. */
function appendAscii(end: usize, text: string, maxLen: usize): usize {
  for (let i = 0; i < text.length && end - LINE < maxLen; i++) {
    const unit = text.charCodeAt(i);
    store<u8>(end++, unit < 0x80 ? <u8>unit : <u8>0x3f);
  }
  return end;
}

function appendDecimal(end: usize, value: u32): usize {
  let divisor: u32 = 1;
  while (value / divisor >= 10) divisor *= 10;
  for (; divisor > 0 && end - LINE < LINE_BYTES; divisor /= 10) {
    store<u8>(end++, <u8>(0x30 + ((value / divisor) % 10)));
  }
  return end;
}
