// A regular expression as a deterministic automaton over bytes: linear time on any input.
// Format: proto/metaproto/v1/route.proto, Regex.dfa. The control plane compiles, this executes.
// Allocates: never.

/** Wire offsets of `Regex.dfa`, little-endian. */
export const DFA_MAGIC: u32 = 0x3144504d;
/** Bytes 4..5. */
export const DFA_STATES: usize = 4;
/** Bytes 6..7. */
export const DFA_CLASSES: usize = 6;
/** Bytes 8..9. */
export const DFA_START: usize = 8;
/** Bytes 10..11, zero. */
export const DFA_RESERVED: usize = 10;
/** Bytes 12..267: the class of each byte. */
export const DFA_CLASS_OF: usize = 12;
/** Bytes 268 and on: one byte per state, padded to an even length; then the next states. */
export const DFA_ACCEPTING: usize = 268;

/** Points into a copy of `Regex.dfa` whose every index was checked when the table was built. */
@unmanaged
export class Dfa {
  classes: u32;
  /** Address of 256 class numbers. */
  classOf: usize;
  /** Address of one byte per state. */
  accepting: usize;
  /** Address of `states * classes` next states, u16. */
  next: usize;

  /**
   * Whether the `len` bytes at `ptr` lead from `state` to acceptance. State 0 is dead: nothing leads
   * out of it.
   */
  accepts(state: u32, ptr: usize, len: u32): bool {
    const classes = this.classes;
    const classOf = this.classOf;
    const next = this.next;
    const end = ptr + len;
    while (ptr < end && state != 0) {
      // SAFETY: every entry of `next` is below the number of states, every class below `classes`.
      const byteClass = <u32>load<u8>(classOf + load<u8>(ptr));
      state = load<u16>(next + ((<usize>(state * classes + byteClass)) << 1));
      ptr++;
    }
    return load<u8>(this.accepting + state) != 0;
  }
}
