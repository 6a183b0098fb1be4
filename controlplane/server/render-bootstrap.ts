// Bootstraps of stock Envoys as text, for `envoy -c`.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type Bootstrap, BootstrapSchema } from "../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { type BootstrapOptions, bootstrap } from "../translate/ir-to-xds/bootstrap.js";
import { resourceJson } from "../translate/ir-to-xds/type-registry.js";
import { yamlDocument } from "./yaml-document.js";

export type { BootstrapOptions };

/** Top-level fields in the order in which one reads them. */
const FIELD_ORDER = [
  "node",
  "admin",
  "bootstrap_extensions",
  "stats_config",
  "dynamic_resources",
  "static_resources",
];

function inReadingOrder(json: JsonValue): JsonObject {
  const fields = Object.entries(json as JsonObject);
  const rank = ([name]: [string, JsonValue]): number => {
    const index = FIELD_ORDER.indexOf(name);
    return index === -1 ? FIELD_ORDER.length : index;
  };
  return Object.fromEntries(fields.sort((a, b) => rank(a) - rank(b)));
}

export function bootstrapYaml(message: Bootstrap, comment: readonly string[]): string {
  return yamlDocument(inReadingOrder(resourceJson(BootstrapSchema, message)), comment);
}

/** The bootstrap of a proxy that takes its configuration from a control plane. */
export function renderBootstrap(options: BootstrapOptions): string {
  return bootstrapYaml(bootstrap(options), [
    `Stock Envoy, node ${options.nodeId}: listeners, clusters, modules and routes come from the control plane.`,
  ]);
}
