// The plugin context of every module: reads the configuration, and passes on what the host tells.
// Allocates: at configuration.
import { Codec } from "../../codec/codec";
import { BufferType, LogLevel, Status } from "../../proxy-wasm-as/abi/enums";
import { PluginContext } from "../../proxy-wasm-as/context/plugin-context";
import { StreamContext } from "../../proxy-wasm-as/context/stream-context";
import { endGauges, flushCounters } from "../../filter/counter";
import { setFilterHost } from "../../filter/filter-host";
import { installedFilter, installedFilters } from "../../filter/installed";
import { getBuffer } from "../../proxy-wasm-as/host/buffers";
import { nowNanoseconds } from "../../proxy-wasm-as/host/clock";
import { log } from "../../proxy-wasm-as/host/log";
import { randomU64 } from "../../proxy-wasm-as/host/random";
import { registerSharedQueue, sharedQueueStatus } from "../../proxy-wasm-as/host/shared-queue";
import { setTickPeriod } from "../../proxy-wasm-as/host/timer";
import { collectGarbageAfterTick } from "../../proxy-wasm-as/memory/collect";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { clock, TICK_MS } from "../clock";
import { configureCodec } from "../config/codec-configuration";
import { decodePluginConfiguration, PluginConfiguration } from "../config/plugin-configuration";
import { Faults } from "../config/faults";
import { closeFlushed, releaseDeferred } from "../connection/flush-list";
import { memoryBudget } from "../connection/memory-budget";
import { beginPostedWork, isPostedWork, openPostedWork, postWork } from "../connection/posted-work";
import { defineStats, flushStats, stats } from "../telemetry/stats";
import { seedPools } from "../upstream/pool";
import { Engine } from "./engine";
import { EngineFilterHost } from "./engine-filter-host";

const STATS_MS: u64 = 1000;

const filters = new EngineFilterHost();

/** Of all plugin contexts of this VM: a changed configuration makes a new one, the old one lives on for its connections. */
const engines: Array<Engine> = new Array<Engine>();
let flushedMs: u64 = 0;

/** Takes the gauges that nobody keeps. */
function gauge(): void {
  stats.memoryBytes = (<u64>memory.size()) << 16;
  stats.bufferedBytes = memoryBudget.used;
  let timers: u64 = 0;
  for (let i = 0; i < engines.length; i++) timers += unchecked(engines[i]).router.timers.active;
  stats.timersActive = timers;
}

function finishAll(): void {
  for (let i = 0; i < engines.length; i++) unchecked(engines[i]).router.finish();
}

function receiveForFilter(token: u32, size: u32): bool {
  for (let i: u32 = 0; i < installedFilters(); i++) {
    if (installedFilter(i).onGrpcReceive(token, size)) return true;
  }
  return false;
}

function closeForFilter(token: u32, status: u32): bool {
  for (let i: u32 = 0; i < installedFilters(); i++) {
    if (installedFilter(i).onGrpcClose(token, status)) return true;
  }
  return false;
}

export class SwitchboardPlugin extends PluginContext {
  private engine: Engine | null = null;

  constructor(
    private readonly codec: Codec,
    protocol: string,
  ) {
    super();
    filters.protocol = protocol;
    setFilterHost(filters);
  }

  override onConfigure(size: u32): bool {
    const isRead = size > 0 && getBuffer(BufferType.PluginConfiguration, 0, size) == Status.Ok;
    const faults = new Faults();
    const length: u32 = isRead ? bytesLen : 0;
    const ptr = bytesPtr;
    configureCodec(ptr, length, this.codec, faults);
    // Filters that are configured with a table know it by then.
    if (this.codec.protocol.length > 0) filters.protocol = this.codec.protocol;
    let configuration: PluginConfiguration | null = null;
    if (faults.count == 0) {
      configuration = decodePluginConfiguration(ptr, length, this.codec, faults);
    }
    if (configuration === null) {
      log(LogLevel.Error, "metaproto: the plugin configuration is refused: " + faults.text());
      return false;
    }
    // Random as well as the time, which workers that start together may read alike: a queue that two
    // of them register is only one's.
    filters.contextId = this.id;
    const seed = randomU64() ^ nowNanoseconds();
    const token = registerSharedQueue("metaproto." + filters.protocol + "." + seed.toString());
    if (sharedQueueStatus != Status.Ok) {
      log(LogLevel.Error, "metaproto: cannot register a shared queue");
      return false;
    }
    openPostedWork(token);
    clock.start();
    seedPools(seed);
    filters.seed(seed ^ 0x2545f491);
    memoryBudget.limit = configuration.limits.maxBufferedBytes;
    defineStats(filters.protocol);
    const engine = new Engine(this.codec, configuration, this.id, token, seed);
    this.engine = engine;
    engines.push(engine);
    setTickPeriod(TICK_MS);
    collectGarbageAfterTick();
    return true;
  }

  override createStreamContext(id: u32): StreamContext | null {
    const engine = this.engine;
    return engine === null ? null : engine.createStreamContext(id);
  }

  override onQueueReady(token: u32): void {
    if (!isPostedWork(token)) return;
    beginPostedWork();
    releaseDeferred();
    if (closeFlushed()) {
      // The host closes when this call has ended, or in the middle of a dial's nested callbacks: dial
      // in the next call. Then what is closed makes room below the cluster's circuit breaker as well.
      postWork();
    } else {
      for (let i = 0; i < engines.length; i++) unchecked(engines[i]).runDials();
    }
    finishAll();
  }

  override onTick(): void {
    const engine = this.engine;
    if (engine === null) return;
    clock.read();
    engine.onTick();
    if (engine === engines[0]) this.tickFilters();
    engine.router.finish();
    if (clock.nowMs - flushedMs < STATS_MS) return;
    flushedMs = clock.nowMs;
    gauge();
    flushStats();
    flushCounters();
  }

  private tickFilters(): void {
    for (let i: u32 = 0; i < installedFilters(); i++) installedFilter(i).onTick(clock.nowMs);
  }

  override onHttpCallResponse(token: u32, headers: u32, bodySize: u32, trailers: u32): void {
    const engine = this.engine;
    if (engine !== null) engine.dialer.onDialEnded(token);
  }

  override onGrpcReceive(token: u32, size: u32): void {
    const engine = this.engine;
    if (engine === null) return;
    if (!receiveForFilter(token, size)) engine.bindings.onGrpcReceive(token, size);
    finishAll();
  }

  override onGrpcClose(token: u32, status: u32): void {
    const engine = this.engine;
    if (engine === null) return;
    if (!closeForFilter(token, status)) engine.bindings.onGrpcClose(token);
    finishAll();
  }

  override onDelete(): void {
    const engine = this.engine;
    if (engine === null) return;
    engine.router.close();
    const index = engines.indexOf(engine);
    if (index >= 0) engines.splice(index, 1);
    this.engine = null;
    if (engines.length == 0) {
      // The sums over all VMs keep what this one has counted, but not what it holds.
      stats.memoryBytes = 0;
      stats.bufferedBytes = 0;
      stats.timersActive = 0;
      endGauges();
      flushStats();
      flushCounters();
      return;
    }
    filters.contextId = engines[engines.length - 1].contextId;
    // The queue went with this context: another one takes over, and whatever was posted.
    openPostedWork(engines[engines.length - 1].queue);
    postWork();
  }
}
