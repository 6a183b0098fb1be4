// What a mesh is made of in Istio, from one moment to the next: a new version of a module comes in two steps.
import type { Protocol } from "../ir/protocol.js";
import type { Clock } from "../runtime/clock.js";
import {
  type CanaryPlugin,
  type ControlPlaneAddress,
  envoyFilters,
  type KubernetesObject,
  missingModules,
  type ModuleSource,
  ObjectMemo,
} from "../translate/ir-to-istio/envoy-filters.js";
import type { FoundPlugin } from "../translate/ir-to-istio/plugin-annotation.js";
import type { ModuleVersion } from "../translate/ir-to-xds/module-version.js";
import {
  canaryVersions,
  type PluginVersion,
  pluginVersions,
} from "../translate/ir-to-xds/plugin-version.js";
import { dialName } from "../translate/ir-to-xds/names.js";
import type { Served } from "./control-plane.js";
import type { ModuleFault } from "./fetched-modules.js";
import { type ModuleDelivery, sizeFault, sourceOf } from "./module-delivery.js";
import { PluginRollout, type RolloutTimes, type RunningPlugins } from "./plugin-rollout.js";
import type { ServedModule } from "./proxy-configuration.js";

export interface IstioObjectsOptions {
  /** Asked for each time. */
  readonly rootNamespace: () => string;
  readonly controlPlane: ControlPlaneAddress;
  /** Default: EnvoyFilters hold the code. */
  readonly delivery?: ModuleDelivery;
  /** How long proxies have a version before connections begin with it. Milliseconds, default 10 000. */
  readonly stageMs?: number;
  /** How long it is waited for proxies to run it. Milliseconds, default 60 000. */
  readonly deadlineMs?: number;
  /** Versions that are gone from the resources and kept, per protocol, and for how long. Default: 8, for 24 hours. */
  readonly maxFormer?: number;
  readonly formerMs?: number;
  readonly clock: Clock;
  readonly running: () => RunningPlugins;
  /** The objects of the same mesh are others now. */
  readonly onChange: () => void;
}

const LOOK_MS = 1_000;
const DAY_MS = 24 * 3_600_000;

interface Found extends FoundPlugin {
  readonly untilMs: number;
}

export class IstioObjects {
  /** By protocol. */
  private readonly rollouts = new Map<string, PluginRollout>();
  private readonly canaryRollouts = new Map<string, PluginRollout>();
  /** Whom versions are for that were never for all, by protocol and digest. */
  private readonly onlyFor = new Map<string, Readonly<Record<string, string>>>();
  /** What was in the cluster when this began, and was not made by this. */
  private found: readonly Found[] = [];
  private isRecovering = false;
  private readonly memo = new ObjectMemo();
  private last: Served | undefined;
  private cancel: (() => void) | undefined;
  private readonly times: RolloutTimes;

  constructor(private readonly options: IstioObjectsOptions) {
    const { stageMs = 10_000, deadlineMs = 60_000 } = options;
    this.times = { stageMs, deadlineMs: Math.max(stageMs, deadlineMs) };
  }

  /**
   * To be called before the first objects are made for which somebody else made them before, with what is in the
   * cluster: no upgrade begins anew, and none goes back.
   */
  recover(plugins: readonly FoundPlugin[]): void {
    const untilMs = this.options.clock.now() + (this.options.formerMs ?? DAY_MS);
    this.found = plugins.map((plugin) => ({ ...plugin, untilMs }));
    this.isRecovering = true;
    for (const { role, version, labels } of plugins) {
      const { name } = version.protocol;
      if (role === "current") this.rollouts.set(name, this.rolloutOf(version, false));
      if (role === "canary") this.canaryRollouts.set(name, this.rolloutOf(version, true));
      if (role === "version" && labels !== undefined) this.onlyFor.set(keyOf(version), labels);
    }
  }

  objectsOf(served: Served): readonly KubernetesObject[] {
    this.last = served;
    const { controlPlane, clock } = this.options;
    const rootNamespace = this.options.rootNamespace();
    const { mesh } = served.translation;
    const modules = this.deliverable(served.modules);
    this.advance(mesh.protocols, modules, clock.now());
    const current = new Map(
      [...this.rollouts].flatMap(([name, { current: version }]) =>
        version === undefined ? [] : [[name, version] as const],
      ),
    );
    const next = [...this.rollouts.values()].flatMap(({ next: version }) => version ?? []);
    const former = this.former(served, current);
    this.lookLater();
    return envoyFilters(mesh, {
      rootNamespace,
      controlPlane,
      modules,
      current,
      otherPlugins: [...next, ...former.filter((version) => !this.onlyFor.has(keyOf(version)))],
      canaries: this.canaries(mesh.protocols),
      otherCanaries: this.otherCanaries(mesh.protocols, former),
      sourceOf: (module) => this.sourceOf(module),
      memo: this.memo,
    });
  }

