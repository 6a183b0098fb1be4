// Numbers and texts that a description compares with.
import type { Operand } from "../api/frame/condition.js";
import type { Site } from "../api/schema/site.js";

const DIGITS = /^-?(0x[0-9a-f]+|\d+)$/i;

/** Undefined, with a fault, for what is no number. */
export function numberOf(operand: Operand, site: Site): bigint | undefined {
  if (typeof operand === "number") return BigInt(operand);
  if (DIGITS.test(operand)) {
    const isNegative = operand.startsWith("-");
    const magnitude = BigInt(isNegative ? operand.slice(1) : operand);
    return isNegative ? -magnitude : magnitude;
  }
  site.fault(`must be a number, not ${JSON.stringify(operand)}`);
  return undefined;
}

/** Undefined, with a fault, for what is no text. */
export function textOf(operand: Operand, site: Site): Uint8Array | undefined {
  if (typeof operand === "string") return new TextEncoder().encode(operand);
  site.fault(`must be a text, not ${operand}; put it in quotes`);
  return undefined;
}
