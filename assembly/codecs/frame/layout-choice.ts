// Which layout the bytes at a frame's start have, as soon as they tell.
// Allocates: never.

import { Origin } from "../../codec/message";
import { Layout, Match, Table } from "./table/records";

const FROM_CLIENT: u32 = 1;
const FROM_SERVER: u32 = 2;
/** No more bytes are needed: the layout fits. */
const FITS: u32 = u32.MAX_VALUE;

export function originBit(origin: Origin): u32 {
  return origin == Origin.Downstream ? FROM_CLIENT : FROM_SERVER;
}

export class LayoutChoice {
  /** Position of the layout. */
  index: i32 = -1;
  /** If none was chosen. 0: no layout begins like this; else with how many bytes more is known. */
  need: u32 = 0;
  /** The first 16 bytes, if so many are there. */
  hasWords: bool = false;
  low: u64 = 0;
  high: u64 = 0;

  /** The first layout that fits the `len` bytes at `ptr`. */
  choose(table: Table, origin: Origin, ptr: usize, len: u32): bool {
    const layouts = table.layouts;
    const bit = originBit(origin);
    const words = len >= 16;
    const low: u64 = words ? load<u64>(ptr) : 0;
    const high: u64 = words ? load<u64>(ptr, 8) : 0;
    this.hasWords = words;
    this.low = low;
    this.high = high;
    for (let i = 0; i < layouts.length; i++) {
      const layout = unchecked(layouts[i]);
      if ((layout.origins & bit) == 0) continue;
      const need = words ? matchWords(layout, low, high) : matchBytes(layout, ptr, len);
      if (need == 0) continue;
      this.index = i;
      this.need = need;
      // Those behind one that needs more bytes have to wait for it.
      return need == FITS;
    }
    this.need = 0;
    return false;
  }
}

/** FITS or 0: it does not. */
function matchWords(layout: Layout, low: u64, high: u64): u32 {
  const matches = layout.matches;
  const count = matches.length;
  if (count == 0) return FITS;
  for (let i = 0; i < count; i++) {
    const match = unchecked(matches[i]);
    if (((low ^ match.value0) & match.mask0) != 0) continue;
    if (((high ^ match.value1) & match.mask1) == 0) return FITS;
  }
  return 0;
}

/** FITS; 0: it does not; else the bytes with which more is known. */
function matchBytes(layout: Layout, ptr: usize, len: u32): u32 {
  const matches = layout.matches;
  if (matches.length == 0) return FITS;
  let need: u32 = 0;
  for (let i = 0; i < matches.length; i++) {
    const match = unchecked(matches[i]);
    if (!canBegin(match, ptr, min(len, match.len))) continue;
    if (len >= match.len) return FITS;
    if (need == 0 || match.len < need) need = match.len;
  }
  return need;
}

function canBegin(match: Match, ptr: usize, len: u32): bool {
  for (let i: u32 = 0; i < len; i++) {
    const shift = (<u64>(i & 7)) << 3;
    const mask = (<u32>((i < 8 ? match.mask0 : match.mask1) >> shift)) & 0xff;
    const value = (<u32>((i < 8 ? match.value0 : match.value1) >> shift)) & 0xff;
    if ((((<u32>load<u8>(ptr + i)) ^ value) & mask) != 0) return false;
  }
  return true;
}
