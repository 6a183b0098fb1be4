// Waiting by condition with a deadline: the only way a test waits for another process.

/** Pause between two looks at a condition, in milliseconds. */
const POLL_INTERVAL_MS = 10;

/** How long to wait, and between which looks; both in milliseconds. */
export interface WaitOptions {
  /** Default 30 000. */
  readonly timeoutMs?: number;
  /** Default 10. */
  readonly intervalMs?: number;
  /** Says why waiting further is in vain, for instance because the process has ended. */
  readonly abandonIf?: () => string | undefined;
}

/** Resolves after `ms` milliseconds. Only for pacing a poll or a load, never for hoping. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Polls `condition` until it yields something other than `undefined` or `false` and returns that.
 * A condition that throws counts as "not yet"; the last such error becomes the cause of the failure.
 *
 * @throws Error naming `what` when the deadline passes or `abandonIf` gives a reason.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    const vain = options.abandonIf?.();
    if (vain !== undefined) throw new Error(`${what}: ${vain}`, { cause: lastError });
    if (Date.now() >= deadline) {
      throw new Error(`not within ${String(timeoutMs)} ms: ${what}`, { cause: lastError });
    }
    await pause(options.intervalMs ?? POLL_INTERVAL_MS);
  }
}
