import type { StreamNode } from "./stream-node.js";
import type { ResourceType } from "./resource-type.js";
import type { Resource } from "./snapshot.js";
import type { Refusal } from "./subscription.js";

/** Told of what happens on the streams; for logs and metrics. Must not throw. */
export interface XdsObserver {
  onConnected(node: StreamNode, peer: string): void;
  /** @param node undefined: it never said who it is. */
  onDisconnected(node: StreamNode | undefined, peer: string): void;
  onResponse(node: StreamNode, type: ResourceType, resources: readonly Resource[]): void;
  onAccepted(node: StreamNode, type: ResourceType, versionInfo: string): void;
  onRefused(node: StreamNode, type: ResourceType, refusal: Refusal): void;
  onUnknownType(node: StreamNode, typeUrl: string): void;
  /** It asks for what it may not have, and does not get it. */
  onDenied(node: StreamNode, type: ResourceType, name: string): void;
  /** The stream was ended because of what it sent. */
  onBadRequest(peer: string, reason: string): void;
}
