// The control plane as a whole: stores -> translation -> snapshot -> proxies.
import type { Configuration } from "../api/configuration.js";
import { type Fault, formatFault } from "../api/fault.js";
import { type ModuleSet, ModuleDirectory } from "../modules/module-directory.js";
import { listenerCount } from "../ir/mesh.js";
import { compileRegex } from "../regex/compile-regex.js";
import { type Clock, systemClock } from "../runtime/clock.js";
import { errorMessage } from "../runtime/error-message.js";
import type { Logger } from "../runtime/logger.js";
import type { IstioFacts } from "../translate/api-to-ir/istio-facts.js";
import { type Translation, translateToMesh } from "../translate/api-to-ir/translate-to-mesh.js";
import type { PeerTimeouts } from "../translate/ir-to-xds/peer-timeouts.js";
import type { PluginVersion } from "../translate/ir-to-xds/plugin-version.js";
import type { WasmModule } from "../modules/wasm-module.js";
import type { Progress } from "../xds/acknowledgements.js";
import { AdsServer } from "../xds/ads-server.js";
import { MutualTls } from "../xds/server-tls.js";
import type { IdentitySource } from "../identity/identity.js";
import { EXTENSION_CONFIG_TYPE, RESOURCE_TYPES, ROUTES_TYPE } from "../xds/resource-type.js";
import type { ProxyElsewhere } from "./all-proxies.js";
import { type AdminHandler, AdminServer, jsonResponse, textResponse } from "./admin-server.js";
import { showExpiry } from "./certificate-expiry.js";
import type { ConfigurationSource } from "./configuration-source.js";
import { meshView, resourcesView, snapshotView } from "./debug-views.js";
import { Metrics } from "./metrics.js";
import { FetchedModules, type FetchingOptions, type ModuleFault } from "./fetched-modules.js";
import { ModulesInUse } from "./modules-in-use.js";
import { notInEffect } from "./not-in-effect.js";
import {
  ProxyConfigurator,
  type RetentionOptions,
  type ServedModule,
} from "./proxy-configuration.js";
import { elsewhereView, proxiesView } from "./proxy-status.js";
import { RouteAccess } from "./route-access.js";
import { type SocketAddress, formatSocketAddress } from "./socket-address.js";
import { streamObserver } from "./stream-observer.js";

export interface ControlPlaneOptions extends RetentionOptions {
  /** Of this package, for its metrics. */
  readonly version: string;
  /** Where the resources are from. */
  readonly source: ConfigurationSource;
  /** Directory of `<module>.wasm`. */
  readonly modulesDirectory: string;
  /** How modules come from elsewhere. */
  readonly fetching?: FetchingOptions;
  readonly xdsAddress: SocketAddress;
  readonly adminAddress: SocketAddress;
  /** Where health and metrics are served as well, and nothing else. */
  readonly monitoringAddress?: SocketAddress | undefined;
  /** IP address of listeners that name none. */
  readonly bindAddress: string;
  readonly peerTimeouts: PeerTimeouts;
  /** Where rules and policies hold for all namespaces. Default: `istio-system`. */
  readonly rootNamespace?: string | undefined;
  /** Of the cluster whose Services short names mean. Default: `cluster.local`. */
  readonly clusterDomain?: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** What Istio knows; asked for at each translation. Absent: there is no Istio, proxies get everything from here. */
  readonly istioFacts?: () => IstioFacts;
  /** Of the server. Present: proxies need a certificate of the mesh, and get the routes that their namespace may know. */
  readonly serverIdentity?: IdentitySource;
  /** Is told what proxies are served from now on. */
  readonly onServed?: (served: Served) => void;
  /** Why there is no configuration yet, a line each. */
  readonly waitingFor?: () => readonly string[];
  /** Whether what is served beside xDS is. Default: it is. */
  readonly isReady?: () => boolean;
  /** Of proxies that have their modules from elsewhere: by the names that modules tell, the latest first. */
  readonly plugins?: () => ReadonlyMap<string, ServedModule>;
  /** Those of other replicas. */
  readonly proxiesElsewhere?: () => readonly ProxyElsewhere[];
}

