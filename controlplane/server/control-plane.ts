// The control plane as a whole: stores -> translation -> snapshot -> proxies.
import type { Configuration } from "../api/configuration.js";
import { type Fault, formatFault } from "../api/fault.js";
import { type ModuleSet, ModuleDirectory } from "../modules/module-directory.js";
import { compileRegex } from "../regex/compile-regex.js";
import { type Clock, systemClock } from "../runtime/clock.js";
import { errorMessage } from "../runtime/error-message.js";
import type { Logger } from "../runtime/logger.js";
import { DirectoryStore, type DirectoryStoreOptions } from "../stores/directory/directory-store.js";
import { type Translation, translateToMesh } from "../translate/api-to-ir/translate-to-mesh.js";
import type { PeerTimeouts } from "../translate/ir-to-xds/peer-timeouts.js";
import { AdsServer } from "../xds/ads-server.js";
import { EXTENSION_CONFIG_TYPE, RESOURCE_TYPES } from "../xds/resource-type.js";
import { type AdminHandler, AdminServer, jsonResponse, textResponse } from "./admin-server.js";
import { resourcesView, snapshotView } from "./debug-views.js";
import { Metrics } from "./metrics.js";
import { ModulesInUse } from "./modules-in-use.js";
import { notInEffect } from "./not-in-effect.js";
import { ProxyConfigurator, type RetentionOptions } from "./proxy-configuration.js";
import { proxiesView } from "./proxy-status.js";
import { type SocketAddress, formatSocketAddress } from "./socket-address.js";
import { streamObserver } from "./stream-observer.js";

export interface ControlPlaneOptions extends RetentionOptions {
  /** Of this package, for its metrics. */
  readonly version: string;
  /** Directory of resources in YAML and JSON. */
  readonly configDirectory: string;
  /** Directory of `<module>.wasm`. */
  readonly modulesDirectory: string;
  readonly xdsAddress: SocketAddress;
  readonly adminAddress: SocketAddress;
  /** IP address of listeners that name none. */
  readonly bindAddress: string;
  readonly peerTimeouts: PeerTimeouts;
  /** Where rules and policies hold for all namespaces. Default: `istio-system`. */
  readonly rootNamespace?: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly store?: DirectoryStoreOptions;
}

/** Where a started control plane listens. */
export interface Listening {
  readonly xdsPort: number;
  readonly adminPort: number;
}

export class ControlPlane {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly metrics: Metrics;
  private readonly store: DirectoryStore;
  private readonly modules: ModuleDirectory;
  private readonly modulesInUse = new ModulesInUse();
  private readonly configurator: ProxyConfigurator;
  private readonly ads: AdsServer;
  private readonly admin: AdminServer;
  private configuration: Configuration = { resources: [], faults: [], warnings: [] };
  private moduleSet: ModuleSet = { modules: new Map(), faults: [] };
  private translation: Translation | undefined;
  private reported = new Set<string>();
  private cancelExpiry: (() => void) | undefined;

  constructor(private readonly options: ControlPlaneOptions) {
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger;
    this.metrics = new Metrics(options.version);
    this.store = new DirectoryStore(options.configDirectory, options.store);
    this.modules = new ModuleDirectory(options.modulesDirectory);
    this.ads = new AdsServer({
      observer: streamObserver(this.logger, this.metrics),
      clock: this.clock,
    });
    this.configurator = new ProxyConfigurator({
      ...options,
      compileRegex,
      isRefused: (name) => this.ads.isRefused(EXTENSION_CONFIG_TYPE, name),
    });
    this.admin = new AdminServer(this.adminHandlers());
  }

  /**
   * Reads the configuration, then listens: no proxy ever gets less than what there is.
   * @throws Error when the directory cannot be read or an address cannot be bound.
   */
  async start(): Promise<Listening> {
    const { xdsAddress, adminAddress } = this.options;
    const adminPort = await this.admin.listen(adminAddress);
    try {
      this.moduleSet = await this.modules.start();
      this.modules.onChange((set) => {
        this.moduleSet = set;
        this.reload();
      });
      this.store.onSnapshot((configuration) => {
        this.configuration = configuration;
        this.reload();
      });
      await this.store.start();
      const xdsPort = await this.ads.listen(formatSocketAddress(xdsAddress));
      return { xdsPort, adminPort };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Proxies keep what they have and reconnect. */
  async stop(): Promise<void> {
    this.cancelExpiry?.();
    this.modules.stop();
    this.store.stop();
    await this.ads.stop();
    await this.admin.stop();
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

  private serve(): void {
    const { configuration, moduleSet } = this;
    const modules = this.modulesInUse.available(moduleSet);
    const translation = translateToMesh(
      {
        resources: configuration.resources,
        modules: [...modules.keys()],
        ...(this.options.rootNamespace && { rootNamespace: this.options.rootNamespace }),
      },
      this.translation,
    );
    const { snapshot, faults } = this.configurator.configure(
      translation.mesh,
      modules,
      this.clock.now(),
    );
    this.translation = translation;
    const missingFiles = this.modulesInUse.use(translation.mesh, moduleSet);
    const hasChanged = snapshot.version !== this.ads.snapshot?.version;
    this.ads.setSnapshot(snapshot);
    this.scheduleExpiry();
    const missing = notInEffect({
      configuration,
      translation,
      directory: this.options.configDirectory,
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
      const { listeners, clusters } = translation.mesh;
      this.logger.info(
        `configuration ${snapshot.version}: ${configuration.resources.length} resources, ` +
          `${listeners.length} listeners, ${clusters.length} clusters, ` +
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

  private adminHandlers(): ReadonlyMap<string, AdminHandler> {
    const notReady = textResponse("not ready: no configuration was processed yet", 503);
    return new Map<string, AdminHandler>([
      ["/healthz", () => textResponse("ok")],
      ["/readyz", () => (this.ads.snapshot === undefined ? notReady : textResponse("ready"))],
      ["/metrics", () => this.metricsResponse()],
      [
        "/debug/resources",
        () => jsonResponse(resourcesView(this.configuration, this.resourceFaults())),
      ],
      ["/debug/mesh", () => (this.translation ? jsonResponse(this.translation.mesh) : notReady)],
      [
        "/debug/snapshot",
        (query) => {
          const { snapshot } = this.ads;
          if (snapshot === undefined) return notReady;
          return jsonResponse(snapshotView(snapshot, query.get("type") ?? undefined));
        },
      ],
      [
        "/debug/proxies",
        () => jsonResponse({ proxies: proxiesView(this.ads.proxies(), this.translation?.mesh) }),
      ],
    ]);
  }

  private async metricsResponse(): Promise<ReturnType<typeof textResponse>> {
    const { registry, connectedProxies } = this.metrics;
    connectedProxies.set(this.ads.connectedProxies);
    try {
      return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
    } catch (error) {
      return textResponse(errorMessage(error), 500);
    }
  }
}
