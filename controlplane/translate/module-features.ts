// What the modules of this package can do. A module refuses routes that ask for more, so nothing else is sent to
// them; what users write of it has no effect, with a warning.
//
// Whoever adds a filter or a feature to the modules adds it here.
import type { FilterKind } from "../ir/filter.js";

/** What routes and clusters may say beside filters. */
export type EngineFeature =
  | "retryPolicy"
  | "mirrors"
  | "hashPolicy"
  | "outlierDetection"
  /** Operators such as `%ATTR(x)%` in the values of mutations. */
  | "mutationOperators";

export interface ModuleFeatures {
  readonly filters: ReadonlySet<FilterKind>;
  readonly engine: ReadonlySet<EngineFeature>;
}

export const SHIPPED_FEATURES: ModuleFeatures = {
  filters: new Set<FilterKind>([]),
  engine: new Set<EngineFeature>([]),
};

export const NOT_APPLIED = "not applied by this version";
