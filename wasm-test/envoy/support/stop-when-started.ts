// Clean-up of what is still starting when a test's preparation fails.

interface Stoppable {
  stop(): Promise<void>;
}

/**
 * A clean-up for something from the moment its start begins: it waits for the start, and stops what it has
 * brought about. Registered before anything is awaited, nothing outlives a failure of something else.
 */
export function stopWhenStarted(starting: Promise<Stoppable>): () => Promise<void> {
  // A failure is told by whoever waits for the start.
  const settled = starting.catch(() => undefined);
  return async () => {
    await (await settled)?.stop();
  };
}
