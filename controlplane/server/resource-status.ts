// What the statuses of our resources say: accepted or not and why, in effect where, and which proxies have it.
import type { Configuration } from "../api/configuration.js";
import { type Fault, resourceKey } from "../api/fault.js";
import { canonicalHostName, hostNameCandidates } from "../api/host-name.js";
import type { Resource } from "../api/kinds.js";
import { idOf } from "../api/resource.js";
import type { Listener, Mesh } from "../ir/mesh.js";
import type { ModuleFault } from "./fetched-modules.js";
import type { KubernetesObject } from "../kubernetes/object.js";
import type { Condition, ObjectStatus } from "../kubernetes/status-writer.js";
import type { Translation } from "../translate/api-to-ir/translate-to-mesh.js";
import type { Acknowledgement } from "../xds/acknowledgements.js";

export interface StatusInput {
  readonly configuration: Configuration;
  readonly translation: Pick<Translation, "mesh" | "faults" | "warnings" | "accepted">;
  /** What is wrong with modules that ApplicationProtocols name. */
  readonly moduleFaults?: readonly ModuleFault[];
  /** Of routes, by the name of their listener. */
  readonly acknowledgements: ReadonlyMap<string, Acknowledgement>;
  /** Proxies that are not among them, and why, as a sentence; undefined: all are. */
  readonly incomplete?: string | undefined;
  readonly clusterDomain: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Kept short: a status is no log. */
const MAX_LINES = 16;
const MAX_LINE_LENGTH = 500;

/** What is said of resources, by `resourceKey`. */
export class ResourceStatuses {
  private readonly resources: ReadonlyMap<string, Resource>;
  private readonly invalid: ReadonlyMap<string, readonly Fault[]>;
  private readonly faults: ReadonlyMap<string, readonly Fault[]>;
  private readonly warnings: ReadonlyMap<string, readonly Fault[]>;
  private readonly moduleFaults: ReadonlyMap<string, readonly Fault[]>;

  constructor(private readonly input: StatusInput) {
    const { configuration, translation } = input;
    this.resources = new Map(
      configuration.resources.map((resource) => [resourceKey(idOf(resource)), resource]),
    );
    this.invalid = byResource(configuration.faults);
    this.moduleFaults = byResource(this.faultsOfModules());
    this.faults = byResource([...translation.faults, ...this.faultsOfModules()]);
    this.warnings = byResource([...configuration.warnings, ...translation.warnings]);
  }

  /** @param object as it was read last, whatever of it is in effect. */
  of(key: string, object: KubernetesObject): ObjectStatus {
    const resource = this.input.translation.accepted.get(key);
    const listeners = resource === undefined ? undefined : this.listenersOf(key, resource);
    const progress = listeners && this.progressOf(listeners);
    const conditions = [
      this.acceptedCondition(key),
      this.degradedCondition(key),
      ...(this.isForProxies(object) ? [this.programmedCondition(listeners, progress)] : []),
    ];
    const { generation } = object.metadata;
    const lastTransitionTime = new Date(this.input.nowMs).toISOString().replace(/\.\d+Z$/, "Z");
    const observed = generation === undefined ? {} : { observedGeneration: generation };
    const warnings = linesOf(this.warnings.get(key) ?? []);
    return {
      ...observed,
      conditions: conditions.map((condition) => ({
        ...condition,
        lastTransitionTime,
        ...observed,
      })),
      ...(warnings.length > 0 && { warnings }),
      ...(progress !== undefined && {
        proxies: {
          asking: progress.proxies,
          acknowledged: progress.accepted,
          refused: progress.refused,
        },
        programmed: `${progress.accepted}/${progress.proxies}`,
      }),
    };
  }

  /** Those of the resource that binds the protocol. */
  private faultsOfModules(): readonly Fault[] {
    const { moduleFaults = [], translation } = this.input;
    return [...translation.accepted.values()].flatMap((resource) => {
      if (resource.kind !== "ApplicationProtocol" || resource.spec.module === undefined) return [];
      const { protocol } = resource.spec;
      const own = moduleFaults.filter((fault) => fault.protocol === protocol);
      return own.map(({ part, message }) => {
        const path = part === "module" ? "spec.module" : "spec.module.canary";
        return { file: undefined, line: undefined, resource: idOf(resource), path, message };
      });
    });
  }

