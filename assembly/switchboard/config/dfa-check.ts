// Proves of an automaton what its execution relies on: afterwards no input can lead outside of it.
// Format: proto/metaproto/v1/route.proto, Regex.dfa.
// Allocates: when it is refused; cold path only.

import {
  DFA_ACCEPTING,
  DFA_CLASSES,
  DFA_CLASS_OF,
  DFA_MAGIC,
  DFA_RESERVED,
  DFA_START,
  DFA_STATES,
} from "../route/dfa";
import { ByteBuffer } from "./byte-buffer";
import { DfaRecord } from "./route-records";

/** Longer literals would not make the index more selective. */
const MAX_LITERAL: u32 = 256;
const MAX_CLASSES: u32 = 256;
const CLASS_BYTES = memory.data(256 * 2);

/**
 * Checks `len` bytes at `ptr` and fills in `states`, `classes` and `start` of `dfa`.
 * Returns what is wrong, or "".
 */
export function checkDfa(ptr: usize, len: u32, dfa: DfaRecord): string {
  if (len < <u32>DFA_ACCEPTING) return "shorter than its header";
  if (load<u32>(ptr) != DFA_MAGIC) return "not an automaton (magic)";
  const states = <u32>load<u16>(ptr, DFA_STATES);
  const classes = <u32>load<u16>(ptr, DFA_CLASSES);
  const start = <u32>load<u16>(ptr, DFA_START);
  if (states == 0) return "no states";
  if (classes == 0 || classes > MAX_CLASSES) return classes.toString() + " byte classes";
  if (load<u16>(ptr, DFA_RESERVED) != 0) return "reserved bytes are not zero";
  const size = nextOffset(states) + 2 * states * classes;
  if (len != size) return len.toString() + " bytes instead of " + size.toString();
  if (start >= states) return outOf("start state", start, states);
  for (let byte: usize = 0; byte < 256; byte++) {
    const byteClass = <u32>load<u8>(ptr + byte, DFA_CLASS_OF);
    if (byteClass >= classes) return outOf("class", byteClass, classes);
  }
  for (let state: u32 = 0; state < ((states + 1) & ~1); state++) {
    const accepting = <u32>load<u8>(ptr + state, DFA_ACCEPTING);
    const most: u32 = state > 0 && state < states ? 1 : 0;
    if (accepting > most) return "acceptance of state " + state.toString();
  }
  dfa.states = states;
  dfa.classes = classes;
  dfa.start = start;
  return checkNext(ptr + nextOffset(states), states, classes);
}

/** Offset of the next states, from the start of the automaton. */
export function nextOffset(states: u32): u32 {
  return <u32>DFA_ACCEPTING + ((states + 1) & ~1);
}

/**
 * Appends to `out` the bytes with which every value begins that the checked automaton at `ptr`
 * accepts, and says in `dfa` where they are.
 */
export function deriveLiteral(ptr: usize, dfa: DfaRecord, out: ByteBuffer): void {
  indexSingleByteClasses(ptr);
  const next = ptr + nextOffset(dfa.states);
  const rowBytes = (<usize>dfa.classes) << 1;
  dfa.literal = out.len;
  let state = dfa.start;
  let len: u32 = 0;
  while (len < MAX_LITERAL && load<u8>(ptr + state, DFA_ACCEPTING) == 0) {
    const byteClass = onlyLivingClass(next + <usize>state * rowBytes, dfa.classes);
    if (byteClass == MAX_CLASSES) break;
    const byte = <i32>load<i16>(CLASS_BYTES + ((<usize>byteClass) << 1));
    if (byte < 0) break;
    const end = out.extend(1);
    store<u8>(out.ptr + end, <u8>byte);
    len++;
    state = load<u16>(next + <usize>state * rowBytes + ((<usize>byteClass) << 1));
  }
  dfa.literalLen = len;
  dfa.literalState = state;
}

/** Whether values that begin with the bytes at `literal` can match at all. */
export function canBeginWith(ptr: usize, dfa: DfaRecord, literal: usize, len: u32): bool {
  const next = ptr + nextOffset(dfa.states);
  let state = dfa.start;
  if (state == 0) return true;
  for (let i: u32 = 0; i < len; i++) {
    const byteClass = <u32>load<u8>(ptr + load<u8>(literal + i), DFA_CLASS_OF);
    state = load<u16>(next + ((<usize>(state * dfa.classes + byteClass)) << 1));
    if (state == 0) return false;
  }
  return true;
}

function checkNext(next: usize, states: u32, classes: u32): string {
  for (let i: u32 = 0; i < classes; i++) {
    if (load<u16>(next + ((<usize>i) << 1)) != 0) return "state 0 is not dead";
  }
  const count = states * classes;
  let largest = i16x8.splat(0);
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8)
    largest = i16x8.max_u(largest, v128.load(next + ((<usize>i) << 1)));
  let found: u32 = 0;
  for (; i < count; i++) found = max(found, <u32>load<u16>(next + ((<usize>i) << 1)));
  found = max(found, largestLane(largest));
  return found < states ? "" : outOf("state", found, states);
}

function largestLane(lanes: v128): u32 {
  lanes = i16x8.max_u(lanes, v128.shuffle<u64>(lanes, lanes, 1, 0));
  lanes = i16x8.max_u(lanes, v128.shuffle<u32>(lanes, lanes, 1, 0, 3, 2));
  return max(<u32>i16x8.extract_lane_u(lanes, 0), <u32>i16x8.extract_lane_u(lanes, 1));
}

/** CLASS_BYTES[class]: its byte, or -1 when several bytes (or none) have the class. */
function indexSingleByteClasses(ptr: usize): void {
  const none: i16 = -2;
  for (let i: usize = 0; i < 256; i++) store<i16>(CLASS_BYTES + (i << 1), none);
  for (let byte: usize = 0; byte < 256; byte++) {
    const entry = CLASS_BYTES + ((<usize>load<u8>(ptr + byte, DFA_CLASS_OF)) << 1);
    store<i16>(entry, load<i16>(entry) == none ? <i16>byte : -1);
  }
}

/** The one class that leads on from a state, or MAX_CLASSES when there are several or none. */
function onlyLivingClass(row: usize, classes: u32): u32 {
  let only = MAX_CLASSES;
  for (let i: u32 = 0; i < classes; i++) {
    if (load<u16>(row + ((<usize>i) << 1)) == 0) continue;
    if (only != MAX_CLASSES) return MAX_CLASSES;
    only = i;
  }
  return only;
}

function outOf(what: string, number: u32, count: u32): string {
  return what + " " + number.toString() + " of " + count.toString();
}
