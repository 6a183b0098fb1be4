// Serves snapshots to any number of proxies over ADS, the state-of-the-world variant.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
  status,
} from "@grpc/grpc-js";
import type { DiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import { type Clock, systemClock } from "../runtime/clock.js";
import { errorMessage } from "../runtime/error-message.js";
import { type Progress, progressOf } from "./acknowledgements.js";
import { type AccessPolicy, EVERYBODY } from "./access-policy.js";
import { AccessDenied, AdsStream, type StreamContext } from "./ads-stream.js";
import type { StreamNode } from "./stream-node.js";
import { type EncodedResponse, aggregatedDiscoveryService } from "./discovery-service.js";
import type { XdsObserver } from "./observer.js";
import { peerIdentity } from "./peer-identity.js";
import { EXTENSION_CONFIG_TYPE, type ResourceType, ROUTED_TO } from "./resource-type.js";
import type { Snapshot, SnapshotVariants } from "./snapshot.js";
import { type ProxyStatus, proxyStatuses } from "./status.js";

type Call = ServerDuplexStream<DiscoveryRequest, EncodedResponse>;

export interface AdsServerOptions {
  readonly observer: XdsObserver;
  readonly clock?: Clock;
  /** Default: everybody may have everything. */
  readonly access?: AccessPolicy;
  /**
   * When a connection is ended, so that its peer comes back with its present certificate, maybe to another replica.
   * Milliseconds, with up to 10 % of jitter; default: never.
   */
  readonly maxConnectionAgeMs?: number;
}

/** A stream whose peer is gone without a word is closed after the sum of both. */
const KEEPALIVE_INTERVAL_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Streams never end by themselves. */
const AGE_GRACE_MS = 1_000;

/** A proxy with thousands of clusters names them all in each request for endpoints. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

export class AdsServer {
  private readonly server: Server;
  private readonly calls = new Map<AdsStream, Call>();
  private readonly streamsByNode = new Map<string, Set<AdsStream>>();
  private readonly observer: XdsObserver;
  private readonly context: StreamContext;
  private current: Snapshot | undefined;
  private variants: SnapshotVariants | undefined;
  private streamCount = 0;
  private changes = 0;

  constructor(options: AdsServerOptions) {
    this.observer = options.observer;
    const { maxConnectionAgeMs } = options;
    this.server = new Server({
      "grpc.keepalive_time_ms": KEEPALIVE_INTERVAL_MS,
      "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
      "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
      "grpc.max_send_message_length": -1,
      ...(maxConnectionAgeMs !== undefined && {
        "grpc.max_connection_age_ms": maxConnectionAgeMs,
        "grpc.max_connection_age_grace_ms": AGE_GRACE_MS,
      }),
    });
    this.context = {
      clock: options.clock ?? systemClock,
      observer: options.observer,
      access: options.access ?? EVERYBODY,
      snapshotFor: (stream) => this.snapshotFor(stream),
      isProxyBehind: (nodeId) => this.isProxyBehind(nodeId),
      onFirstRequest: (stream, node) => {
        this.onFirstRequest(stream, node);
      },
      onProxyProgress: (nodeId) => {
        this.onProxyProgress(nodeId);
      },
    };
    const implementation: UntypedServiceImplementation = {
      StreamAggregatedResources: (call: Call) => {
        this.onStream(call);
      },
    };
    this.server.addService(aggregatedDiscoveryService, implementation);
  }

  /**
   * Listens on `host:port` and returns the port.
   * @param credentials default: no TLS.
   * @throws Error when it cannot.
   */
  listen(address: string, credentials = ServerCredentials.createInsecure()): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  /** Undefined before the first one. */
  get snapshot(): Snapshot | undefined {
    return this.current;
  }

  /**
   * Every stream gets what is new for it.
   * @param variants tells what a proxy gets instead; default: all get the same.
   */
  setSnapshot(snapshot: Snapshot, variants?: SnapshotVariants): void {
    this.changes++;
    this.current = snapshot;
    this.variants = variants;
    for (const stream of this.calls.keys()) stream.pump();
  }

  get connectedProxies(): number {
    return this.streamsByNode.size;
  }

  /** Those that keep what they had because they refuse the newest version of something. */
  refusingStreams({ typeUrl }: ResourceType): number {
    let count = 0;
    for (const { subscriptions } of this.calls.keys())
      if ((subscriptions.get(typeUrl)?.refused.size ?? 0) > 0) count++;
    return count;
  }

  /** Connected proxies. */
  proxies(): ProxyStatus[] {
    return proxyStatuses(this.calls.keys(), this.current);
  }

  /** Of modules, by their names in proxies: the nodes that run them, as far as they are connected here. */
  runningPlugins(): ReadonlyMap<string, ReadonlySet<string>> {
    const running = new Map<string, Set<string>>();
    for (const { node } of this.calls.keys()) {
      if (node?.plugin === undefined) continue;
      const nodes = running.get(node.plugin) ?? new Set<string>();
      running.set(node.plugin, nodes.add(node.id));
    }
    return running;
  }

  /** How far connected proxies are with the resources of a type that they ask for by name. */
  progress(type: ResourceType): Progress {
    return progressOf(this.calls.keys(), type, this.current);
  }

  /** While this is the same, so is everything that is told of proxies. */
  get changeCount(): number {
    return this.changes;
  }

  /** True when a proxy refuses the newest version of a resource and none has accepted it. */
  isRefused({ typeUrl }: ResourceType, name: string): boolean {
    const version = this.current?.types.get(typeUrl)?.resources.get(name)?.version;
    if (version === undefined) return false;
    let isRefused = false;
    for (const { subscriptions } of this.calls.keys()) {
      const subscription = subscriptions.get(typeUrl);
      if (subscription?.accepted.get(name) === version) return false;
      isRefused ||= subscription?.refused.get(name) === version;
    }
    return isRefused;
  }

  /** Ends all streams, so that proxies reconnect at once elsewhere, and stops listening. */
  async stop(graceMs = 1_000): Promise<void> {
    for (const call of this.calls.values()) call.end();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.server.forceShutdown();
        resolve();
      }, graceMs);
      this.server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private onStream(call: Call): void {
    const peer = call.getPeer();
    const { subjectaltname } = call.getAuthContext().sslPeerCertificate ?? {};
    const identity = peerIdentity(subjectaltname);
    const stream = new AdsStream(++this.streamCount, peer, identity, this.context, (response) => {
      call.write(response);
    });
    this.calls.set(stream, call);
    const close = (): void => {
      this.onClosed(stream);
    };
    call.on("data", (request: DiscoveryRequest) => {
      if (!this.calls.has(stream)) return;
      this.changes++;
      try {
        stream.onRequest(request);
      } catch (error) {
        const reason = errorMessage(error);
        this.observer.onBadRequest(peer, reason);
        close();
        const isDenied = error instanceof AccessDenied;
        const code = isDenied ? status.PERMISSION_DENIED : status.INVALID_ARGUMENT;
        call.emit("error", { code, details: reason });
      }
    });
    call.on("end", () => {
      close();
      call.end();
    });
    call.on("cancelled", close);
    call.on("close", close);
    call.on("error", close);
  }

  /** Modules are given routes only, which are the same in all variants. */
  private snapshotFor(stream: AdsStream): Snapshot | undefined {
    const { current, variants } = this;
    const { node } = stream;
    if (current === undefined || variants === undefined || node?.role !== "proxy") return current;
    const { id, labels } = node;
    const refuses = (name: string): boolean => stream.refuses(EXTENSION_CONFIG_TYPE, name);
    return variants({ id, labels, refuses });
  }

  /** True while the proxy itself, if it is connected here, lacks clusters or endpoints of the newest snapshot. */
  private isProxyBehind(nodeId: string): boolean {
    for (const stream of this.streamsByNode.get(nodeId) ?? []) {
      if (stream.node?.role !== "proxy") continue;
      if (!ROUTED_TO.every((type) => stream.isUpToDate(type))) return true;
    }
    return false;
  }

  private onProxyProgress(nodeId: string): void {
    for (const stream of this.streamsByNode.get(nodeId) ?? []) {
      if (stream.node?.role === "module") stream.pump();
    }
  }

  private onFirstRequest(stream: AdsStream, node: StreamNode): void {
    const siblings = this.streamsByNode.get(node.id);
    if (siblings === undefined) this.streamsByNode.set(node.id, new Set([stream]));
    else siblings.add(stream);
    this.observer.onConnected(node, stream.peer);
  }

  private onClosed(stream: AdsStream): void {
    if (!this.calls.delete(stream)) return;
    this.changes++;
    stream.close();
    const { node, peer } = stream;
    if (node !== undefined) {
      const siblings = this.streamsByNode.get(node.id);
      siblings?.delete(stream);
      if (siblings?.size === 0) this.streamsByNode.delete(node.id);
      // Modules do not wait for a proxy that is gone.
      this.onProxyProgress(node.id);
    }
    this.observer.onDisconnected(node, peer);
  }
}
