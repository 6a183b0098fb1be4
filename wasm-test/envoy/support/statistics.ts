// Chi-square goodness of fit: whether observed counts follow configured weights, decided by a fixed
// significance and not by eye.

/**
 * Chance that a correct split is called wrong. One in a million keeps a suite of hundreds of runs
 * quiet, and with a few thousand requests a weight that is off by a few percent is still found.
 */
export const SIGNIFICANCE = 1e-6;

/** Below this expected count the chi-square distribution is no approximation any more. */
const MIN_EXPECTED_COUNT = 5;

/** Result of `chiSquareTest`. */
export interface ChiSquareResult {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  /** Probability of a statistic at least this large when the weights hold. */
  readonly pValue: number;
}

/**
 * Pearson's test of `observed` counts against `weights` (any positive scale), by key.
 *
 * @throws Error when a key was observed that has no weight, or when there are too few observations.
 */
export function chiSquareTest(
  observed: ReadonlyMap<string, number>,
  weights: Readonly<Record<string, number>>,
): ChiSquareResult {
  const categories = Object.entries(weights).filter(([, weight]) => weight > 0);
  const known = new Set(categories.map(([key]) => key));
  for (const [key, count] of observed) {
    if (count > 0 && !known.has(key)) throw new Error(`${String(count)} x ${key} have no weight`);
  }
  const total = [...observed.values()].reduce((sum, count) => sum + count, 0);
  const totalWeight = categories.reduce((sum, [, weight]) => sum + weight, 0);
  let statistic = 0;
  for (const [key, weight] of categories) {
    const expected = (total * weight) / totalWeight;
    if (expected < MIN_EXPECTED_COUNT) {
      throw new Error(`too few observations: ${String(expected)} expected for ${key}`);
    }
    statistic += ((observed.get(key) ?? 0) - expected) ** 2 / expected;
  }
  const degreesOfFreedom = categories.length - 1;
  return { statistic, degreesOfFreedom, pValue: survival(statistic, degreesOfFreedom) };
}

/** @throws Error with counts and p-value when `observed` does not follow `weights`. */
export function assertFollowsWeights(
  observed: ReadonlyMap<string, number>,
  weights: Readonly<Record<string, number>>,
): void {
  const { statistic, degreesOfFreedom, pValue } = chiSquareTest(observed, weights);
  if (pValue >= SIGNIFICANCE) return;
  throw new Error(
    `counts ${JSON.stringify(Object.fromEntries(observed))} do not follow the weights ` +
      `${JSON.stringify(weights)}: chi-square ${statistic.toFixed(2)} with ` +
      `${String(degreesOfFreedom)} degrees of freedom, p = ${pValue.toExponential(2)}`,
  );
}

/** P(X >= x) of the chi-square distribution: the upper regularized gamma function Q(k/2, x/2). */
function survival(x: number, degreesOfFreedom: number): number {
  if (x <= 0 || degreesOfFreedom === 0) return 1;
  const half = x / 2;
  // Q(a, z) follows from Q(a - 1, z) by adding z^(a-1) e^-z / gamma(a); it starts at Q(1/2) or Q(1).
  let a = degreesOfFreedom % 2 === 0 ? 1 : 0.5;
  let term: number;
  let sum: number;
  if (a === 1) {
    term = Math.exp(-half);
    sum = term;
  } else {
    sum = complementaryErrorFunction(Math.sqrt(half));
    term = Math.exp(-half) / Math.sqrt(Math.PI * half);
  }
  for (; a < degreesOfFreedom / 2; a++) {
    term *= half / a;
    sum += term;
  }
  return Math.min(1, sum);
}

/** erfc(x) for x >= 0: series of erf below 2, continued fraction (DLMF 7.9.1) from there on. */
function complementaryErrorFunction(x: number): number {
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = x;
  for (let n = 60; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}