  /** One line for each listener that no object makes. */
  faultsOf({ translation, modules }: Served): readonly string[] {
    const { delivery = { kind: "inline" } } = this.options;
    const tooLong = [...modules].flatMap(([name, module]) => {
      const fault = sizeFault(delivery, module);
      return fault === undefined ? [] : [`module ${name}: ${fault}`];
    });
    const held = this.held().map(({ protocol, message }) => `module of ${protocol}: ${message}`);
    const known = new Map<string, unknown>(this.deliverable(modules));
    for (const { name, module } of translation.mesh.protocols)
      if (this.rollouts.get(name)?.current !== undefined) known.set(module, true);
    return [...tooLong, ...held, ...missingModules(translation.mesh, known)];
  }

  /** What proxies were to run by now, and do not. */
  held(): readonly ModuleFault[] {
    const [now, running] = [this.options.clock.now(), this.options.running()];
    const parts = [
      ["module", this.rollouts],
      ["canary", this.canaryRollouts],
    ] as const;
    return parts.flatMap(([part, rollouts]) =>
      [...rollouts].flatMap(([protocol, rollout]) => {
        const message = rollout.faultOf(now, running);
        return message === undefined ? [] : [{ protocol, part, message }];
      }),
    );
  }

  /** By the names that modules tell; what connections begin with comes first. */
  plugins(): ReadonlyMap<string, ServedModule> {
    const known = new Map<string, ServedModule>();
    const running = this.options.running();
    const canaries = [...this.canaryRollouts.values()];
    const rollouts = [...canaries, ...this.rollouts.values()];
    const versions = [
      ...rollouts.flatMap(({ current }) => current ?? []),
      ...rollouts.flatMap(({ pending }) => pending ?? []),
      ...(this.last?.retiredPlugins ?? []),
      ...this.found.map(({ version }) => version),
    ];
    for (const { protocol, digest, module } of versions)
      for (const name of running.keys()) {
        const isOf = name.startsWith(`metaproto.${protocol.name}.`);
        const isIt = isOf && name.slice(name.lastIndexOf(".")) === shortOf(protocol.name, digest);
        if (isIt && !known.has(name))
          known.set(name, { protocol: protocol.name, sha256: module.digest });
      }
    return known;
  }

  /** All code that proxies may ask for, by its digest. */
  codeOf(sha256: string): Uint8Array | undefined {
    const rollouts = [...this.rollouts.values(), ...this.canaryRollouts.values()];
    const versions = [
      ...rollouts.flatMap(({ current, next }) => [current ?? [], next ?? []].flat()),
      ...(this.last?.retiredPlugins ?? []),
    ];
    const known = [...(this.last?.modules.values() ?? []), ...versions.map(({ module }) => module)];
    return known.find(({ digest, code }) => digest === sha256 && code.length > 0)?.code;
  }

  stop(): void {
    this.cancel?.();
  }

  private rolloutOf(version: PluginVersion | undefined, isForSome: boolean): PluginRollout {
    return new PluginRollout(this.times, version, isForSome);
  }

  /** Without those that cannot be delivered. */
  private deliverable<M extends ModuleVersion>(
    modules: ReadonlyMap<string, M>,
  ): ReadonlyMap<string, M> {
    const { delivery = { kind: "inline" } } = this.options;
    const fitting = [...modules].filter(([, module]) => sizeFault(delivery, module) === undefined);
    return new Map(fitting);
  }

  /** What is only known from the cluster comes from where it came from before. */
  private sourceOf(module: ModuleVersion): ModuleSource {
    const { delivery = { kind: "inline" } } = this.options;
    const found = this.found.find(({ version }) => version.module === module);
    return found?.source ?? sourceOf(delivery, module);
  }

  private advance(
    protocols: readonly Protocol[],
    modules: ReadonlyMap<string, ModuleVersion>,
    nowMs: number,
  ): void {
    const running = this.options.running();
    const names = new Set(protocols.map(({ name }) => name));
    for (const name of this.rollouts.keys()) if (!names.has(name)) this.rollouts.delete(name);
    for (const version of pluginVersions(protocols, modules)) {
      const { name } = version.protocol;
      const rollout = this.rollouts.get(name) ?? this.rolloutOf(undefined, false);
      this.rollouts.set(name, rollout);
      rollout.want(version, nowMs, running, this.isRecovering);
      this.onlyFor.delete(keyOf(version));
    }
    this.advanceCanaries(protocols, canaryVersions(protocols, modules), nowMs, running);
    this.isRecovering = false;
  }

