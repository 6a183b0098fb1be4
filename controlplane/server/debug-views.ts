// The state of the control plane as JSON, for people and for `metaproto status` and `metaproto routes`.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import type { Configuration } from "../api/configuration.js";
import { type Fault, formatFault } from "../api/fault.js";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../gen/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../gen/metaproto/v1/route_pb.js";
import { FILTER_SCHEMAS } from "../translate/ir-to-routes/filters.js";
import { resourceJson } from "../translate/ir-to-xds/type-registry.js";
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  EXTENSION_CONFIG_TYPE,
  LISTENER_TYPE,
  RESOURCE_TYPES,
  ROUTES_TYPE,
} from "../xds/resource-type.js";
import type { Mesh } from "../ir/mesh.js";
import type { Snapshot } from "../xds/snapshot.js";
import { withoutSecrets } from "./secrets.js";

const SCHEMAS: ReadonlyMap<string, DescMessage> = new Map<string, DescMessage>([
  [CLUSTER_TYPE.typeUrl, ClusterSchema],
  [ENDPOINT_TYPE.typeUrl, ClusterLoadAssignmentSchema],
  [LISTENER_TYPE.typeUrl, ListenerSchema],
  [EXTENSION_CONFIG_TYPE.typeUrl, TypedExtensionConfigSchema],
  [ROUTES_TYPE.typeUrl, RouteConfigurationSchema],
]);

/** Base64 longer than this is of no use to a reader: code of modules, automata of patterns. */
const MAX_BASE64_LENGTH = 256;
const BYTES_FIELDS: ReadonlySet<string> = new Set(["inline_bytes", "dfa"]);

function withoutLongBytes(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutLongBytes);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]): [string, JsonValue] => {
      const isLong =
        BYTES_FIELDS.has(key) && typeof child === "string" && child.length > MAX_BASE64_LENGTH;
      if (!isLong) return [key, withoutLongBytes(child)];
      return [key, `(${Buffer.byteLength(child, "base64")} bytes)`];
    }),
  );
}

/** With the configurations of filters as what they are: they are bytes in bytes. */
function withReadableFilters(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withReadableFilters);
  if (value === null || typeof value !== "object") return value;
  const { name, config } = value;
  const schema = typeof name === "string" ? FILTER_SCHEMAS.get(name) : undefined;
  if (schema !== undefined && typeof config === "string")
    return {
      ...value,
      config: resourceJson(schema, fromBinary(schema, Buffer.from(config, "base64"))),
    };
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, withReadableFilters(child)]),
  );
}

/** What was read, and what is wrong with it. */
export function resourcesView(configuration: Configuration, faults: readonly Fault[]): unknown {
  return {
    resources: configuration.resources.map(({ kind, apiVersion, metadata, spec, origin }) => ({
      kind,
      apiVersion,
      metadata,
      spec: withoutSecrets(spec),
      file: origin?.file,
      line: origin?.lines.get(""),
    })),
    faults: faults.map(formatFault),
  };
}

/** What was made of it. */
export function meshView(mesh: Mesh): unknown {
  return withoutSecrets(mesh);
}

/** @param typeName such as `LDS`; undefined: all types. */
export function snapshotView(snapshot: Snapshot, typeName: string | undefined): JsonValue {
  const types: JsonObject = {};
  for (const { name, typeUrl } of RESOURCE_TYPES) {
    const set = snapshot.types.get(typeUrl);
    const schema = SCHEMAS.get(typeUrl);
    if (set === undefined || schema === undefined) continue;
    if (typeName !== undefined && typeName.toLowerCase() !== name.toLowerCase()) continue;
    types[name] = {
      version: set.version,
      resources: [...set.resources.values()].map((resource) => ({
        name: resource.name,
        version: resource.version,
        resource: withoutLongBytes(
          withReadableFilters(
            withoutSecrets(resourceJson(schema, fromBinary(schema, resource.value))),
          ),
        ),
      })),
    };
  }
  return { version: snapshot.version, types };
}
