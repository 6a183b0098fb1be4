// AssemblyScript: the random numbers of wasm-test/host/random.ts, for inputs made within the module.

let state: u32 = 0;

/** The numbers that follow depend on these two alone. */
export function seedRandom(seed: u32, index: u32): void {
  state = seed ^ (index * 0x9e3779b9);
  // Inputs next to each other begin far apart.
  state = next() ^ index;
}

function next(): u32 {
  state += 0x6d2b79f5;
  let mixed = state;
  mixed = (mixed ^ (mixed >>> 15)) * (mixed | 1);
  mixed ^= mixed + (mixed ^ (mixed >>> 7)) * (mixed | 61);
  return mixed ^ (mixed >>> 14);
}

/** A whole number, 0 <= number < `bound`. */
export function below(bound: u32): u32 {
  return <u32>((<u64>next() * <u64>bound) >> 32);
}
