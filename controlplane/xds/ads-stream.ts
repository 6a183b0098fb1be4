// One ADS stream: of a proxy, or of a VM of one of its workers, which asks for routes.
import type { DiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import type { Clock } from "../runtime/clock.js";
import type { EncodedResponse } from "./discovery-service.js";
import type { AccessPolicy } from "./access-policy.js";
import type { XdsObserver } from "./observer.js";
import type { PeerIdentity } from "./peer-identity.js";
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  RESOURCE_TYPES,
  ROUTED_TO,
  ROUTES_TYPE,
  type ResourceType,
} from "./resource-type.js";
import type { Resource, ResourceSet, Snapshot } from "./snapshot.js";
import { type StreamNode, streamNode } from "./stream-node.js";
import { type RequestOutcome, Subscription } from "./subscription.js";

/** What a stream needs of the server around it. */
export interface StreamContext {
  readonly clock: Clock;
  readonly observer: XdsObserver;
  readonly access: AccessPolicy;
  /** The newest snapshot for a stream; undefined before the first one. */
  snapshotFor(stream: AdsStream): Snapshot | undefined;
  /** The stream has said who it is. */
  onFirstRequest(stream: AdsStream, node: StreamNode): void;
  /** True while the proxy of this node lacks clusters that routes may name, or their endpoints. */
  isProxyBehind(nodeId: string): boolean;
  /** The node's proxy may have caught up. */
  onProxyProgress(nodeId: string): void;
}

/** The peer is not who it says it is, or has no business here. */
export class AccessDenied extends Error {}

/** Longest wait for an answer about another resource. After it, late is better than never. */
const MAX_HOLD_MS = 5_000;

const TYPES: ReadonlyMap<string, ResourceType> = new Map(
  RESOURCE_TYPES.map((type) => [type.typeUrl, type]),
);

export class AdsStream {
  readonly connectedAt: number;
  /** Undefined until the first request. */
  node: StreamNode | undefined;
  /** By type URL. */
  readonly subscriptions = new Map<string, Subscription>();
  /** Key of what waits -> since when. */
  private readonly heldSince = new Map<string, number>();
  /** Keys of what it asks for and may not have. */
  private denied = new Set<string>();
  private cancelTimer: (() => void) | undefined;
  private isClosed = false;

  /**
   * @param peer address of the other end.
   * @param identity that its certificate gives it; undefined: none.
   * @param write sends a response.
   */
  constructor(
    readonly id: number,
    readonly peer: string,
    readonly identity: PeerIdentity | undefined,
    private readonly context: StreamContext,
    private readonly write: (response: EncodedResponse) => void,
  ) {
    this.connectedAt = context.clock.now();
  }

  /**
   * @throws AccessDenied when the peer may not be here.
   * @throws Error when the request makes no sense; the stream is to be ended with its message.
   */
  onRequest(request: DiscoveryRequest): void {
    const node = this.node ?? streamNode(request);
    if (node === undefined) throw new Error("the first request has no node.id");
    if (this.node === undefined) {
      const refusal = this.context.access.refusalOf(node, this.identity);
      if (refusal !== undefined) throw new AccessDenied(refusal);
      this.node = node;
      this.context.onFirstRequest(this, node);
    }
    const type = TYPES.get(request.typeUrl);
    if (type === undefined || !this.context.access.isServed(type)) {
      // Proxies may ask for types that are not served, such as secrets; silence means "none".
      this.context.observer.onUnknownType(node, request.typeUrl);
      return;
    }
    const outcome = this.subscription(type).onRequest(
      {
        versionInfo: request.versionInfo,
        resourceNames: request.resourceNames,
        responseNonce: request.responseNonce,
        errorMessage: request.errorDetail?.message,
      },
      this.snapshot?.types.get(type.typeUrl),
      this.context.clock.now(),
    );
    this.report(node, type, outcome);
    this.pump();
    if (ROUTED_TO.includes(type)) this.context.onProxyProgress(node.id);
  }

