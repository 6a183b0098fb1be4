// The control plane of a mesh in Kubernetes: its resources come from the cluster, what proxies need of Istio goes there,
// and so does what has become of each resource.
import { isDeepStrictEqual } from "node:util";
import { DEFAULT_CLUSTER_DOMAIN } from "../api/host-name.js";
import type { ApiError } from "../kubernetes/api.js";
import { LeaderElection } from "../kubernetes/leader-election.js";
import type { KubernetesObject, ResourceType } from "../kubernetes/object.js";
import { ObjectReconciler } from "../kubernetes/reconciler.js";
import { systemClock } from "../runtime/clock.js";
import type { Logger } from "../runtime/logger.js";
import { KubernetesStore } from "../stores/kubernetes/kubernetes-store.js";
import { DEFAULT_ROOT_NAMESPACE } from "../translate/api-to-ir/root-namespace.js";
import { AdmissionWebhook } from "./admission-webhook.js";
import { AllProxies } from "./all-proxies.js";
import { foundPlugin } from "../translate/ir-to-istio/plugin-annotation.js";
import { ClusterSource } from "./cluster-source.js";
import { ControlPlane, type Listening, type Served } from "./control-plane.js";
import { IstioObjects } from "./istio-objects.js";
import { KubernetesMetrics } from "./kubernetes-metrics.js";
import { deliveryCheck, type ModuleDelivery } from "./module-delivery.js";
import type {
  MeshControllerOptions,
  MeshControllerTimes,
  MeshDefaults,
} from "./mesh-controller-options.js";
import { ModuleServer } from "./module-server.js";
import { ReplicaReports } from "./replica-reports.js";
import { ResourceReporter } from "./resource-reporter.js";

const LEASE_NAME = "metaproto-controller";
const GROUP = "networking.istio.io";
const APPLIED_KINDS: readonly ResourceType[] = [
  {
    kind: "EnvoyFilter",
    group: GROUP,
    versions: ["v1alpha3"],
    plural: "envoyfilters",
    namespaced: true,
  },
  {
    kind: "VirtualService",
    group: GROUP,
    versions: ["v1"],
    plural: "virtualservices",
    namespaced: true,
  },
];

/** Where a started controller listens. */
export interface ControllerListening extends Listening {
  readonly webhookPort?: number;
}

export class MeshController {
  private readonly logger: Logger;
  private readonly store: KubernetesStore;
  private readonly controlPlane: ControlPlane;
  private readonly election: LeaderElection;
  private readonly reconciler: ObjectReconciler;
  private readonly istio: IstioObjects;
  private readonly reports: ReplicaReports;
  private readonly proxies: AllProxies;
  private readonly reporter: ResourceReporter;
  private readonly metrics: KubernetesMetrics;
  private readonly webhook: AdmissionWebhook | undefined;
  private readonly moduleServer: ModuleServer;
  private mesh: MeshDefaults;
  private isRecovered = false;
  private wasLeader = false;
  private served: Served | undefined;
  private told: ReadonlySet<string> = new Set();
  private timer: NodeJS.Timeout | undefined;
  private applying: NodeJS.Immediate | undefined;
  private isStopped = false;

  constructor(private readonly options: MeshControllerOptions) {
    const { api, namespaces, clusterDomain, times = {} } = options;
    this.mesh = {
      rootNamespace: options.rootNamespace ?? DEFAULT_ROOT_NAMESPACE,
      defaultExportTo: options.defaultExportTo,
    };
    this.logger = options.logger;
    const { hasWaypoints } = options;
    this.store = new KubernetesStore({ api, namespaces, clusterDomain, hasWaypoints, ...times });
    const source = new ClusterSource(this.store);
    const delivery = options.delivery ?? { kind: "inline" };
    this.controlPlane = new ControlPlane({
      ...options,
      fetching: { ...options.fetching, check: deliveryCheck(delivery) },
      plugins: () => this.istio.plugins(),
      proxiesElsewhere: () => this.proxies.elsewhere(),
      source,
      istioFacts: () => ({
        services: source.snapshot?.services ?? new Map(),
        ...(this.mesh.defaultExportTo && { defaultExportTo: this.mesh.defaultExportTo }),
      }),
      onServed: (served) => this.onServed(served),
      waitingFor: () => [
        ...this.store.waitingFor,
        ...(this.isWebhookReady ? [] : ["the webhook has no certificate yet"]),
      ],
      isReady: () => this.isWebhookReady,
    });
    this.webhook =
      options.webhook &&
      new AdmissionWebhook({
        ...options.webhook,
        namespaces,
        registry: this.controlPlane.registry,
        logger: this.logger,
      });
    this.metrics = new KubernetesMetrics(this.controlPlane.registry);
    this.election = this.electionOf(options, times);
    const mayWrite = (): boolean => this.election.isLeader && !this.isStopped;
    this.reconciler = this.reconcilerOf(mayWrite);
    this.reports = this.reportsOf(options, times);
    this.proxies = new AllProxies({
      build: options.version,
      own: this.controlPlane,
      others: () => this.reports.others,
    });
    this.istio = this.istioObjectsOf(options, delivery);
    this.moduleServer = new ModuleServer(
      async (sha256) => this.istio.codeOf(sha256) ?? (await this.controlPlane.cachedCode(sha256)),
    );
    this.reporter = this.reporterOf(options, mayWrite);
  }

