// The host as a test sees it: one Envoy with workers, clusters, a clock, and clients that connect.

import { newSplitter, type Chunking } from "./chunking.js";
import type { Client } from "./client.js";
import { EventLoop } from "./event-loop.js";
import { OK_UPSTREAM, type HttpExchange, type HttpUpstream } from "./http-exchange.js";
import type { HttpMessage } from "./http-message.js";
import type { ForeignFunction } from "./hostcalls/foreign.js";
import type { LogEntry } from "./hostcalls/log.js";
import { LogLevel } from "./abi-values.js";
import { MetricStore } from "./metrics.js";
import { mergeProperties, portOf, type PropertyMap } from "./property-tree.js";
import { seededRandom } from "./random.js";
import type { PluginOptions } from "./root-context.js";
import { HostRuleViolation, type SurvivableRule } from "./rules.js";
import { SharedData } from "./shared-data.js";
import { SharedQueues } from "./shared-queue.js";
import { Upstreams, type ClusterOptions } from "./upstreams.js";
import type { Vm } from "./vm.js";
import { Worker, type EnvoyVersion } from "./worker.js";

export interface TestHostOptions {
  /** The module, compiled or as bytes. */
  readonly module: WebAssembly.Module | Uint8Array;
  /** What the module reads as plugin configuration. Default: nothing. */
  readonly pluginConfiguration?: string | Uint8Array;
  readonly vmConfiguration?: string | Uint8Array;
  /** Property plugin_name. Default: "metaproto". */
  readonly pluginName?: string;
  readonly rootId?: string;
  readonly vmId?: string;
  /** When the internal listener has a plugin of its own: its root_id and configuration. Default: the same plugin. */
  readonly upstreamPlugin?: {
    readonly rootId: string;
    readonly configuration: string | Uint8Array;
  };
  /** Clusters by name: TCP endpoints, the internal listener, HTTP or gRPC servers. */
  readonly clusters?: Readonly<Record<string, ClusterOptions>>;
  /** Worker threads, each with a VM of its own. Default: 1. */
  readonly workers?: number;
  /** Properties of every context, root contexts included; laid over xds.node and the like. */
  readonly properties?: PropertyMap;
  /** How the bytes of clients and servers are cut into reads. Default: each write is one read. */
  readonly chunking?: Chunking;
  /** Nanoseconds since the epoch at the start. Default: 2026-01-01T00:00:00Z. */
  readonly startNs?: bigint;
  /** For everything random: endpoints, wasi random_get. Default: 1. */
  readonly seed?: number;
  /** per_connection_buffer_limit_bytes. Default: 1 MiB, as Envoy's. */
  readonly bufferLimitBytes?: number;
  /** Behave as this Envoy where versions differ. Default: "1.40". */
  readonly envoy?: EnvoyVersion;
  /** Rules the module is meant to break, such as "request-echoed" for one that lets echo return requests. */
  readonly permit?: readonly SurvivableRule[];
  /** Level that get_log_level gives. Default: Info. Everything is recorded whatever it is. */
  readonly logLevel?: number;
  readonly foreignFunctions?: Readonly<Record<string, ForeignFunction>>;
  /** Default: fail over 64 continues to downstream connections in one VM call, warn over 32, fail over 200 nested calls. */
  readonly limits?: Partial<{ maxContinues: number; warnContinues: number; maxNesting: number }>;
}

export interface ConnectOptions {
  /** xds.listener_metadata.filter_metadata: namespace -> key -> value. */
  readonly listenerMetadata?: PropertyMap;
  /** "ip:port". Default: a port counted up. */
  readonly sourceAddress?: string;
  /** "ip:port", the original destination behind a redirect. Default: 127.0.0.1:10000. */
  readonly destinationAddress?: string;
  /** Anything else, laid over the rest: { connection: { mtls: true } }. */
  readonly properties?: PropertyMap;
  /** Index of the worker that accepts. Default: 0. */
  readonly worker?: number;
}

const DEFAULT_START_NS = 1_767_225_600_000_000_000n;
const MIB = 1024 * 1024;
const DEFAULT_LIMITS = { maxContinues: 64, warnContinues: 32, maxNesting: 200 };

export class TestHost {
  readonly loop: EventLoop;
  readonly workers: readonly Worker[];
  readonly upstreams: Upstreams;
  readonly metrics = new MetricStore();
  readonly sharedData = new SharedData();
  readonly sharedQueues = new SharedQueues();
  /** Everything the module has logged. */
  readonly logs: LogEntry[] = [];
  /** What the module did that Envoy survives but that is wrong. */
  readonly warnings: string[] = [];
  readonly #random: () => number;
  #connections = 0;

  /** @throws HostRuleViolation or Error, with what the module logged, when it cannot be started or configured. */
  constructor(options: TestHostOptions) {
    this.loop = new EventLoop(options.startNs ?? DEFAULT_START_NS);
    this.upstreams = new Upstreams(options.clusters ?? {});
    this.#random = seededRandom(options.seed ?? 1);
    const module = compile(options.module);
    this.workers = Array.from({ length: options.workers ?? 1 }, () =>
      this.#newWorker(module, options),
    );
    for (const worker of this.workers) this.#start(worker);
  }

