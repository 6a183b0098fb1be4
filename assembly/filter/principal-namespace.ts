// The namespace of a SPIFFE identity, whose path is Istio's: `spiffe://<trust domain>/ns/<namespace>/sa/<account>`.
// Allocates: never.
import { Slice } from "../codec/message";
import { equalBytes } from "../wire/bytes";
import { StaticText } from "../wire/static-text";

const NAMESPACE = new StaticText("/ns/");
const SLASH: u8 = 0x2f;

/** Narrows `principal` to its namespace: what is between the first `/ns/` and the next slash, which must be there. */
export function principalNamespace(principal: Slice): bool {
  const ptr = principal.ptr;
  const len = principal.len;
  for (let at: u32 = 0; at + NAMESPACE.len <= len; at++) {
    if (!equalBytes(ptr + at, NAMESPACE.ptr, NAMESPACE.len)) continue;
    const start = at + NAMESPACE.len;
    let end = start;
    while (end < len && load<u8>(ptr + end) != SLASH) end++;
    if (end == len || end == start) return false;
    principal.ptr = ptr + start;
    principal.len = end - start;
    return true;
  }
  return false;
}
