// Which protocols have a place for what mutations set.
import type { Protocol } from "../../ir/protocol.js";
import type { MutationFault } from "./routes.js";

const SUPPORT: Readonly<Record<string, MutationFault>> = {
  awesomerpc: { extent: "never", message: "no message of the protocol has a place for it" },
  line: { extent: "never", message: "no message of the protocol has a place for it" },
  redis: { extent: "never", message: "no command or reply of the protocol has a place for it" },
  thrift: {
    extent: "sometimes",
    message:
      "only messages of the transport THeader have a place for it; others pass as they are, counted as `mutation_skipped`",
  },
};

const DESCRIBED_WITHOUT: MutationFault = {
  extent: "never",
  message: "the protocol's `frame` has no `mutations`: no message has a place for it",
};

/** Undefined: nothing is in the way, as far as is known. */
export function mutationFaultOf(protocol: Protocol | undefined): MutationFault | undefined {
  if (protocol?.isImmutable === true) return DESCRIBED_WITHOUT;
  const module = protocol?.module;
  return module !== undefined && Object.hasOwn(SUPPORT, module) ? SUPPORT[module] : undefined;
}
