// AssemblyScript: what is wrong with a configuration, as a number.

import { faultsLen, faultsPtr } from "../fault-text";
import { mixBytes } from "./target";

/** Of the faults that were kept last; fails when there are none, or when they are no text. */
export function digestFaults(): u32 {
  const ptr = faultsPtr();
  const len = faultsLen();
  if (len == 0) abort("refused without a reason");
  for (let i: u32 = 0; i < len; i++) {
    const byte = load<u8>(ptr + i);
    if (byte > 0x7e || (byte < 0x20 && byte != 0x0a)) abort("a reason that is no plain text");
  }
  return mixBytes(1, ptr, len);
}
