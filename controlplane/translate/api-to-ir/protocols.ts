import { type ApplicationProtocol, protocolNameFault } from "../../api/application-protocol.js";
import type { FrameDescription } from "../../api/frame/description.js";
import type { ModuleSettings } from "../../api/module-settings.js";
import type { ModuleSource } from "../../api/module-source.js";
import { compileFrame } from "../../frame/compile.js";
import {
  type Canary,
  DEFAULT_SETTINGS,
  type ModuleSettings as Settings,
  type ModuleSource as Source,
  type Protocol,
} from "../../ir/protocol.js";
import { parseReference } from "../../oci/reference.js";
import { errorMessage } from "../../runtime/error-message.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";
import { compareText } from "./services.js";

/** Modules of this package: resources may name them also where their files are not at hand. */
const BUILT_IN: readonly string[] = [
  "awesomerpc",
  "bolt",
  "brpc",
  "dubbo",
  "kafka",
  "redis",
  "tars",
  "thrift",
  "trpc",
  "zookeeper",
];
/** Executes descriptions of protocols; without one it speaks nothing. */
const FRAME_MODULE = "frame";

const CONNECTION_MODES = {
  SHARED: "shared",
  IN_ORDER: "inOrder",
  EXCLUSIVE: "exclusive",
  DEDICATED: "dedicated",
} as const;

export interface BoundProtocol {
  readonly protocol: Protocol;
  /** Undefined: the protocol has its module's name, and nobody says anything of it. */
  readonly resource: ApplicationProtocol | undefined;
}

/**
 * All protocols that a port may name. A module speaks the protocol of its own name without being told so; an
 * ApplicationProtocol comes before that.
 *
 * @param modulesAtHand names of modules beside those of this package.
 */
export function protocolsByName(
  protocols: readonly ApplicationProtocol[],
  modulesAtHand: Iterable<string>,
  report: Report,
  isUnderIstio = false,
): ReadonlyMap<string, BoundProtocol> {
  const known = new Set([...BUILT_IN, ...modulesAtHand]);
  known.delete(FRAME_MODULE);
  const bound = new Map<string, BoundProtocol>();
  for (const resource of byPrecedence(protocols)) {
    const { protocol } = resource.spec;
    const spoken = spokenBy(
      isUnderIstio ? asUnderIstio(resource, report) : resource,
      known,
      report,
    );
    if (spoken === undefined) continue;
    if (bound.has(protocol))
      report.fault(
        resource,
        "spec.protocol",
        `another ApplicationProtocol already binds \`${protocol}\`; this one has no effect`,
      );
    else bound.set(protocol, { protocol: spoken, resource });
  }
  for (const module of known)
    if (!bound.has(module) && protocolNameFault(module) === undefined)
      bound.set(module, {
        protocol: { name: module, module, settings: DEFAULT_SETTINGS },
        resource: undefined,
      });
  return bound;
}

/** Undefined, with a fault: nothing speaks it. */
function spokenBy(
  resource: ApplicationProtocol,
  known: ReadonlySet<string>,
  report: Report,
): Protocol | undefined {
  const { protocol, codec = "", module: from, frame, settings } = resource.spec;
  if (from !== undefined) return fetchedProtocol(resource, from, report);
  if (frame !== undefined) return describedProtocol(resource, frame, report);
  const module = moduleOfCodec(codec, known);
  if (module !== undefined) return { name: protocol, module, settings: settingsOf(settings) };
  const names = Array.from(known).sort(compareText).join(", ");
  report.refuse(
    resource,
    "spec.codec",
    `unknown codec \`${codec}\`: it must be a module, or end with \`.\` and a module; there are ${names}`,
  );
  return undefined;
}

