// A worker thread: one VM with its root context, its connections, its timers and its callouts.

import { ResponseFlag, WasmResult } from "./abi-values.js";
import type { Splitter } from "./chunking.js";
import { Client } from "./client.js";
import { Connection, type ConnectionRole, type Peer } from "./connection.js";
import type { Context } from "./context.js";
import { ContinueRules, type ContinueLimits } from "./continue-rules.js";
import { Echo } from "./echo.js";
import type { EventLoop } from "./event-loop.js";
import { GrpcCallouts } from "./grpc-callouts.js";
import { linkHostcalls } from "./hostcalls/link.js";
import type { ForeignFunction } from "./hostcalls/foreign.js";
import type { LogEntry } from "./hostcalls/log.js";
import type { HostcallScope } from "./hostcalls/scope.js";
import { HttpExchange, type HttpUpstream } from "./http-exchange.js";
import type { HttpMessage } from "./http-message.js";
import { HttpCallouts, type HttpRequest, type HttpTarget } from "./http-callouts.js";
import { VmMetrics, type MetricStore } from "./metrics.js";
import { NetworkContext } from "./network-context.js";
import type { PropertyMap } from "./property-tree.js";
import { RootContext, type PluginOptions } from "./root-context.js";
import type { SharedData } from "./shared-data.js";
import type { SharedQueues } from "./shared-queue.js";
import { TcpProxy } from "./tcp-proxy.js";
import { Ticker } from "./ticker.js";
import type { InternalListenerCluster, Upstreams } from "./upstreams.js";
import { Vm } from "./vm.js";

/** Whose behaviour the host has where the two differ. */
export type EnvoyVersion = "1.36" | "1.40";

/** What all workers of a host share, and their settings. */
export interface WorkerOptions {
  readonly module: WebAssembly.Module;
  readonly loop: EventLoop;
  readonly plugin: PluginOptions;
  /** The internal listener's plugin when it is another one: a second root context in the same VM. */
  readonly upstreamPlugin: PluginOptions | undefined;
  readonly upstreams: Upstreams;
  readonly sharedData: SharedData;
  readonly sharedQueues: SharedQueues;
  readonly metrics: MetricStore;
  readonly foreignFunctions: Readonly<Record<string, ForeignFunction>>;
  readonly limits: ContinueLimits & { readonly maxNesting: number };
  readonly bufferLimitBytes: number;
  readonly newSplitter: () => Splitter;
  readonly envoy: EnvoyVersion;
  readonly logLevel: number;
  readonly warnings: string[];
  readonly log: (entry: LogEntry) => void;
  readonly random: () => number;
  readonly nextConnectionId: () => number;
}