  #start(worker: Worker): void {
    try {
      worker.start();
    } catch (error) {
      if (!(error instanceof Error) || error instanceof HostRuleViolation) throw error;
      throw new Error([error.message, ...this.logged()].join("\n"), { cause: error });
    }
  }

  /** The VM of the first worker. */
  get vm(): Vm {
    return this.#worker(0).vm;
  }

  /**
   * Changes the plugin configuration of every worker, as a control plane does.
   * @throws Error when the module refuses it.
   */
  reconfigure(pluginConfiguration: string): void {
    for (const worker of this.workers) worker.reconfigure(toBytes(pluginConfiguration));
  }

  /** Opens a client connection to the listener [wasm, echo]. */
  connect(options: ConnectOptions = {}): Client {
    return this.#worker(options.worker ?? 0).connect(this.#connectionProperties(options));
  }

  /**
   * Sends an HTTP request through the filter chain [wasm, router] to `upstream`, which answers with a bare
   * 200 unless the test gives another.
   */
  request(
    request: HttpMessage,
    upstream: HttpUpstream = OK_UPSTREAM,
    options: ConnectOptions = {},
  ): HttpExchange {
    const properties = this.#connectionProperties(options);
    return this.#worker(options.worker ?? 0).request(request, upstream, properties);
  }

  /** Runs until nothing is left to do at this moment, and returns the number of turns. */
  runUntilIdle(maxTurns?: number): number {
    return this.loop.runUntilIdle(maxTurns);
  }

  /** Moves the clock, firing ticks, call timeouts and connect timeouts at their times. */
  advance(ms: number): void {
    this.loop.advance(ms);
  }

  /** Sets the machine's wall clock forward, or back with a negative number. No timer follows. */
  setClock(ms: number): void {
    this.loop.wallClockOffsetNs += BigInt(Math.round(ms * 1e6));
  }

  /** Messages logged at `level` or above. */
  logged(level: number = LogLevel.Trace): string[] {
    return this.logs.filter((entry) => entry.level >= level).map((entry) => entry.message);
  }

  #connectionProperties(options: ConnectOptions): PropertyMap {
    const port = 40_000 + (this.#connections % 20_000);
    const source = options.sourceAddress ?? `127.0.0.1:${String(port)}`;
    const destination = options.destinationAddress ?? "127.0.0.1:10000";
    const base: PropertyMap = {
      source: { address: source, port: portOf(source) },
      destination: { address: destination, port: portOf(destination) },
      xds: {
        listener_metadata: { filter_metadata: options.listenerMetadata ?? {} },
        listener_direction: 0n,
        filter_chain_name: "",
      },
      connection: { mtls: false, requested_server_name: "" },
    };
    return mergeProperties(base, options.properties ?? {});
  }

  #worker(index: number): Worker {
    const worker = this.workers[index];
    if (worker === undefined) throw new RangeError(`no worker ${String(index)}`);
    return worker;
  }

  #newWorker(module: WebAssembly.Module, options: TestHostOptions): Worker {
    const { upstreamPlugin } = options;
    const plugin = pluginOf(options);
    return new Worker({
      module,
      loop: this.loop,
      plugin,
      upstreamPlugin: upstreamPlugin && {
        ...plugin,
        rootId: upstreamPlugin.rootId,
        configuration: toBytes(upstreamPlugin.configuration),
      },
      upstreams: this.upstreams,
      sharedData: this.sharedData,
      sharedQueues: this.sharedQueues,
      metrics: this.metrics,
      foreignFunctions: options.foreignFunctions ?? {},
      limits: { ...DEFAULT_LIMITS, ...options.limits, permit: new Set(options.permit ?? []) },
      bufferLimitBytes: options.bufferLimitBytes ?? MIB,
      newSplitter: () => newSplitter(options.chunking),
      envoy: options.envoy ?? "1.40",
      logLevel: options.logLevel ?? LogLevel.Info,
      warnings: this.warnings,
      log: (entry) => this.logs.push(entry),
      random: this.#random,
      nextConnectionId: () => this.#connections++,
    });
  }
}

function pluginOf(options: TestHostOptions): PluginOptions {
  const node: PropertyMap = { xds: { node: { id: "test-node", cluster: "test-cluster" } } };
  return {
    name: options.pluginName ?? "metaproto",
    rootId: options.rootId ?? "metaproto",
    vmId: options.vmId ?? "metaproto",
    configuration: toBytes(options.pluginConfiguration),
    vmConfiguration: toBytes(options.vmConfiguration),
    properties: mergeProperties(node, options.properties ?? {}),
  };
}

const compiled = new WeakMap<Uint8Array, WebAssembly.Module>();

function compile(module: WebAssembly.Module | Uint8Array): WebAssembly.Module {
  if (module instanceof WebAssembly.Module) return module;
  const known = compiled.get(module) ?? new WebAssembly.Module(module as BufferSource);
  compiled.set(module, known);
  return known;
}

function toBytes(value: string | Uint8Array | undefined): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : (value ?? new Uint8Array(0));
}
