// Inputs as the fuzz targets make them, for libraries that are no part of the module.
import { loadFuelled } from "../fuzz-module.js";
import { FuzzRunner } from "../runner.js";
import { targetNamed } from "../targets.js";

/** Makes inputs of a target, the same for the same seed and number. */
export async function inputMaker(
  name: string,
  seed: number,
): Promise<(index: number) => Uint8Array> {
  const target = targetNamed(name);
  const runner = await FuzzRunner.create(target, await loadFuelled(target.unit));
  return (index) => runner.make(seed, index);
}

/** Whether the bytes are UTF-8: a library's text can be compared with them. */
export function isText(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).equals(Buffer.from(Buffer.from(bytes).toString()));
}
