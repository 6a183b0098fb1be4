// Makes an input that fails smaller as long as it still fails.

const MOST_ATTEMPTS = 3000;

/** Cuts pieces out, large ones first, then sets bytes to 0. */
export async function minimise(
  input: Uint8Array,
  fails: (bytes: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let best = input;
  let attempts = 0;
  const tryOne = async (candidate: Uint8Array) => {
    if (attempts++ >= MOST_ATTEMPTS || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length;) {
      const without = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (!(await tryOne(new Uint8Array(without)))) at += size;
    }
  }
  for (let at = 0; at < best.length; at++) {
    if (best[at] === 0) continue;
    const zeroed = best.slice();
    zeroed[at] = 0;
    await tryOne(zeroed);
  }
  return best;
}
