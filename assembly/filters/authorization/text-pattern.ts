// `abc`, `abc*`, `*abc`, or `*`: what an identity is compared with.
// Allocates: at configuration.
import { equalBytes } from "../../wire/bytes";

const STAR: u8 = 0x2a;

class TextPattern {
  isPrefix: bool = false;
  isSuffix: bool = false;
  text: ArrayBuffer = new ArrayBuffer(0);

  matches(ptr: usize, len: u32): bool {
    const wanted = <u32>this.text.byteLength;
    // What is there but empty is nothing.
    if (len < wanted || len == 0) return false;
    if (!this.isPrefix && !this.isSuffix && len != wanted) return false;
    const from = this.isSuffix ? ptr + (len - wanted) : ptr;
    return equalBytes(from, changetype<usize>(this.text), wanted);
  }
}

/** Alternatives; none of them matches nothing. */
export class TextPatterns {
  private readonly patterns: Array<TextPattern> = new Array<TextPattern>();

  get isEmpty(): bool {
    return this.patterns.length == 0;
  }

  /** False: it is empty, or there is a star elsewhere. */
  add(ptr: usize, len: u32): bool {
    if (len == 0) return false;
    // eslint-disable-next-line no-restricted-syntax -- at configuration
    const pattern = new TextPattern();
    if (load<u8>(ptr) == STAR) {
      pattern.isSuffix = true;
      ptr++;
      len--;
    } else if (load<u8>(ptr + len - 1) == STAR) {
      pattern.isPrefix = true;
      len--;
    }
    for (let i: u32 = 0; i < len; i++) if (load<u8>(ptr + i) == STAR) return false;
    // eslint-disable-next-line no-restricted-syntax -- at configuration
    pattern.text = new ArrayBuffer(<i32>len);
    memory.copy(changetype<usize>(pattern.text), ptr, len);
    this.patterns.push(pattern);
    return true;
  }

  match(ptr: usize, len: u32): bool {
    for (let i = 0; i < this.patterns.length; i++) {
      if (unchecked(this.patterns[i]).matches(ptr, len)) return true;
    }
    return false;
  }
}
