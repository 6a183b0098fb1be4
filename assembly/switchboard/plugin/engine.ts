// Puts the parts of the switchboard together for one plugin configuration of one worker.
// Allocates: at configuration, and connection objects on growth.
// Next: switchboard/downstream/downstream-connection.ts
import { Codec, ConnectionMode } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Message } from "../../codec/message";
import { PointerVector } from "../../containers/pointer-vector";
import { Random } from "../../containers/random";
import { StreamContext } from "../../proxy-wasm-as/context/stream-context";
import { setTickPeriod } from "../../proxy-wasm-as/host/timer";
import { installedFilter, installedFilters } from "../../filter/installed";
import { clock, REST_TICK_MS, TICK_MS } from "../clock";
import { PluginConfiguration } from "../config/plugin-configuration";
import { Connection } from "../connection/connection";
import { isAnyClosing } from "../connection/flush-list";
import { postWork } from "../connection/posted-work";
import { ConnectionRegistry } from "../downstream/connection-registry";
import { DownstreamConnection } from "../downstream/downstream-connection";
import { RequestSource } from "../router/request-source";
import { RouteBinding } from "../router/route-binding";
import { Router } from "../router/router";
import { Stream } from "../stream/stream";
import { stats } from "../telemetry/stats";
import { Clusters } from "../upstream/clusters";
import { Dialer, takeDialing } from "../upstream/dialer";
import { Pool } from "../upstream/pool";
import { PoolHost } from "../upstream/pool-host";
import { ResponseSink } from "../upstream/response-sink";
import { ConnectionOwner, UpstreamConnection } from "../upstream/upstream-connection";
import { RouteBindings } from "./route-bindings";

const MAINTENANCE_MS: u64 = 1000;
const DISCOVERY_TICK_MS: u64 = 100;
/** Without a request for so long a worker rests. */
const REST_AFTER_MS: u64 = 1000;
/** Dials in one VM call; the others follow in the next. */
const MAX_DIALS: u32 = 64;

class EngineSink extends ResponseSink {
  constructor(private readonly engine: Engine) {
    super();
  }

  override onResponse(stream: Stream, message: Message): void {
    this.engine.router.onResponse(stream, message);
  }

  override onStreamFrame(stream: Stream, message: Message): void {
    this.engine.router.open.onServerFrame(stream, message);
  }

  override onPush(source: usize, message: Message): void {
    this.engine.router.dedicated.onServerPush(changetype<RequestSource>(source), message);
  }

  override onDedicatedLost(source: usize): void {
    this.engine.router.dedicated.onLost(changetype<RequestSource>(source));
  }

  override onStreamFailed(stream: Stream, failure: ErrorKind): void {
    this.engine.router.onStreamFailed(stream, failure);
  }

  override onAbandonedEnd(stream: Stream): void {
    this.engine.router.onAbandonedEnd(stream);
  }

  override onConnectionDeleted(connection: Connection): void {
    this.engine.dialer.give(changetype<UpstreamConnection>(connection));
  }

  override finish(): void {
    this.engine.router.finish();
  }
}

class EnginePoolHost extends PoolHost {
  constructor(private readonly engine: Engine) {
    super();
  }

  override requestDials(pool: ConnectionOwner): void {
    this.engine.requestDials(changetype<Pool>(pool));
  }

  override sendPending(
    stream: Stream,
    pool: ConnectionOwner,
    connection: UpstreamConnection,
  ): void {
    this.engine.router.sender.sendPending(stream, changetype<Pool>(pool), connection);
  }

  override onPendingFailed(stream: Stream, failure: ErrorKind): void {
    this.engine.router.onStreamFailed(stream, failure);
  }
}

class EngineRegistry extends ConnectionRegistry {
  constructor(private readonly engine: Engine) {
    super();
  }

  override wake(): void {
    this.isResting = false;
    this.engine.wake();
  }

  override bind(namePtr: usize, nameLen: u32): RouteBinding | null {
    return this.engine.bindings.bind(namePtr, nameLen);
  }

  override watch(connection: RequestSource): void {
    this.engine.incomplete.push(changetype<usize>(connection));
  }

  override linger(connection: RequestSource): void {
    this.engine.lingering.push(changetype<usize>(connection));
  }

  override give(connection: RequestSource): void {
    this.engine.lingering.remove(changetype<usize>(connection));
    this.engine.unused.push(changetype<DownstreamConnection>(connection));
  }
}

export class Engine {
  readonly router!: Router;
  readonly dialer!: Dialer;
  readonly bindings!: RouteBindings;
  readonly unused: Array<DownstreamConnection> = new Array<DownstreamConnection>();
  /** Refused connections whose clients may still be sending. */
  readonly lingering: PointerVector = new PointerVector();
  /** Connections whose last read ended within a frame. */
  readonly incomplete: PointerVector = new PointerVector();
  private readonly clusters!: Clusters;
  private readonly registry!: EngineRegistry;
  /** One for all connections: only one frame is decoded at a time. */
  private readonly message: Message = new Message();
  private readonly dialQueue: PointerVector = new PointerVector();
  private readonly startMs: u64;
  private maintainedMs: u64 = 0;
  /** When there was last something to do, and the requests until then. */
  private busyMs: u64 = 0;
  private seenRequests: u64 = 0;
  private discoveredMs: u64 = 0;