  /**
   * What is wrong with a resource, one line each. Of a VirtualService, whose status is Istio's, also what is probably
   * not meant so.
   */
  notesOf(key: string): readonly string[] {
    const isVirtualService = this.resources.get(key)?.kind === "VirtualService";
    return linesOf([
      ...(this.invalid.get(key) ?? []),
      ...(this.faults.get(key) ?? []),
      ...(isVirtualService ? (this.warnings.get(key) ?? []) : []),
    ]);
  }

  private acceptedCondition(key: string): Omit<Condition, "lastTransitionTime"> {
    const invalid = this.invalid.get(key) ?? [];
    const isInEffect =
      this.input.translation.accepted.get(key) === this.resources.get(key) &&
      this.resources.has(key);
    const type = "Accepted";
    if (invalid.length > 0)
      return { type, status: "False", reason: "Invalid", message: textOf(invalid) };
    if (!isInEffect) {
      const message = textOf(this.faults.get(key) ?? []);
      return { type, status: "False", reason: "Refused", message };
    }
    return { type, status: "True", reason: "Accepted", message: "It is in effect as written." };
  }

  /** Others come before it, or what it refers to is gone. */
  private degradedCondition(key: string): Omit<Condition, "lastTransitionTime"> {
    const faults = this.faults.get(key) ?? [];
    const type = "Degraded";
    const reason = this.moduleFaults.has(key) ? "ModuleRefused" : "PartlyInEffect";
    return faults.length > 0
      ? { type, status: "True", reason, message: textOf(faults) }
      : { type, status: "False", reason: "AsExpected", message: "" };
  }

  private programmedCondition(
    listeners: readonly string[] | undefined,
    progress: Acknowledgement | undefined,
  ): Omit<Condition, "lastTransitionTime"> {
    const condition = programmedCondition(listeners, progress);
    const { incomplete } = this.input;
    const isAsTheyTell = condition.status === "True" || condition.reason === "NoProxies";
    if (incomplete === undefined || !isAsTheyTell) return condition;
    const message = shortened(`${condition.message} ${incomplete}`);
    return { ...condition, status: "Unknown", reason: "Incomplete", message };
  }

  private isForProxies({ kind }: KubernetesObject): boolean {
    return ROUTED_KINDS.has(kind);
  }

  /** The listeners that the resource says something of. */
  private listenersOf(key: string, resource: Resource): readonly string[] | undefined {
    const index = indexOf(this.input.translation.mesh);
    const { clusterDomain } = this.input;
    return affectedListeners(resource, index, this.ineffectivePaths(key), clusterDomain);
  }

  /** Parts of which something is reported: they have no effect, or not the one that is meant. */
  private ineffectivePaths(key: string): ReadonlySet<string> {
    const told = [...(this.faults.get(key) ?? []), ...(this.warnings.get(key) ?? [])];
    return new Set(told.map(({ path }) => path));
  }

  private progressOf(listeners: readonly string[]): Acknowledgement {
    const found = listeners.flatMap((name) => this.input.acknowledgements.get(name) ?? []);
    const sum = (count: (item: Acknowledgement) => number): number =>
      found.reduce((total, item) => total + count(item), 0);
    return {
      proxies: sum(({ proxies }) => proxies),
      accepted: sum(({ accepted }) => accepted),
      refused: sum(({ refused }) => refused),
      refusals: found.flatMap(({ refusals }) => refusals),
    };
  }
}

/** Kinds that end up in routes. */
const ROUTED_KINDS: ReadonlySet<string> = new Set<Resource["kind"]>([
  "ApplicationProtocol",
  "MetaRouter",
  "MetaAuthorizationPolicy",
  "DubboAuthorizationPolicy",
]);

/** Names of listeners. */
interface ListenerIndex {
  readonly byHost: ReadonlyMap<string, readonly string[]>;
  readonly byProtocol: ReadonlyMap<string, readonly string[]>;
  /** By `<namespace>/<name>` of an authorization policy. */
  readonly byPolicy: ReadonlyMap<string, readonly string[]>;
}

const indexes = new WeakMap<Pick<Mesh, "listeners">, ListenerIndex>();

function indexOf(mesh: Pick<Mesh, "listeners">): ListenerIndex {
  const known = indexes.get(mesh);
  if (known !== undefined) return known;
  const { listeners } = mesh;
  const index = {
    byHost: namesBy(listeners, ({ host }) => [canonicalHostName(host)]),
    byProtocol: namesBy(listeners, ({ protocol }) => [protocol]),
    byPolicy: namesBy(listeners, policiesOf),
  };
  indexes.set(mesh, index);
  return index;
}

function policiesOf({ filters }: Listener): readonly string[] {
  const names = filters.flatMap((filter) =>
    filter.kind === "authorization" ? filter.policies.map(({ name }) => name) : [],
  );
  return Array.from(new Set(names));
}

function namesBy(
  listeners: readonly Listener[],
  keysOf: (listener: Listener) => readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const listener of listeners) {
    for (const key of keysOf(listener)) {
      const names = found.get(key);
      if (names === undefined) found.set(key, [listener.name]);
      else names.push(listener.name);
    }
  }
  return found;
}

