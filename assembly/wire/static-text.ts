// ASCII text that is part of the module, as bytes.
// Allocates: when the module starts.

import { equalBytes } from "./bytes";

/** The bytes of an ASCII literal; they are never freed. For module constants only. */
export class StaticText {
  readonly ptr: usize;
  readonly len: u32;

  constructor(text: string) {
    this.len = <u32>text.length;
    this.ptr = heap.alloc(this.len);
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, this.ptr);
  }

  equals(ptr: usize, len: u32): bool {
    return len == this.len && equalBytes(ptr, this.ptr, len);
  }
}