  /** Resolves when proxies are served, which is when all resources were read, and so are API servers. */
  async start(): Promise<ControllerListening> {
    this.store.onWaiting((lines) => {
      for (const line of lines) this.logger.info(`waiting: ${line}`);
    });
    this.reconciler.start();
    this.election.start();
    this.reports.start();
    const [listening, webhookPort] = await Promise.all([this.serve(), this.webhook?.start()]);
    return { ...listening, ...(webhookPort !== undefined && { webhookPort }) };
  }

  /** What holds from now on for what does not say it itself. */
  updateMesh(mesh: MeshDefaults): void {
    const { rootNamespace, defaultExportTo } = mesh;
    const next = { rootNamespace, defaultExportTo };
    if (this.isStopped || isDeepStrictEqual(next, this.mesh)) return;
    this.mesh = next;
    this.logger.info(`the mesh configuration has changed: root namespace ${rootNamespace}`);
    this.controlPlane.setRootNamespace(rootNamespace);
  }

  private async serve(): Promise<Listening> {
    const { delivery, modulesAddress } = this.options;
    if (delivery?.kind === "http" && modulesAddress !== undefined)
      await this.moduleServer.listen(modulesAddress);
    const listening = await this.controlPlane.start();
    this.reporter.settle();
    this.lookLater();
    return listening;
  }

  private get isWebhookReady(): boolean {
    return this.webhook?.isReady !== false;
  }

