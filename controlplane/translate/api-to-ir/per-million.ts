/** Of 0 to 100 percent; nothing above 0 becomes "never". */
export function perMillion(percentage: number): number {
  return percentage === 0 ? 0 : Math.max(1, Math.round(percentage * 10_000));
}