/** What proxies are served, and what it was made from. */
export interface Served {
  readonly configuration: Configuration;
  readonly translation: Translation;
  /** By name. */
  readonly modules: ReadonlyMap<string, WasmModule>;
  /** What protocols ran before and connections may still be with. */
  readonly retiredPlugins: readonly PluginVersion[];
  /** What is wrong with modules that come from elsewhere. */
  readonly moduleFaults: readonly ModuleFault[];
}

/** Where a started control plane listens. */
export interface Listening {
  readonly xdsPort: number;
  readonly adminPort: number;
  readonly monitoringPort?: number;
}

const NOT_READY = textResponse("not ready: no configuration was processed yet", 503);

/** Of a connection that had to show a certificate: as long as Istio's own. */
const CONNECTION_AGE_MS = 30 * 60_000;

export class ControlPlane {
  private readonly access = new RouteAccess();
  private rootNamespace: string | undefined;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly metrics: Metrics;
  private readonly modules: ModuleDirectory;
  private readonly modulesInUse = new ModulesInUse();
  private readonly fetched: FetchedModules;
  private readonly configurator: ProxyConfigurator;
  private readonly ads: AdsServer;
  private readonly admin: AdminServer;
  private readonly monitoring: AdminServer;
  private configuration: Configuration = { resources: [], faults: [], warnings: [] };
  private moduleSet: ModuleSet = { modules: new Map(), faults: [] };
  private translation: Translation | undefined;
  private reported = new Set<string>();
  private cancelExpiry: (() => void) | undefined;

  constructor(private readonly options: ControlPlaneOptions) {
    this.rootNamespace = options.rootNamespace;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger;
    this.metrics = new Metrics(options.version);
    this.modules = new ModuleDirectory(options.modulesDirectory);
    this.fetched = new FetchedModules(options.fetching ?? {}, this.clock, () => {
      this.reload();
    });
    this.ads = new AdsServer({
      observer: streamObserver(this.logger, this.metrics),
      clock: this.clock,
      ...(options.serverIdentity && { access: this.access, maxConnectionAgeMs: CONNECTION_AGE_MS }),
    });
    this.configurator = new ProxyConfigurator({
      ...options,
      compileRegex,
      isUnderIstio: options.istioFacts !== undefined,
      isRefused: (name) => this.ads.isRefused(EXTENSION_CONFIG_TYPE, name),
    });
    const monitoring = this.monitoringHandlers();
    this.admin = new AdminServer(new Map([...monitoring, ...this.debugHandlers()]));
    this.monitoring = new AdminServer(monitoring);
  }

