import type { Schema } from "./schema/schema.js";
import { duration } from "./schema/scalars.js";

/** The longest duration that modules know, 24 days: it fits a signed number of milliseconds. */
export const MAX_MODULE_DURATION_MS = 2 ** 31 - 1;

/** Whole milliseconds, as long as modules can count. */
export function moduleDuration(minMs: number): Schema<number> {
  return duration(minMs, MAX_MODULE_DURATION_MS);
}
