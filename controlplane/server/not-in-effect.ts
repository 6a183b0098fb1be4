// What has a fault and no version that worked since the control plane started: told apart from what merely has a
// fault, because something is missing in the mesh. After a restart that may be what was served before it.
import type { Configuration } from "../api/configuration.js";
import { type Fault, type ResourceId, resourceKey } from "../api/fault.js";
import type { Resource } from "../api/kinds.js";
import type { Translation } from "../translate/api-to-ir/translate-to-mesh.js";

const CONSEQUENCES: Readonly<Record<Resource["kind"], string>> = {
  ServiceEntry: "its hosts are not served",
  MetaRouter: "its hosts are routed as if it did not exist",
  VirtualService: "its hosts are routed as if it did not exist",
  DestinationRule: "its subsets and policies do not exist",
  Gateway: "its ports are not managed",
  RedisService: "its hosts are routed as if it did not exist",
  RedisDestination: "its policies do not exist",
  WorkloadEntry: "its address gets no requests",
  MetaAuthorizationPolicy: "nothing is allowed or denied by it",
  DubboAuthorizationPolicy: "nothing is allowed or denied by it",
  ApplicationProtocol: "its protocol is not bound to a codec",
};

export interface ConfigurationInEffect {
  readonly configuration: Configuration;
  readonly translation: Pick<Translation, "accepted" | "faults">;
  /** A fault of the directory itself takes nothing out of effect. Undefined: there is no directory. */
  readonly directory: string | undefined;
}

/** One line for each resource and each file of which nothing is in effect. */
export function notInEffect(state: ConfigurationInEffect): string[] {
  const { configuration, translation, directory } = state;
  const served = new Set(configuration.resources.map(({ origin }) => origin?.file));
  const lines = [...configuration.faults, ...translation.faults].flatMap((fault) => {
    const { file, resource } = fault;
    if (resource !== undefined && resource.name !== "") {
      const isAccepted = translation.accepted.has(resourceKey(resource));
      return isAccepted ? [] : [resourceLine(fault, resource)];
    }
    const isSilent = file === undefined || file === directory || served.has(file);
    return isSilent ? [] : [`${file} has no last good version: nothing in it is in effect`];
  });
  return [...new Set(lines)];
}

function resourceLine({ file }: Fault, { kind, namespace, name: ownName }: ResourceId): string {
  const place = file === undefined ? "" : `${file}: `;
  const name = file === undefined && namespace !== "" ? `${namespace}/${ownName}` : ownName;
  const consequence = Object.hasOwn(CONSEQUENCES, kind)
    ? CONSEQUENCES[kind as Resource["kind"]]
    : "nothing of it is in effect";
  return `${place}${kind}/${name} has no last good version: ${consequence}`;
}
