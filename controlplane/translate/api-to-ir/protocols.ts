import type { ApplicationProtocol } from "../../api/application-protocol.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";

/** The modules that come with the control plane, by the name that a codec ends with. */
const MODULES: readonly string[] = ["dubbo", "thrift"];
/** Aeraki's name of the codec of a module. */
const CODEC_PREFIX = "aeraki.meta_protocol.codec.";

/**
 * Which module speaks which protocol. A module speaks the protocol of its own name without being told so; an
 * ApplicationProtocol comes before that.
 */
export function modulesByProtocol(
  protocols: readonly ApplicationProtocol[],
  report: Report,
): ReadonlyMap<string, string> {
  const modules = new Map<string, string>();
  for (const resource of byPrecedence(protocols)) {
    const { protocol, codec } = resource.spec;
    const name = codec.startsWith(CODEC_PREFIX) ? codec.slice(CODEC_PREFIX.length) : codec;
    if (!MODULES.includes(name)) {
      const known = MODULES.map((module) => CODEC_PREFIX + module).join(", ");
      report.refuse(resource, "spec.codec", `unknown codec \`${codec}\`; there are ${known}`);
    } else if (modules.has(protocol))
      report.fault(
        resource,
        "spec.protocol",
        `another ApplicationProtocol already binds \`${protocol}\`; this one has no effect`,
      );
    else modules.set(protocol, name);
  }
  for (const module of MODULES) if (!modules.has(module)) modules.set(module, module);
  return modules;
}
