import type { PeerIdentity } from "./peer-identity.js";
import type { ResourceType } from "./resource-type.js";
import type { StreamNode } from "./stream-node.js";

/** Who may have what. */
export interface AccessPolicy {
  /**
   * Why the stream is to be ended; undefined: it may stay.
   * @param peer undefined: the connection has no TLS, or no certificate of a workload.
   */
  refusalOf(node: StreamNode, peer: PeerIdentity | undefined): string | undefined;
  /** Types that are served to anybody at all; of another one there is nothing. */
  isServed(type: ResourceType): boolean;
  /**
   * Asked for each resource of what is no state of the world before it is sent; one that the peer may not have does not
   * exist for it.
   */
  mayHave(peer: PeerIdentity | undefined, type: ResourceType, name: string): boolean;
}

/** For control planes that only their own machine can reach, or whose network says who can. */
export const EVERYBODY: AccessPolicy = {
  refusalOf: () => undefined,
  isServed: () => true,
  mayHave: () => true,
};