  constructor(
    private readonly codec: Codec,
    private readonly configuration: PluginConfiguration,
    readonly contextId: u32,
    /** The shared queue by which its plugin context can be called. */
    readonly queue: u32,
    seed: u64,
  ) {
    this.startMs = clock.nowMs;
    const limits = configuration.limits;
    const host = new EnginePoolHost(this);
    const isExclusive = configuration.connectionMode == ConnectionMode.Exclusive;
    host.maxRequestsPerConnection = isExclusive ? 1 : limits.maxRequestsPerUpstreamConnection;
    host.isDedicated = configuration.connectionMode == ConnectionMode.Dedicated;
    host.connectTimeoutMs = configuration.connectTimeoutMs;
    host.heartbeatMs = configuration.upstreamHeartbeatMs;
    host.idleTimeoutMs = configuration.upstreamIdleTimeoutMs;
    host.frameTimeoutMs = configuration.frameTimeoutMs;
    this.router = new Router(codec, configuration, seed);
    this.registry = new EngineRegistry(this);
    this.clusters = new Clusters(limits, host);
    this.dialer = new Dialer(
      codec,
      configuration.connectionMode,
      new EngineSink(this),
      limits.maxFrameBytes,
      String.UTF8.decode(configuration.dialCluster),
      contextId,
    );
    const jitter = new Random();
    jitter.seed(seed ^ 0x5bd1e995);
    this.bindings = new RouteBindings(
      codec,
      configuration,
      this.clusters,
      this.router,
      jitter,
      contextId,
    );
  }

  /** Upstream while a dial is under way, downstream otherwise. */
  createStreamContext(id: u32): StreamContext {
    const dialled = takeDialing();
    if (dialled !== null) return dialled;
    const connection = this.takeDownstream();
    connection.prepare(id);
    return connection;
  }

  private takeDownstream(): DownstreamConnection {
    if (this.unused.length > 0) return this.unused.pop();
    return new DownstreamConnection(
      this.codec,
      this.message,
      this.router,
      this.registry,
      this.configuration.limits,
    );
  }

  requestDials(pool: Pool): void {
    if (!pool.isDialRequested) {
      pool.isDialRequested = true;
      this.dialQueue.push(changetype<usize>(pool));
    }
    postWork();
  }

  /** On a clean stack, before anything is written. */
  runDials(): void {
    // The posted call that closes them dials afterwards: there is room for as many connections then.
    if (isAnyClosing()) return;
    let dials: u32 = 0;
    while (this.dialQueue.length > 0) {
      const pool = changetype<Pool>(this.dialQueue.pop());
      pool.isDialRequested = false;
      for (let wanted = pool.dialsDue(); wanted > 0; wanted--) {
        if (dials == MAX_DIALS) {
          this.requestDials(pool);
          return;
        }
        dials++;
        if (!this.dialer.dial(pool)) break;
      }
    }
  }

  /** Each TICK_MS, with a clock that was just read. */
  onTick(): void {
    const now = clock.nowMs;
    this.runDials();
    this.bindings.advance();
    this.router.timers.advanceTo((now - this.startMs) / TICK_MS);
    if (now - this.discoveredMs >= DISCOVERY_TICK_MS) {
      this.discoveredMs = now;
      this.bindings.onTick();
    }
    if (now - this.maintainedMs >= MAINTENANCE_MS) {
      this.maintainedMs = now;
      this.clusters.maintain();
      this.endLateFrames();
    }
    this.endLingering();
    this.rest(now);
  }

  /** Without anything that waits for a tick they need not come often. */
  private rest(now: u64): void {
    if (this.isBusy) {
      this.seenRequests = stats.downstreamRqTotal;
      this.busyMs = now;
      if (!this.registry.isResting) return;
      this.registry.isResting = false;
      // While routes are read ticks come as often as that wants them.
      if (!this.bindings.isBusy) setTickPeriod(TICK_MS);
    } else if (!this.registry.isResting && now - this.busyMs >= REST_AFTER_MS) {
      this.registry.isResting = true;
      setTickPeriod(REST_TICK_MS);
    }
  }

  private get isBusy(): bool {
    if (stats.downstreamRqTotal != this.seenRequests || stats.downstreamRqActive > 0) return true;
    if (this.router.timers.active > 0 || this.lingering.length > 0) return true;
    if (this.bindings.isBusy) return true;
    for (let i: u32 = 0; i < installedFilters(); i++) {
      if (installedFilter(i).needsTicks) return true;
    }
    return false;
  }

  /** A client says something after a rest: what is measured from now on begins now. */
  wake(): void {
    clock.read();
    this.router.timers.advanceTo((clock.nowMs - this.startMs) / TICK_MS);
    setTickPeriod(TICK_MS);
  }

  private endLateFrames(): void {
    const timeoutMs = this.configuration.frameTimeoutMs;
    for (let i = this.incomplete.length; i > 0; i--) {
      const connection = changetype<DownstreamConnection>(this.incomplete.at(i - 1));
      if (connection.endLateFrame(timeoutMs > 0 ? <u64>timeoutMs : u64.MAX_VALUE)) {
        this.incomplete.removeAt(i - 1);
      }
    }
  }

  private endLingering(): void {
    for (let i = this.lingering.length; i > 0; i--) {
      const connection = changetype<DownstreamConnection>(this.lingering.at(i - 1));
      if (connection.endLinger()) this.lingering.removeAt(i - 1);
    }
  }
}
