// AssemblyScript: what one fuzz target does with an input.

export abstract class Target {
  /** Heap that the target may need in all, in bytes. */
  heapBytes: u32 = 65536;
  /** What of it may stay in use between inputs, such as the last one's faults. */
  heapSlack: u32 = 0;
  /** The heap is looked at after so many inputs. */
  inputsPerHeapCheck: u32 = 1024;
  /** Steps that one input may take: `fixedSteps` and so many for each byte. */
  fixedSteps: u32 = 6000;
  stepsPerByte: u32 = 100;

  /** Called once, when the corpus is complete. */
  open(): void {}

  /** Puts right what most inputs should have right, such as a frame's length. Returns the length. */
  repair(ptr: usize, len: u32): u32 {
    return len;
  }

  /**
   * Uses the `len` bytes at `ptr`; aborts when anything is not as it has to be. Returns a number
   * that depends on all that can be seen of it.
   */
  abstract run(ptr: usize, len: u32): u32;

  /** 0 to 3: what the last input turned out to be, in the target's own terms. */
  verdict: u32 = 0;
}

/** Mixes a value into a digest. */
export function mix(digest: u32, value: u32): u32 {
  return rotl<u32>((digest ^ value) * 0x9e3779b1, 15);
}

export function mixBytes(digest: u32, ptr: usize, len: u32): u32 {
  let mixed = mix(digest, len);
  const words = len & ~3;
  for (let i: u32 = 0; i < words; i += 4) mixed = mix(mixed, load<u32>(ptr + i));
  for (let i = words; i < len; i++) mixed = mix(mixed, load<u8>(ptr + i));
  return mixed;
}
