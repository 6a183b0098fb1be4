import type { Configuration } from "../../api/configuration.js";
import { ConfigurationFiles } from "./configuration-files.js";

/** Reads a directory once. Rejects when it cannot be read. */
export async function loadDirectory(directory: string): Promise<Configuration> {
  const files = new ConfigurationFiles(directory, 0);
  await files.scan({ nowMs: Date.now(), onDirectory: () => undefined });
  return files.configuration();
}
