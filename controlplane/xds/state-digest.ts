// A version of many resources together: a sum of hashes, whatever their order, which is kept up to date at the
// cost of what changes and not of what there is.
import { createHash } from "node:crypto";

const BITS = 64;
/** Hexadecimal digits of a version: enough that two contents never share one by chance. */
export const VERSION_LENGTH = 16;

/** What a resource of this name and version adds. */
export function entryDigest(name: string, version: string): bigint {
  return createHash("sha256").update(`${name}\n${version}\n`).digest().readBigUInt64BE();
}

export class StateDigest {
  private sum = 0n;

  add(entry: bigint): void {
    this.sum = BigInt.asUintN(BITS, this.sum + entry);
  }

  remove(entry: bigint): void {
    this.sum = BigInt.asUintN(BITS, this.sum - entry);
  }

  get version(): string {
    return this.sum.toString(16).padStart(VERSION_LENGTH, "0");
  }
}
