// A suite that needs tools which a machine may lack: it says what it lacks, and is skipped.
import { describe } from "vitest";

/** @param missing why something cannot be used here, or undefined, of each thing the suite needs. */
export function describeWith(
  name: string,
  missing: readonly (string | undefined)[],
  suite: () => void,
): void {
  const reasons = missing.filter((reason) => reason !== undefined);
  for (const reason of reasons) console.warn(`${name}: skipped: ${reason}`);
  describe.skipIf(reasons.length > 0)(name, suite);
}
