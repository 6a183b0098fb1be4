// What the controller has to know of the mesh as a whole: options, else what Istio's own configuration says.
import { InvalidArgumentError, Option } from "commander";
import { canonicalHostName, DEFAULT_CLUSTER_DOMAIN } from "../api/host-name.js";
import type { KubernetesApi } from "../kubernetes/api.js";
import type { Logger } from "../runtime/logger.js";
import type {
  MeshConfig,
  MeshConfigPlace,
  MeshConfigWatch,
} from "../stores/kubernetes/mesh-config.js";
import type { DefaultExportTo } from "../translate/api-to-ir/istio-facts.js";
import { DEFAULT_ROOT_NAMESPACE } from "../translate/api-to-ir/root-namespace.js";

export interface MeshFlags {
  readonly rootNamespace: string | undefined;
  readonly trustDomain: string | undefined;
  readonly clusterDomain: string;
  readonly meshConfig: MeshConfigPlace;
  readonly waypoints: boolean;
}

export interface MeshSettings {
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly defaultExportTo: DefaultExportTo;
}

interface MeshWatchContext {
  readonly api: KubernetesApi;
  readonly logger: Logger;
  /** What this was started with. */
  readonly before: MeshSettings;
}

export function meshOptions(): readonly Option[] {
  return [
    new Option("--mesh-config <namespace/name>", "ConfigMap of Istio's mesh configuration")
      .argParser(meshConfigPlace)
      .default({ namespace: "istio-system", name: "istio" }, "istio-system/istio"),
    new Option(
      "--root-namespace <name>",
      "of Istio; default: of the mesh configuration, or istio-system",
    ),
    new Option(
      "--trust-domain <name>",
      "in the identity that proxies expect; default: of the mesh configuration, or cluster.local",
    ),
    new Option("--cluster-domain <name>", "of the hosts of Services").default(
      DEFAULT_CLUSTER_DOMAIN,
    ),
    new Option(
      "--waypoints",
      "experimental: also manage what passes waypoints of Istio's ambient mode",
    ).default(false, "no"),
  ];
}

export async function meshSettingsOf(
  flags: MeshFlags,
  api: KubernetesApi,
  logger: Logger,
): Promise<MeshSettings> {
  const { readMeshConfig } = await import("../stores/kubernetes/mesh-config.js");
  return settingsOf(flags, await readMeshConfig(api, flags.meshConfig, logger));
}

/** Keeps `mesh` at what holds; to be stopped. */
export async function startMeshWatch(
  flags: MeshFlags,
  { api, logger, before }: MeshWatchContext,
  mesh: { readonly updateMesh: (settings: MeshSettings) => void },
): Promise<MeshConfigWatch> {
  const { MeshConfigWatch: Watch } = await import("../stores/kubernetes/mesh-config.js");
  const watch = new Watch(api, flags.meshConfig, logger, (config) => {
    const now = settingsOf(flags, config);
    mesh.updateMesh(now);
    if (now.trustDomain !== before.trustDomain)
      logger.warn(`the trust domain is ${now.trustDomain} now: restart this to be known by it`);
  });
  watch.start();
  return watch;
}

/** Options come before what the mesh says. */
function settingsOf(
  { rootNamespace, trustDomain, clusterDomain }: MeshFlags,
  mesh: MeshConfig,
): MeshSettings {
  return {
    rootNamespace: rootNamespace ?? mesh.rootNamespace ?? DEFAULT_ROOT_NAMESPACE,
    trustDomain: trustDomain ?? mesh.trustDomain ?? DEFAULT_CLUSTER_DOMAIN,
    clusterDomain: canonicalHostName(clusterDomain),
    defaultExportTo: {
      services: mesh.defaultServiceExportTo,
      destinationRules: mesh.defaultDestinationRuleExportTo,
    },
  };
}

function meshConfigPlace(text: string): MeshConfigPlace {
  const [namespace = "", name = "", ...more] = text.split("/");
  if (namespace === "" || name === "" || more.length > 0)
    throw new InvalidArgumentError("Must be <namespace>/<name>.");
  return { namespace, name };
}
