// Istio's configuration of the whole mesh, as istiod reads it: the ConfigMap `istio`, key `mesh`.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
import { setTimeout as pause } from "node:timers/promises";
import { parse } from "yaml";
import { isObject } from "../../api/schema/composites.js";
import { ApiError, type KubernetesApi } from "../../kubernetes/api.js";
import { Backoff } from "../../kubernetes/backoff.js";
import { type ResourceType, resourcePath } from "../../kubernetes/object.js";
import { Reflector } from "../../kubernetes/reflector.js";
import { errorMessage } from "../../runtime/error-message.js";
import type { Logger } from "../../runtime/logger.js";

/** What of it matters here; undefined and empty: it does not say. */
export interface MeshConfig {
  readonly rootNamespace: string | undefined;
  readonly trustDomain: string | undefined;
  /** Of Services and ServiceEntries that do not say to whom they are exported. */
  readonly defaultServiceExportTo: readonly string[];
  readonly defaultDestinationRuleExportTo: readonly string[];
}

export interface MeshConfigPlace {
  readonly namespace: string;
  /** Of the ConfigMap. */
  readonly name: string;
}

export const NO_MESH_CONFIG: MeshConfig = {
  rootNamespace: undefined,
  trustDomain: undefined,
  defaultServiceExportTo: [],
  defaultDestinationRuleExportTo: [],
};

const CONFIG_MAPS: ResourceType = {
  kind: "ConfigMap",
  group: "",
  versions: ["v1"],
  plural: "configmaps",
  namespaced: true,
};
const KEY = "mesh";
const MIN_RETRY_MS = 250;
const MAX_RETRY_MS = 30_000;

/** Waits for as long as the cluster does not answer. What cannot be read, or is no such thing, says nothing. */
export async function readMeshConfig(
  api: KubernetesApi,
  place: MeshConfigPlace,
  logger: Logger,
): Promise<MeshConfig> {
  const path = resourcePath(CONFIG_MAPS, place);
  const what = `the ConfigMap ${place.namespace}/${place.name}`;
  const backoff = new Backoff({ minMs: MIN_RETRY_MS, maxMs: MAX_RETRY_MS });
  for (;;) {
    try {
      const found = await api.request({ method: "GET", path });
      return meshConfigOf((found as { data?: Readonly<Record<string, string>> }).data?.[KEY] ?? "");
    } catch (error) {
      const { status, message } = ApiError.from(error);
      if (error instanceof ApiError && (status === 0 || status === 429 || status >= 500)) {
        logger.warn(`${what} could not be read, and is tried again: ${message}`);
        await pause(backoff.next());
        continue;
      }
      logger.info(`${what} is not read, options count: ${errorMessage(error)}`);
      return NO_MESH_CONFIG;
    }
  }
}

/** Tells of each change; what is no such thing, or is gone, changes nothing. */
export class MeshConfigWatch {
  private readonly reflector: Reflector;
  private text: string | undefined;

  constructor(
    api: KubernetesApi,
    private readonly place: MeshConfigPlace,
    private readonly logger: Logger,
    private readonly onChange: (config: MeshConfig) => void,
  ) {
    this.reflector = new Reflector({
      api,
      type: CONFIG_MAPS,
      namespace: place.namespace,
      // Permissions for one name hold for lists that say that they are of it only.
      fieldSelector: `metadata.name=${place.name}`,
      onChange: () => this.read(),
    });
  }

  start(): void {
    this.reflector.start();
  }

  stop(): Promise<void> {
    return this.reflector.stop();
  }

  private read(): void {
    const { namespace, name } = this.place;
    const found = this.reflector.objects.get(`${namespace}/${name}`);
    if (found === undefined) return;
    const text = (found as { data?: Readonly<Record<string, string>> }).data?.[KEY] ?? "";
    if (text === this.text) return;
    this.text = text;
    try {
      this.onChange(meshConfigOf(text));
    } catch (error) {
      const reason = errorMessage(error);
      this.logger.warn(`the ConfigMap ${namespace}/${name} stays as it was in effect: ${reason}`);
    }
  }
}

/** @param text YAML. @throws Error when it is none. */
export function meshConfigOf(text: string): MeshConfig {
  const parsed: unknown = parse(text);
  const config = isObject(parsed) ? parsed : {};
  return {
    rootNamespace: textOf(config["rootNamespace"]),
    trustDomain: textOf(config["trustDomain"]),
    defaultServiceExportTo: listOf(config["defaultServiceExportTo"]),
    defaultDestinationRuleExportTo: listOf(config["defaultDestinationRuleExportTo"]),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === "string" && item !== "")
    : [];
}
