// How modules come from elsewhere, for those who hand them out.
import { Option } from "commander";
import type { FetchingOptions } from "../server/fetched-modules.js";
import { durationMs } from "./options.js";
import { dockerConfigOption, plainHttpOption } from "./registry-options.js";

export interface FetchFlags {
  readonly moduleCache?: string;
  readonly moduleInterval: number;
  readonly plainHttp: boolean;
  readonly dockerConfig?: string;
}

export function fetchOptions(): readonly Option[] {
  return [
    new Option(
      "--module-cache <dir>",
      "what was fetched of modules (default: in the user's caches)",
    ),
    new Option("--module-interval <duration>", "how often tags are asked that are to be followed")
      .argParser(durationMs)
      .default(60_000, "1m"),
    plainHttpOption(),
    dockerConfigOption(),
  ];
}

export function fetchingOf(flags: FetchFlags): FetchingOptions {
  const { moduleCache, moduleInterval, dockerConfig, plainHttp } = flags;
  return {
    ...(moduleCache !== undefined && { cacheDirectory: moduleCache }),
    intervalMs: moduleInterval,
    dockerConfig,
    isPlainHttp: plainHttp,
  };
}