/** Undefined: resources of the kind are for no listeners. */
function affectedListeners(
  resource: Resource,
  { byHost, byProtocol, byPolicy }: ListenerIndex,
  ineffective: ReadonlySet<string>,
  clusterDomain: string,
): readonly string[] | undefined {
  const { namespace, name } = resource.metadata;
  switch (resource.kind) {
    case "MetaRouter": {
      const hosts = resource.spec.hosts.filter(
        (_, index) => !ineffective.has(`spec.hosts[${index}]`),
      );
      const meant = new Set(
        hosts.flatMap((host) => hostNameCandidates(host, namespace, clusterDomain)),
      );
      return Array.from(meant).flatMap((host) => byHost.get(host) ?? []);
    }
    case "MetaAuthorizationPolicy":
    case "DubboAuthorizationPolicy":
      return byPolicy.get(`${namespace}/${name}`) ?? [];
    case "ApplicationProtocol":
      if (ineffective.has("spec.protocol")) return [];
      return byProtocol.get(resource.spec.protocol) ?? [];
    default:
      return undefined;
  }
}

function programmedCondition(
  listeners: readonly string[] | undefined,
  progress: Acknowledgement | undefined,
): Omit<Condition, "lastTransitionTime"> {
  const type = "Programmed";
  if (listeners === undefined || progress === undefined)
    return { type, status: "False", reason: "NotAccepted", message: "No version is in effect." };
  const { proxies, accepted, refused, refusals } = progress;
  if (listeners.length === 0)
    return { type, status: "False", reason: "NoEffect", message: "It is for no service." };
  if (proxies === 0)
    return { type, status: "Unknown", reason: "NoProxies", message: "No proxy asks for it." };
  if (refused > 0) {
    const first = refusals[0];
    const why = first === undefined ? "" : `: ${first.node}: ${first.message}`;
    const message = shortened(`${refused} of ${proxies} proxies refuse it${why}`);
    return { type, status: "False", reason: "RefusedByProxies", message };
  }
  const message = `${accepted} of ${proxies} proxies have acknowledged it.`;
  return accepted < proxies
    ? { type, status: "False", reason: "Pending", message }
    : { type, status: "True", reason: "Acknowledged", message };
}

function byResource(faults: readonly Fault[]): ReadonlyMap<string, readonly Fault[]> {
  const found = new Map<string, Fault[]>();
  for (const fault of faults) {
    if (fault.resource === undefined) continue;
    const key = resourceKey(fault.resource);
    const list = found.get(key);
    if (list === undefined) found.set(key, [fault]);
    else list.push(fault);
  }
  return found;
}

function linesOf(faults: readonly Fault[]): readonly string[] {
  const lines = faults.map(({ path, message }) =>
    shortened(path === "" ? message : `${path}: ${message}`),
  );
  return lines.length <= MAX_LINES
    ? lines
    : [...lines.slice(0, MAX_LINES - 1), `and ${lines.length - MAX_LINES + 1} more`];
}

function textOf(faults: readonly Fault[]): string {
  return linesOf(faults).join("\n");
}

function shortened(text: string): string {
  return text.length <= MAX_LINE_LENGTH ? text : `${text.slice(0, MAX_LINE_LENGTH - 1)}…`;
}
