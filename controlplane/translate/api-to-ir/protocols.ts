import { type ApplicationProtocol, protocolNameFault } from "../../api/application-protocol.js";
import type { ModuleSettings } from "../../api/module-settings.js";
import {
  DEFAULT_SETTINGS,
  type ModuleSettings as Settings,
  type Protocol,
} from "../../ir/protocol.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";
import { compareText } from "./services.js";

/** Modules of this package: resources may name them also where their files are not at hand. */
const BUILT_IN: readonly string[] = ["dubbo", "thrift"];

const CONNECTION_MODES = {
  SHARED: "shared",
  IN_ORDER: "inOrder",
  EXCLUSIVE: "exclusive",
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
): ReadonlyMap<string, BoundProtocol> {
  const known = new Set([...BUILT_IN, ...modulesAtHand]);
  const bound = new Map<string, BoundProtocol>();
  for (const resource of byPrecedence(protocols)) {
    const { protocol, codec, settings } = resource.spec;
    const module = moduleOfCodec(codec, known);
    if (module === undefined) {
      const names = Array.from(known).sort(compareText).join(", ");
      const message = `unknown codec \`${codec}\`: it must be a module, or end with \`.\` and a module; there are ${names}`;
      report.refuse(resource, "spec.codec", message);
    } else if (bound.has(protocol))
      report.fault(
        resource,
        "spec.protocol",
        `another ApplicationProtocol already binds \`${protocol}\`; this one has no effect`,
      );
    else
      bound.set(protocol, {
        protocol: { name: protocol, module, settings: settingsOf(settings) },
        resource,
      });
  }
  for (const module of known)
    if (!bound.has(module) && protocolNameFault(module) === undefined)
      bound.set(module, {
        protocol: { name: module, module, settings: DEFAULT_SETTINGS },
        resource: undefined,
      });
  return bound;
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
  };
}
