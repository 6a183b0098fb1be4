import type { Fault } from "./fault.js";
import type { Resource } from "./kinds.js";

/** All resources at one moment, as a store hands them to the translation. */
export interface Configuration {
  /** In the order of their files and of their places in them; identities are unique. */
  readonly resources: readonly Resource[];
  /** What was refused; of a refused resource the last good version, if any, is in `resources`. */
  readonly faults: readonly Fault[];
  /** What was accepted but is probably not meant so, or has no effect. */
  readonly warnings: readonly Fault[];
}
