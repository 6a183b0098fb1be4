import type { Configuration } from "../../api/configuration.js";

/** Reads a directory once. Rejects when it cannot be read. */
export function loadDirectory(directory: string): Promise<Configuration> {
  return Promise.reject(new Error(directory));
}
