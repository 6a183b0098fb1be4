// What a check has to say when it fails.

/** Where it is, what should have been there and what was. */
export interface Failure {
  /** A recorded frame's name, or what was sent in its place. */
  readonly frame: string;
  /** In bytes from the frame's start, or from the start of what came out. */
  readonly offset?: number;
  readonly expected: string;
  readonly seen: string;
}

/** Thrown within a check; the check goes on with the next frame. */
export class CheckFailure extends Error {
  constructor(readonly failure: Failure) {
    super(`${failure.frame}: expected ${failure.expected}, saw ${failure.seen}`);
  }
}

export function fail(frame: string, expected: string, seen: string, offset?: number): never {
  throw new CheckFailure({ frame, expected, seen, ...(offset !== undefined && { offset }) });
}

const SHOWN_BYTES = 12;

/** A few bytes from `at` on, and how many there are. */
export function shown(bytes: Uint8Array, at = 0): string {
  if (bytes.length === 0) return "nothing";
  const part = Buffer.from(bytes.subarray(at, at + SHOWN_BYTES)).toString("hex");
  const more = at + SHOWN_BYTES < bytes.length ? "..." : "";
  const place = at === 0 ? "" : ` at ${at}`;
  return `${part === "" ? "the end" : part}${more}${place} (${bytes.length} bytes)`;
}

/** @throws CheckFailure at the first byte that differs. */
export function expectBytes(
  frame: string,
  what: string,
  expected: Uint8Array,
  seen: Uint8Array,
): void {
  const offset = firstDifference(expected, seen);
  if (offset === undefined) return;
  fail(frame, `${what}: ${shown(expected, offset)}`, shown(seen, offset), offset);
}

/** Undefined: they are the same. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (a.length === b.length && Buffer.compare(a, b) === 0) return undefined;
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  return at;
}
