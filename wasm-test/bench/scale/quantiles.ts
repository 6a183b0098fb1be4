// Figures of a sample of measurements.

/** The value that `fraction` (0 to 1) of the sample does not exceed; NaN of an empty one. */
export function quantile(sample: readonly number[], fraction: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? NaN;
}

/** Quantiles and the largest, as a table's cells. */
export function spread(sample: readonly number[], digits = 0): string[] {
  return [quantile(sample, 0.5), quantile(sample, 0.99), Math.max(...sample)].map((value) =>
    value.toFixed(digits),
  );
}
