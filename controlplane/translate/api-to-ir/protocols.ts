import { type ApplicationProtocol, protocolNameFault } from "../../api/application-protocol.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";
import { compareText } from "./services.js";

/** Modules of this package: resources may name them also where their files are not at hand. */
const BUILT_IN: readonly string[] = ["dubbo", "thrift"];

/**
 * Which module speaks which protocol. A module speaks the protocol of its own name without being told so; an
 * ApplicationProtocol comes before that.
 *
 * @param modulesAtHand names of modules beside those of this package.
 */
export function modulesByProtocol(
  protocols: readonly ApplicationProtocol[],
  modulesAtHand: Iterable<string>,
  report: Report,
): ReadonlyMap<string, string> {
  const known = new Set([...BUILT_IN, ...modulesAtHand]);
  const modules = new Map<string, string>();
  for (const resource of byPrecedence(protocols)) {
    const { protocol, codec } = resource.spec;
    const module = moduleOfCodec(codec, known);
    if (module === undefined) {
      const names = Array.from(known).sort(compareText).join(", ");
      const message = `unknown codec \`${codec}\`: it must be a module, or end with \`.\` and a module; there are ${names}`;
      report.refuse(resource, "spec.codec", message);
    } else if (modules.has(protocol))
      report.fault(
        resource,
        "spec.protocol",
        `another ApplicationProtocol already binds \`${protocol}\`; this one has no effect`,
      );
    else modules.set(protocol, module);
  }
  for (const module of known)
    if (!modules.has(module) && protocolNameFault(module) === undefined)
      modules.set(module, module);
  return modules;
}

function moduleOfCodec(codec: string, known: ReadonlySet<string>): string | undefined {
  const candidates = [codec, codec.slice(codec.lastIndexOf(".") + 1)];
  return candidates.find((name) => known.has(name));
}