  /**
   * Reads the configuration, then listens: no proxy ever gets less than what there is.
   * @throws Error when the directory cannot be read or an address cannot be bound.
   */
  async start(): Promise<Listening> {
    const { xdsAddress, adminAddress, monitoringAddress } = this.options;
    const adminPort = await this.admin.listen(adminAddress);
    try {
      const monitoringPort = monitoringAddress && (await this.monitoring.listen(monitoringAddress));
      const tls = await this.mutualTls();
      this.moduleSet = await this.modules.start();
      this.modules.onChange((set) => {
        this.moduleSet = set;
        this.reload();
      });
      this.options.source.onSnapshot((configuration) => {
        this.configuration = configuration;
        this.reload();
      });
      await this.options.source.start();
      // Proxies that come back would lose listeners whose modules are on their way.
      await this.fetched.settled();
      const xdsPort = await this.ads.listen(formatSocketAddress(xdsAddress), tls?.credentials);
      return { xdsPort, adminPort, ...(monitoringPort !== undefined && { monitoringPort }) };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  private async mutualTls(): Promise<MutualTls | undefined> {
    const identity = this.options.serverIdentity;
    if (identity === undefined) return undefined;
    const first = await identity.start();
    const tls = new MutualTls(first);
    showExpiry(this.registry, "xds", first.certificateChain);
    identity.onChange((next) => {
      showExpiry(this.registry, "xds", next.certificateChain);
      tls.update(next);
    });
    return tls;
  }

  /** Proxies keep what they have and reconnect. */
  async stop(): Promise<void> {
    this.cancelExpiry?.();
    this.options.serverIdentity?.stop();
    this.modules.stop();
    this.fetched.stop();
    await this.options.source.stop();
    await this.ads.stop();
    await Promise.all([this.admin.stop(), this.monitoring.stop()]);
  }

  /** From now on. See `ControlPlaneOptions`. */
  setRootNamespace(name: string): void {
    this.rootNamespace = name;
    if (this.translation !== undefined) this.reload();
  }

  /** Serves what the store and the modules hold now. Whatever fails, what was served before stays. */
  private reload(): void {
    const startedAt = performance.now();
    try {
      this.serve();
      this.metrics.reloads.inc({ result: "ok" });
      this.metrics.lastReload.set(this.clock.now() / 1000);
      this.metrics.reloadDuration.observe((performance.now() - startedAt) / 1000);
    } catch (error) {
      this.metrics.reloads.inc({ result: "error" });
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.logger.error(`the configuration could not be processed, proxies keep theirs: ${detail}`);
    }
  }

  /** How far the proxies that are connected here are with their routes, which have the names of listeners. */
  routeProgress(): Progress {
    return this.ads.progress(ROUTES_TYPE);
  }

  /** The newest one. Undefined: there are no such routes. */
  routeVersion(name: string): string | undefined {
    return this.ads.snapshot?.types.get(ROUTES_TYPE.typeUrl)?.resources.get(name)?.version;
  }

  get connectedProxies(): number {
    return this.ads.connectedProxies;
  }

  /** While this is the same, so is all that is told of proxies. */
  get changeCount(): number {
    return this.ads.changeCount;
  }

  /** Of modules, by the names that they tell: the nodes that run them. */
  runningPlugins(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.ads.runningPlugins();
  }

  /** Of a module that was fetched once, maybe before this began; undefined: it is not at hand. */
  cachedCode(sha256: string): Promise<Uint8Array | undefined> {
    return this.fetched.code(sha256);
  }

  /** What is counted here. */
  get registry(): Metrics["registry"] {
    return this.metrics.registry;
  }

  private serve(): void {
    const { configuration } = this;
    const atHand = this.modulesInUse.available(this.moduleSet);
    const translation = translateToMesh(
      {
        resources: configuration.resources,
        modules: [...atHand.keys()].filter((name) => !this.fetched.owns(name)),
        ...(this.options.istioFacts && { istio: this.options.istioFacts() }),
        ...(this.options.clusterDomain && { clusterDomain: this.options.clusterDomain }),
        ...(this.rootNamespace && { rootNamespace: this.rootNamespace }),
      },
      this.translation,
    );
    this.fetched.want(translation.mesh);
    const moduleSet = this.fetched.joinedWith(this.moduleSet);
    const modules = this.fetched.withFormer(
      translation.mesh,
      this.modulesInUse.available(moduleSet),
    );
    const { snapshot, variants, faults, retiredPlugins } = this.configurator.configure(
      translation.mesh,
      modules,
      this.clock.now(),
    );
    this.translation = translation;
    const missingFiles = this.modulesInUse.use(translation.mesh, moduleSet);
    const hasChanged = snapshot.version !== this.ads.snapshot?.version;
    this.access.update(translation.mesh);
    this.ads.setSnapshot(snapshot, variants);
    const moduleFaults = this.fetched.faultsOf(translation.mesh);
    this.options.onServed?.({ configuration, translation, modules, retiredPlugins, moduleFaults });
    this.scheduleExpiry();
    const missing = notInEffect({
      configuration,
      translation,
      directory: this.options.source.directory,
    });
    this.metrics.notInEffect.set(missing.length);
    this.report(
      [...this.resourceFaults().map(formatFault), ...moduleSet.faults, ...missingFiles, ...faults],
      [...[...configuration.warnings, ...translation.warnings].map(formatFault), ...missing],
    );
    for (const { name, typeUrl } of RESOURCE_TYPES) {
      const size = snapshot.types.get(typeUrl)?.resources.size ?? 0;
      this.metrics.snapshotResources.set({ type: name }, size);
    }
    if (hasChanged) {
      const { mesh } = translation;
      this.logger.info(
        `configuration ${snapshot.version}: ${configuration.resources.length} resources, ` +
          `${listenerCount(mesh)} listeners, ${mesh.clusters.length} clusters, ` +
          `modules: ${[...modules.keys()].sort().join(", ") || "none"}`,
      );
    }
  }

  private resourceFaults(): Fault[] {
    return [...this.configuration.faults, ...(this.translation?.faults ?? [])];
  }

  /** Each fault is told once, when it comes. */
  private report(faults: readonly string[], warnings: readonly string[]): void {
    const now = new Set([...faults, ...warnings]);
    for (const fault of faults) if (!this.reported.has(fault)) this.logger.error(fault);
    for (const warning of warnings) if (!this.reported.has(warning)) this.logger.warn(warning);
    const gone = [...this.reported].filter((line) => !now.has(line)).length;
    if (gone > 0) this.logger.info(`${gone} of the reported faults and warnings are gone`);
    this.reported = now;
    this.metrics.faults.set(faults.length);
    this.metrics.warnings.set(warnings.length);
    this.metrics.resources.reset();
    for (const { kind } of this.configuration.resources) this.metrics.resources.inc({ kind });
  }

  private scheduleExpiry(): void {
    this.cancelExpiry?.();
    const expiryMs = this.configurator.nextExpiryMs;
    if (expiryMs === undefined) return;
    this.cancelExpiry = this.clock.schedule(Math.max(0, expiryMs - this.clock.now()), () => {
      this.reload();
    });
  }

  private monitoringHandlers(): ReadonlyMap<string, AdminHandler> {
    const { waitingFor = () => [], isReady = () => true } = this.options;
    const waiting = (): ReturnType<typeof textResponse> => {
      const lines = waitingFor();
      return lines.length === 0 ? NOT_READY : textResponse(`not ready: ${lines.join("; ")}`, 503);
    };
    return new Map<string, AdminHandler>([
      ["/healthz", () => textResponse("ok")],
      [
        "/readyz",
        () => (this.ads.snapshot === undefined || !isReady() ? waiting() : textResponse("ready")),
      ],
      ["/metrics", () => this.metricsResponse()],
    ]);
  }

  private debugHandlers(): ReadonlyMap<string, AdminHandler> {
    return new Map<string, AdminHandler>([
      [
        "/debug/resources",
        () => jsonResponse(resourcesView(this.configuration, this.resourceFaults())),
      ],
      [
        "/debug/mesh",
        () => (this.translation ? jsonResponse(meshView(this.translation.mesh)) : NOT_READY),
      ],
      [
        "/debug/snapshot",
        (query) => {
          const { snapshot } = this.ads;
          if (snapshot === undefined) return NOT_READY;
          return jsonResponse(snapshotView(snapshot, query.get("type") ?? undefined));
        },
      ],
      [
        "/debug/proxies",
        () => {
          const plugins = this.options.plugins?.() ?? new Map<string, ServedModule>();
          const known = { served: this.configurator.servedModules, plugins };
          const mesh = this.translation?.mesh;
          const here = proxiesView(this.ads.proxies(), mesh, known);
          const elsewhere = this.options.proxiesElsewhere?.() ?? [];
          return jsonResponse({ proxies: [...here, ...elsewhereView(elsewhere, plugins)] });
        },
      ],
    ]);
  }

  private async metricsResponse(): Promise<ReturnType<typeof textResponse>> {
    const { registry, connectedProxies, refusing } = this.metrics;
    connectedProxies.set(this.ads.connectedProxies);
    for (const type of RESOURCE_TYPES)
      refusing.set({ type: type.name }, this.ads.refusingStreams(type));
    try {
      return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
    } catch (error) {
      return textResponse(errorMessage(error), 500);
    }
  }
}