  /** Another replica takes over; proxies keep what they have and reconnect. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    clearImmediate(this.applying);
    this.istio.stop();
    await this.webhook?.stop();
    const parts = [this.reconciler, this.reporter, this.reports];
    await Promise.all(parts.map((part) => part.stop()));
    await this.election.stop();
    await this.controlPlane.stop();
    await this.moduleServer.stop();
  }

  private istioObjectsOf(options: MeshControllerOptions, delivery: ModuleDelivery): IstioObjects {
    const { stageMs, deadlineMs, maxRetiredPlugins, retiredPluginMs } = options;
    return new IstioObjects({
      rootNamespace: () => this.mesh.rootNamespace,
      controlPlane: options.address,
      clock: options.clock ?? systemClock,
      delivery,
      ...(stageMs !== undefined && { stageMs }),
      ...(deadlineMs !== undefined && { deadlineMs }),
      ...(maxRetiredPlugins !== undefined && { maxFormer: maxRetiredPlugins }),
      ...(retiredPluginMs !== undefined && { formerMs: retiredPluginMs }),
      running: () => this.proxies.runningPlugins(),
      onChange: () => this.apply(),
    });
  }

  private electionOf(
    { api, namespace, identity }: MeshControllerOptions,
    { leaseMs, leaseRetryMs }: MeshControllerTimes,
  ): LeaderElection {
    return new LeaderElection({
      api,
      namespace,
      name: LEASE_NAME,
      identity,
      ...(leaseMs !== undefined && { leaseMs }),
      ...(leaseRetryMs !== undefined && { retryMs: leaseRetryMs }),
      onChange: (isLeader) => {
        this.metrics.isLeader.set(isLeader ? 1 : 0);
        this.logger.info(isLeader ? `${identity} is the leader` : `${identity} is not the leader`);
        if (isLeader) this.takeOver();
        this.reconciler.wake();
        this.look();
      },
      onFailure: ({ message }) =>
        this.logger.warn(`the lease could not be read or written: ${message}`),
    });
  }

  private reporterOf(
    { api, identity, times = {} }: MeshControllerOptions,
    mayWrite: () => boolean,
  ): ResourceReporter {
    return new ResourceReporter({
      settleMs: times.settleMs,
      doubtMs: times.doubtMs,
      statuses: {
        api,
        mayWrite,
        onWritten: () => this.metrics.countStatus("ok"),
        onFailed: (object, error) => {
          this.metrics.countStatus("error");
          this.warn("the status of", object, error);
        },
      },
      events: {
        api,
        mayWrite,
        identity,
        onFailed: ({ message }) => this.logger.warn(`an event could not be written: ${message}`),
      },
    });
  }

  private takeOver(): void {
    if (this.served !== undefined) this.reporter.settle();
    if (this.wasLeader) return;
    this.wasLeader = true;
    // Another replica may be further with upgrades than this one knows.
    this.isRecovered = false;
    this.apply();
  }

  private reportsOf(
    { api, namespace, identity }: MeshControllerOptions,
    times: MeshControllerTimes,
  ): ReplicaReports {
    const { statusMs, reportRenewMs, reportExpiryMs } = times;
    return new ReplicaReports({
      ...times,
      api,
      namespace,
      identity,
      ...(statusMs !== undefined && { lookMs: statusMs }),
      ...(reportRenewMs !== undefined && { renewMs: reportRenewMs }),
      ...(reportExpiryMs !== undefined && { expiryMs: reportExpiryMs }),
      report: () => this.proxies.report(),
      isLeader: () => this.election.isLeader,
      onChange: () => setImmediate(() => this.look()),
      onWritten: (length) => this.metrics.countReport(length),
      onFailed: ({ message }, isNew) => {
        this.metrics.countReport(undefined);
        if (isNew) this.logger.warn(`other replicas are not told of proxies here: ${message}`);
      },
    });
  }

  private reconcilerOf(mayWrite: () => boolean): ObjectReconciler {
    const { api, times = {} } = this.options;
    return new ObjectReconciler({
      ...times,
      api,
      types: APPLIED_KINDS,
      mayWrite,
      observer: {
        onWritten: (verb, { kind, metadata }) => {
          this.metrics.countObject(verb, "ok");
          this.logger.info(`${verb}: ${kind}/${metadata.namespace ?? ""}/${metadata.name}`);
        },
        onFailed: (verb, object, error) => {
          this.metrics.countObject(verb, "error");
          this.warn(verb, object, error);
        },
        onWaiting: ({ kind, metadata }) => {
          const { name, namespace = "" } = metadata;
          this.logger.info(`${kind}/${namespace}/${name} waits for its namespace to exist`);
        },
        onListed: () => this.apply(),
      },
    });
  }

  private warn(what: string, { kind, metadata }: KubernetesObject, { message }: ApiError): void {
    const name = `${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
    this.logger.warn(`${what} ${name} failed and is tried again: ${message}`);
  }

  private onServed(served: Served): void {
    this.served = served;
    // Proxies first: what they are sent leaves when this turn of the event loop ends.
    clearImmediate(this.applying);
    this.applying = setImmediate(() => {
      this.apply();
      this.look();
    });
  }

  private apply(): void {
    const { served, istio } = this;
    // What is in the cluster says how far upgrades are.
    if (served === undefined || this.isStopped || !this.reconciler.isListed) return;
    if (!this.isRecovered) {
      this.isRecovered = true;
      istio.recover(this.reconciler.owned.flatMap((object) => foundPlugin(object) ?? []));
    }
    const faults = istio.faultsOf(served);
    for (const fault of faults) if (!this.told.has(fault)) this.logger.error(fault);
    this.told = new Set(faults);
    this.reconciler.want(istio.objectsOf(served));
  }

  private lookLater(): void {
    clearTimeout(this.timer);
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      this.look();
      this.lookLater();
    }, this.options.times?.statusMs ?? 2_000);
    this.timer.unref();
  }

  private measure(): void {
    this.metrics.objects.set(this.reconciler.owned.length);
    this.metrics.pending.set(this.reconciler.pending ?? 0);
    this.metrics.unreadable.set(this.store.unreadableKinds);
    this.metrics.otherReplicas.set(this.reports.others.length);
  }

  private look(): void {
    const { served, reports } = this;
    this.measure();
    if (served === undefined || this.isStopped || !this.election.isLeader) return;
    const input = {
      configuration: served.configuration,
      translation: served.translation,
      acknowledgements: this.proxies.acknowledgements(),
      incomplete: this.proxies.incomplete,
      clusterDomain: this.options.clusterDomain ?? DEFAULT_CLUSTER_DOMAIN,
      moduleFaults: [...served.moduleFaults, ...this.istio.held()],
      nowMs: Date.now(),
    };
    this.reporter.report(input, this.store.objects, reports.isListed);
  }
}
