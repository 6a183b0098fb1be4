// ASCII text that is part of the module, as bytes.
// Allocates: when the module starts.

import { Slice } from "../../codec/message";

/** The bytes of an ASCII literal; they are never freed. For module constants only. */
export function staticText(text: string): Slice {
  const slice = new Slice();
  slice.len = <u32>text.length;
  slice.ptr = heap.alloc(slice.len);
  for (let i = 0; i < text.length; i++) {
    store<u8>(slice.ptr + <usize>i, <u8>text.charCodeAt(i));
  }
  return slice;
}