  private advanceCanaries(
    protocols: readonly Protocol[],
    versions: readonly PluginVersion[],
    nowMs: number,
    running: RunningPlugins,
  ): void {
    const withCanary = new Map(
      protocols.flatMap(({ name, canary }) => (canary ? [[name, canary] as const] : [])),
    );
    for (const name of this.canaryRollouts.keys())
      if (!withCanary.has(name)) this.canaryRollouts.delete(name);
    for (const [name, { labels }] of withCanary) {
      const own = versions.find(({ protocol }) => protocol.name === name);
      const wanted = this.wantedOfCanaries(name, own);
      if (wanted === undefined) continue;
      const stable = this.rollouts.get(name);
      // What all others have is there already.
      const isOthers = wanted.digest === stable?.current?.digest;
      const before = isOthers ? undefined : this.canaryRollouts.get(name);
      const rollout = before ?? this.rolloutOf(stable?.current, true);
      this.canaryRollouts.set(name, rollout);
      rollout.want(wanted, nowMs, running, this.isRecovering);
      if (wanted === own && own.digest !== stable?.next?.digest)
        this.onlyFor.set(keyOf(own), labels);
    }
  }

  /** What becomes the others' version stays the canaries' meanwhile. */
  private wantedOfCanaries(
    name: string,
    own: PluginVersion | undefined,
  ): PluginVersion | undefined {
    const stable = this.rollouts.get(name);
    const current = this.canaryRollouts.get(name)?.current;
    const isPromoted = current !== undefined && stable?.pending?.digest === current.digest;
    return own ?? (isPromoted ? current : stable?.current);
  }

  private canaries(protocols: readonly Protocol[]): readonly CanaryPlugin[] {
    return protocols.flatMap(({ name, canary }) => {
      const version = this.canaryRollouts.get(name)?.current;
      return canary === undefined || version === undefined
        ? []
        : [{ labels: canary.labels, version }];
    });
  }

  private otherCanaries(
    protocols: readonly Protocol[],
    former: readonly PluginVersion[],
  ): readonly CanaryPlugin[] {
    const names = new Set(protocols.map(({ name }) => name));
    const next = [...this.canaryRollouts].flatMap(([name, { next: version }]) =>
      names.has(name) ? (version ?? []) : [],
    );
    return [...next, ...former].flatMap((version) => {
      const labels = this.onlyFor.get(keyOf(version));
      return labels === undefined ? [] : [{ labels, version }];
    });
  }

  /** The latest first: what was in use since this began, then what was in the cluster. */
  private former(
    { retiredPlugins, translation }: Served,
    current: ReadonlyMap<string, PluginVersion>,
  ): readonly PluginVersion[] {
    const { clock, maxFormer = 8 } = this.options;
    const now = clock.now();
    this.found = this.found.filter(({ untilMs }) => untilMs > now);
    const counts = new Map<string, number>();
    const pending = [...this.rollouts.values()].flatMap((rollout) => rollout.pending ?? []);
    const seen = new Set([...current.values(), ...pending].map(keyOf));
    const names = new Set(translation.mesh.protocols.map(({ name }) => name));
    return [...retiredPlugins, ...this.found.map(({ version }) => version)].filter((version) => {
      const { name } = version.protocol;
      const key = keyOf(version);
      const count = counts.get(name) ?? 0;
      if (!names.has(name) || seen.has(key) || count >= maxFormer) return false;
      seen.add(key);
      counts.set(name, count + 1);
      return true;
    });
  }

  /** What follows upon a version waits for proxies, which tell nobody when they have it but the control plane's streams. */
  private lookLater(): void {
    const { clock, onChange, running } = this.options;
    this.cancel?.();
    const rollouts = [...this.rollouts.values(), ...this.canaryRollouts.values()];
    if (!rollouts.some(({ pending }) => pending !== undefined)) return;
    this.cancel = clock.schedule(Math.min(LOOK_MS, this.times.stageMs), () => {
      const now = clock.now();
      const isOther = rollouts.map((rollout) => rollout.advance(now, running())).includes(true);
      if (isOther) onChange();
      else this.lookLater();
    });
  }
}

function keyOf({ protocol, digest }: PluginVersion): string {
  return dialName(protocol.name, digest);
}

function shortOf(protocol: string, digest: string): string {
  const name = dialName(protocol, digest);
  return name.slice(name.lastIndexOf("."));
}