export class Worker {
  readonly vm: Vm;
  #root: RootContext;
  #upstreamRoot: RootContext;
  readonly #options: WorkerOptions;
  readonly #roots = new Map<number, RootContext>();
  readonly #contexts = new Map<number, Context>();
  readonly #rules: ContinueRules;
  readonly #callouts: HttpCallouts;
  readonly #ticker: Ticker;
  #nextContextId = 1;
  readonly #pendingDone = new Set<RootContext>();
  /** Of configurations that were replaced: deleted with the last of their connections. */
  readonly #retired = new Set<RootContext>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { loop, plugin, upstreamPlugin } = options;
    this.#root = this.#newRoot(plugin);
    this.#upstreamRoot = upstreamPlugin === undefined ? this.#root : this.#newRoot(upstreamPlugin);
    this.vm = new Vm({ module: options.module, maxNesting: options.limits.maxNesting });
    this.#rules = new ContinueRules(this.vm, options.limits, options.warnings);
    this.#callouts = new HttpCallouts(this.vm, loop, options.envoy === "1.36");
    this.#ticker = new Ticker(loop, (rootId) => {
      const root = this.#roots.get(rootId);
      if (root !== undefined) this.vm.callback("proxy_on_tick", root);
    });
    this.#instantiate();
  }

  /**
   * Starts the VM and configures the plugin, as Envoy does before the first connection.
   * @throws Error when the module refuses its configuration.
   */
  start(): void {
    this.vm.start();
    for (const root of this.#roots.values()) this.#startPlugin(root);
  }

  /** Of the plugin in front of echo. */
  get root(): RootContext {
    return this.#root;
  }

  /** Of the plugin in front of tcp_proxy: the same one, unless the host was given two. */
  get upstreamRoot(): RootContext {
    return this.#upstreamRoot;
  }

  /**
   * Both listeners get another plugin configuration. The VM stays: a further root context serves the
   * connections from now on, and the one before goes with the last of its connections.
   * @throws Error when the module refuses the configuration; the one before stays then.
   */
  reconfigure(configuration: Uint8Array): void {
    const before = this.#root;
    const root = this.#newRoot({ ...before.plugin, configuration });
    this.#startPlugin(root);
    this.#root = root;
    if (this.#upstreamRoot === before) this.#upstreamRoot = root;
    this.#retired.add(before);
    this.#deleteRetired(before);
  }

  /** Opens a client's connection; the module sees it in a turn of its own. */
  connect(properties: PropertyMap): Client {
    const client = new Client(this.#options.newSplitter());
    const connection = this.#newConnection("downstream", properties, client);
    this.#options.loop.post(() => {
      const context = this.#newContext(connection, this.root);
      client.attach(connection, context.id);
      connection.addFilter(context);
      connection.addFilter(new Echo(connection, this.#options.limits.permit));
      connection.start();
    });
    client.attach(connection, 0);
    return client;
  }

  /** Sends an HTTP request through the filter chain [wasm, router], in a turn of its own. */
  request(request: HttpMessage, upstream: HttpUpstream, properties: PropertyMap): HttpExchange {
    const contextId = this.#nextContextId++;
    const exchange = new HttpExchange({
      contextId,
      vm: this.vm,
      loop: this.#options.loop,
      root: this.root,
      request,
      upstream,
      properties,
      onDeleted: () => {
        this.#options.loop.atEndOfTurn(() => this.#contexts.delete(contextId));
      },
    });
    this.#contexts.set(contextId, exchange.context);
    this.#options.loop.post(() => {
      exchange.start();
    });
    return exchange;
  }

  /** Removes the plugins: proxy_on_done, and proxy_on_delete unless the module wants to finish first. */
  shutdown(): void {
    this.#options.loop.post(() => {
      for (const root of this.#roots.values()) {
        const finished = this.vm.callback("proxy_on_done", root) !== 0;
        if (finished || !this.vm.has("proxy_on_done")) this.vm.callback("proxy_on_delete", root);
        else this.#pendingDone.add(root);
      }
    });
  }

  /** True while the module has asked for time after proxy_on_done and not called proxy_done. */
  get isPendingDone(): boolean {
    return this.#pendingDone.size > 0;
  }

  /** Contexts that exist, root included. */
  get contextCount(): number {
    return this.#contexts.size;
  }

  #newRoot(plugin: PluginOptions): RootContext {
    const root = new RootContext(this.#nextContextId++, plugin);
    this.#roots.set(root.id, root);
    this.#contexts.set(root.id, root);
    return root;
  }

  #rootById(id: number): RootContext {
    return this.#roots.get(id) ?? this.root;
  }

  #startPlugin(root: RootContext): void {
    const { vm } = this;
    root.configuring = true;
    vm.callback("proxy_on_context_create", root, 0);
    root.configuring = false;
    const { vmConfiguration, configuration } = root.plugin;
    const started = vm.callback("proxy_on_vm_start", root, vmConfiguration.length);
    if (started === 0 && vm.has("proxy_on_vm_start")) {
      throw new Error("proxy_on_vm_start returned false: Envoy rejects the plugin");
    }
    root.configuring = true;
    const configured = vm.callback("proxy_on_configure", root, configuration.length);
    root.configuring = false;
    if (configured === 0 && vm.has("proxy_on_configure")) {
      throw new Error("proxy_on_configure returned false: Envoy rejects the plugin");
    }
  }

  #instantiate(): void {
    const { options, scope } = { options: this.#options, scope: this.#scope() };
    const { loop, plugin, upstreams } = options;
    this.vm.instantiate(
      linkHostcalls(scope, {
        wasi: {
          logLevel: options.logLevel,
          log: options.log,
          random: options.random,
          nowNs: () => loop.nowNs + loop.wallClockOffsetNs,
          setTickPeriod: (rootId, ms) => {
            this.#ticker.setPeriod(rootId, ms);
          },
        },
        shared: {
          vmId: plugin.vmId,
          data: options.sharedData,
          queues: options.sharedQueues,
          notify: (rootId, token) => {
            loop.post(() => {
              // A context that is gone hears nothing, whatever is in its queue.
              const root = this.#roots.get(rootId);
              if (root !== undefined) this.vm.callback("proxy_on_queue_ready", root, token);
            });
          },
        },
        metrics: new VmMetrics(options.metrics),
        grpc: new GrpcCallouts({
          vm: this.vm,
          loop,
          findServer: (name) => upstreams.grpcServer(name),
          warnings: options.warnings,
        }),
        startHttpCall: (root, request) => this.#startHttpCall(root, request),
        foreignFunctions: options.foreignFunctions,
        done: (rootId) => this.#done(this.#rootById(rootId)),
      }),
    );
  }

  #scope(): HostcallScope {
    const context = (): Context => {
      const { frames, effectiveContextId } = this.vm;
      const effective = this.#contexts.get(effectiveContextId);
      if (effective !== undefined) return effective;
      const running = frames[frames.length - 1]?.context.id ?? 0;
      return this.#contexts.get(running) ?? this.root;
    };
    return {
      vm: this.vm,
      context,
      root: () => this.#rootById(context().rootId),
      contextById: (id) => this.#contexts.get(id),
    };
  }

  #startHttpCall(root: RootContext, request: HttpRequest): { token: number } | WasmResult {
    const { upstreams } = this.#options;
    const listener = upstreams.internalListener(request.cluster);
    const handler = upstreams.httpHandler(request.cluster);
    let target: HttpTarget;
    if (handler === "no-endpoints") target = { kind: "no-endpoints" };
    else if (handler !== undefined) target = { kind: "http", handler };
    else if (listener !== undefined) {
      this.#rules.onDial(request.cluster);
      target = { kind: "internal-listener", dial: (peer) => this.#dial(listener, peer) };
    } else return WasmResult.BadArgument;
    return this.#callouts.start(root, request, target);
  }

  #dial(listener: InternalListenerCluster, peer: Peer): Connection {
    const { loop, upstreams } = this.#options;
    const connection = this.#newConnection("upstream", {}, peer);
    connection.addFilter(this.#newContext(connection, this.upstreamRoot));
    connection.addFilter(
      new TcpProxy({
        connection,
        loop,
        defaultCluster: listener.defaultCluster ?? "",
        findCluster: (name) => upstreams.tcp(name),
        permit: this.#options.limits.permit,
        newSplitter: this.#options.newSplitter,
        resetFlag: this.#options.envoy === "1.36" ? 0 : ResponseFlag.UpstreamRemoteReset,
      }),
    );
    connection.start();
    return connection;
  }

  #newConnection(role: ConnectionRole, properties: PropertyMap, peer: Peer): Connection {
    return new Connection({
      id: this.#options.nextConnectionId(),
      role,
      loop: this.#options.loop,
      peer,
      bufferLimitBytes: this.#options.bufferLimitBytes,
      halfClose: role === "upstream",
      onReadStopped: ({ id, readBuffer }) => {
        this.#options.warnings.push(
          `reads of connection ${String(id)} stopped: ${String(readBuffer.length)} bytes left in its read buffer`,
        );
      },
      properties,
    });
  }

  #newContext(connection: Connection, root: RootContext): NetworkContext {
    const id = this.#nextContextId++;
    const context = new NetworkContext({
      id,
      vm: this.vm,
      root,
      connection,
      rules: this.#rules,
      onDeleted: () => {
        // Envoy destroys the filter when the event that closed the connection is over.
        this.#options.loop.atEndOfTurn(() => {
          this.#contexts.delete(id);
          this.#deleteRetired(root);
        });
      },
    });
    this.#contexts.set(id, context);
    return context;
  }

  /** Envoy drops the plugin's handle, and with it the root context and what it has called for. */
  #deleteRetired(root: RootContext): void {
    if (!this.#retired.has(root)) return;
    for (const context of this.#contexts.values()) {
      if (context !== root && context.rootId === root.id) return;
    }
    this.#retired.delete(root);
    this.#options.loop.post(() => {
      this.vm.callback("proxy_on_done", root);
      this.vm.callback("proxy_on_delete", root);
      this.#ticker.setPeriod(root.id, 0);
      this.#callouts.cancelAll(root);
      this.#contexts.delete(root.id);
      this.#roots.delete(root.id);
    });
  }

  #done(root: RootContext): WasmResult {
    if (!this.#pendingDone.delete(root)) return WasmResult.NotFound;
    this.vm.defer({
      label: "proxy_done",
      run: () => {
        this.vm.callback("proxy_on_delete", root);
      },
    });
    return WasmResult.Ok;
  }
}
