// Which protocols have a place for what mutations set.
import type { MutationFault } from "./routes.js";

const SUPPORT: Readonly<Record<string, MutationFault>> = {
  line: { extent: "never", message: "no message of the protocol has a place for it" },
  thrift: {
    extent: "sometimes",
    message:
      "only messages of the transport THeader have a place for it; others pass as they are, counted as `mutation_skipped`",
  },
};

/** Undefined: nothing is in the way, as far as is known. */
export function mutationFaultOf(module: string | undefined): MutationFault | undefined {
  return module !== undefined && Object.hasOwn(SUPPORT, module) ? SUPPORT[module] : undefined;
}
