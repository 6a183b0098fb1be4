const UNIT_NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
/** What `parseDurationMs` reads, as a pattern of the whole text. */
export const DURATION_PATTERN = "^(0|((\\d+\\.?\\d*|\\.\\d+)(ns|us|µs|μs|ms|s|m|h))+)$";

const TERM = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * Reads a duration as Go writes them and as Istio and Aeraki expect them: `1h30m`, `1.5s`, `100ms`, `0`.
 * @returns milliseconds, not rounded; undefined: not a duration, or a negative one.
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  let nanoseconds = 0;
  let offset = 0;
  while (offset < text.length) {
    TERM.lastIndex = offset;
    const match = TERM.exec(text);
    if (match === null) return undefined;
    nanoseconds += Number(match[1]) * (UNIT_NANOSECONDS[match[2] ?? ""] ?? Number.NaN);
    offset = TERM.lastIndex;
  }
  return offset > 0 && Number.isFinite(nanoseconds) ? nanoseconds / 1e6 : undefined;
}
