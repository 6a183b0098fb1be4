// What stands for something of the client's connection in the name of a default route configuration.
// Allocates: never.
import { equalBytes } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";

export const portPlaceholder = new StaticText("%DESTINATION_PORT%");
/** A whole name. */
export const filterChainPlaceholder = new StaticText("%FILTER_CHAIN_NAME%");

/** Whether a name depends on the connection. */
export function hasPlaceholder(ptr: usize, len: u32): bool {
  return filterChainPlaceholder.equals(ptr, len) || findPortPlaceholder(ptr, len) < len;
}

/** Where the placeholder begins in these bytes; `len`: it is not there. */
export function findPortPlaceholder(ptr: usize, len: u32): u32 {
  for (let at: u32 = 0; at + portPlaceholder.len <= len; at++) {
    if (equalBytes(ptr + at, portPlaceholder.ptr, portPlaceholder.len)) return at;
  }
  return len;
}