  /** Sends what is due. */
  pump(): void {
    const { node, snapshot } = this;
    if (snapshot === undefined || node === undefined || this.isClosed) return;
    const held = new Set<string>();
    const denied = new Set<string>();
    const isProxyBehind = this.context.isProxyBehind(node.id);
    for (const type of RESOURCE_TYPES) {
      const subscription = this.subscriptions.get(type.typeUrl);
      const set = snapshot.types.get(type.typeUrl);
      if (subscription === undefined || set === undefined) continue;
      const isHeld = (resource: Resource): boolean => {
        if (!this.context.access.mayHave(this.identity, type, resource.name)) {
          this.onDenied(node, type, resource.name, denied);
          return true;
        }
        const requirement =
          type === ROUTES_TYPE
            ? { isMet: !isProxyBehind, isRefused: false }
            : requirementOf(subscription, resource, set);
        if (requirement.isMet || requirement.isRefused) return requirement.isRefused;
        const key = `${type.typeUrl} ${resource.name}`;
        const since = this.heldSince.get(key) ?? this.context.clock.now();
        this.heldSince.set(key, since);
        if (this.context.clock.now() - since >= MAX_HOLD_MS) return false;
        held.add(key);
        return true;
      };
      const response = subscription.next(set, isHeld);
      if (response === undefined) continue;
      this.write({
        versionInfo: response.versionInfo,
        typeUrl: type.typeUrl,
        nonce: response.nonce,
        resources: response.resources,
      });
      this.context.observer.onResponse(node, type, response.resources);
      if (type === CLUSTER_TYPE) {
        this.subscriptions.get(ENDPOINT_TYPE.typeUrl)?.expectAgain(response.replaced);
      }
    }
    this.denied = denied;
    this.scheduleHeld(held);
  }

  /** Told once for as long as it lasts. */
  private onDenied(node: StreamNode, type: ResourceType, name: string, denied: Set<string>): void {
    const key = `${type.typeUrl} ${name}`;
    if (!this.denied.has(key) && !denied.has(key)) this.context.observer.onDenied(node, type, name);
    denied.add(key);
  }

  /** True when everything of this type that the stream subscribes to was sent and answered. */
  isUpToDate(type: ResourceType): boolean {
    const subscription = this.subscriptions.get(type.typeUrl);
    const set = this.snapshot?.types.get(type.typeUrl);
    return subscription === undefined || set === undefined || subscription.isUpToDate(set);
  }

  /** Whether it refuses a resource in the version that it was sent last. */
  refuses(type: ResourceType, name: string): boolean {
    return this.subscriptions.get(type.typeUrl)?.refused.has(name) === true;
  }

  close(): void {
    this.isClosed = true;
    this.cancelTimer?.();
  }

  private get snapshot(): Snapshot | undefined {
    return this.context.snapshotFor(this);
  }

  private subscription(type: ResourceType): Subscription {
    let subscription = this.subscriptions.get(type.typeUrl);
    if (subscription === undefined) {
      subscription = new Subscription(type);
      this.subscriptions.set(type.typeUrl, subscription);
    }
    return subscription;
  }

  private scheduleHeld(held: ReadonlySet<string>): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    for (const key of [...this.heldSince.keys()]) if (!held.has(key)) this.heldSince.delete(key);
    if (held.size === 0) return;
    const since = Math.min(...this.heldSince.values());
    const delayMs = Math.max(0, since + MAX_HOLD_MS - this.context.clock.now());
    this.cancelTimer = this.context.clock.schedule(delayMs, () => {
      this.pump();
    });
  }

  private report(node: StreamNode, type: ResourceType, outcome: RequestOutcome): void {
    const { observer } = this.context;
    if (outcome.kind === "accepted") observer.onAccepted(node, type, outcome.versionInfo);
    if (outcome.kind === "refused") observer.onRefused(node, type, outcome.refusal);
  }
}

/** What needs a resource that the proxy refuses would be refused as well, or do harm: it waits for a better one. */
function requirementOf(
  { accepted, refused }: Subscription,
  { after }: Resource,
  { resources }: ResourceSet,
): { readonly isMet: boolean; readonly isRefused: boolean } {
  const required = after === undefined ? undefined : resources.get(after);
  if (required === undefined) return { isMet: true, isRefused: false };
  const { name, version } = required;
  return { isMet: accepted.get(name) === version, isRefused: refused.get(name) === version };
}