/** Spoken by a module from elsewhere; whatever is known of the codec that it names holds for it. */
function fetchedProtocol(
  resource: ApplicationProtocol,
  from: ModuleSource,
  report: Report,
): Protocol | undefined {
  const { protocol, codec = protocol, settings } = resource.spec;
  const links = [
    ["spec.module.url", from.url],
    ["spec.module.canary.url", from.canary?.url],
  ] as const;
  const faults = links.flatMap(([path, url]) => {
    const message = url?.startsWith("oci://") === true ? referenceFault(url) : undefined;
    return message === undefined ? [] : [{ path, message }];
  });
  for (const { path, message } of faults) report.refuse(resource, path, message);
  if (faults.length > 0) return undefined;
  const { canary } = from;
  return {
    name: protocol,
    module: codec.slice(codec.lastIndexOf(".") + 1),
    source: sourceOf(from, from.url, from.sha256),
    ...(canary !== undefined && { canary: canaryOf(from, canary) }),
    settings: settingsOf(settings),
  };
}

/** Without a canary that EnvoyFilters cannot choose. */
function asUnderIstio(resource: ApplicationProtocol, report: Report): ApplicationProtocol {
  const { module } = resource.spec;
  const fault = module?.canary && canaryFaultOf(module.canary);
  if (module === undefined || fault === undefined) return resource;
  report.fault(resource, "spec.module.canary", fault);
  return { ...resource, spec: { ...resource.spec, module: { ...module, canary: undefined } } };
}

function canaryFaultOf(canary: NonNullable<ModuleSource["canary"]>): string | undefined {
  const { labels = {}, percent = 100 } = canary;
  if (percent !== 100)
    return "under Istio canaries are chosen by `labels` only, not by `percent`: it goes to no proxy";
  if (Object.keys(labels).length === 0)
    return "under Istio it needs `labels` of workloads: it goes to no proxy";
  return undefined;
}

function canaryOf(from: ModuleSource, canary: NonNullable<ModuleSource["canary"]>): Canary {
  const { url, sha256, labels = {}, percent = 100 } = canary;
  const source = url === undefined ? undefined : sourceOf(from, url, sha256);
  return { source, labels, percent };
}

function sourceOf(
  { imagePullPolicy, publicKey }: ModuleSource,
  url: string,
  sha256: string | undefined,
): Source {
  const isFile = url.startsWith("file:");
  const isPinned = sha256 !== undefined || url.includes("@sha256:");
  const isLatest =
    url.startsWith("oci:") && (url.endsWith(":latest") || !/:[^/]*$/.test(url.slice(6)));
  const isAlways = (imagePullPolicy ?? (isLatest ? "Always" : "IfNotPresent")) === "Always";
  return { url, sha256, isVolatile: isFile || (isAlways && !isPinned), publicKey };
}

function referenceFault(url: string): string | undefined {
  try {
    parseReference(url);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

function describedProtocol(
  resource: ApplicationProtocol,
  description: FrameDescription,
  report: Report,
): Protocol | undefined {
  const { protocol, settings } = resource.spec;
  const compilation = compileFrame(description, protocol);
  if (compilation.outcome === "refused") {
    for (const { path, message } of compilation.faults)
      report.refuse(resource, path === "" ? "spec.frame" : `spec.frame.${path}`, message);
    return undefined;
  }
  const { table, isMutable } = compilation.frame;
  const codecConfiguration = Buffer.from(table).toString("base64");
  return {
    name: protocol,
    module: FRAME_MODULE,
    settings: { ...settingsOf(settings), codecConfiguration },
    isImmutable: !isMutable,
  };
}

function moduleOfCodec(codec: string, known: ReadonlySet<string>): string | undefined {
  const candidates = [codec, codec.slice(codec.lastIndexOf(".") + 1)];
  return candidates.find((name) => known.has(name));
}

function settingsOf(settings: ModuleSettings): Settings {
  const { connectionMode, limits } = settings;
  return {
    ...settings,
    connectionMode: connectionMode && CONNECTION_MODES[connectionMode],
    limits: limits ?? {},
    codecConfiguration: undefined,
  };
}
