// Bounds in time that checks set, so that they need not wait for those of a real proxy.

/** For the plugin configuration. */
export const HASTY = { frameTimeout: "1s", defaultTimeout: "2s" };

/** After it every frame is late, every request has timed out, and who was refused has been let go. */
export const LATE_MS = 5_000;

/** What a client that was refused may take to read its answer. */
export const LINGER_MS = 2_500;
