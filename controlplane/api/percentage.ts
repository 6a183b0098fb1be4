import { object, required } from "./schema/composites.js";
import { mapped, type Schema } from "./schema/schema.js";
import { number } from "./schema/scalars.js";

const TOLD_ELSEWHERE = { title: "" };

/** Istio's Percent, of which 0 is "none". */
export const percentage: Schema<number> = mapped(
  object({ value: required(number({ min: 0, max: 100 }), "0 to 100") }, TOLD_ELSEWHERE),
  ({ value }) => value,
);

/** Where none would be senseless. */
export const percentageAboveZero: Schema<number> = mapped(
  object(
    { value: required(number({ min: 0, max: 100, above: true }), "above 0, at most 100") },
    TOLD_ELSEWHERE,
  ),
  ({ value }) => value,
);
