// Every message that may stand in a google.protobuf.Any of a resource, for its canonical JSON.
import { type JsonValue, createRegistry, toJson } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../../gen/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { RedisClusterConfigSchema } from "../../gen/envoy/extensions/clusters/redis/v3/redis_cluster_pb.js";
import { InternalListenerSchema } from "../../gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.js";
import { EchoSchema } from "../../gen/envoy/extensions/filters/network/echo/v3/echo_pb.js";
import {
  RedisProtocolOptionsSchema,
  RedisProxySchema,
} from "../../gen/envoy/extensions/filters/network/redis_proxy/v3/redis_proxy_pb.js";
import { KafkaBrokerSchema } from "../../gen/envoy/extensions/filters/network/kafka_broker/v3/kafka_broker_pb.js";
import { ZooKeeperProxySchema } from "../../gen/envoy/extensions/filters/network/zookeeper_proxy/v3/zookeeper_proxy_pb.js";
import { TcpProxySchema } from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { WasmSchema } from "../../gen/envoy/extensions/filters/network/wasm/v3/wasm_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { RouteConfigurationSchema } from "../../gen/metaproto/v1/route_pb.js";

export const typeRegistry = createRegistry(
  ClusterSchema,
  ClusterLoadAssignmentSchema,
  DownstreamTlsContextSchema,
  EchoSchema,
  HttpProtocolOptionsSchema,
  InternalListenerSchema,
  KafkaBrokerSchema,
  ListenerSchema,
  RedisClusterConfigSchema,
  RedisProtocolOptionsSchema,
  RedisProxySchema,
  RouteConfigurationSchema,
  StringValueSchema,
  TcpProxySchema,
  TypedExtensionConfigSchema,
  UpstreamTlsContextSchema,
  WasmSchema,
  ZooKeeperProxySchema,
);

/**
 * Canonical JSON with the field names of the .proto files, as Envoy's own documentation writes them, and the type
 * of an Any before its fields.
 */
export function resourceJson<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): JsonValue {
  return typesFirst(toJson(schema, message, { registry: typeRegistry, useProtoFieldName: true }));
}

function typesFirst(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(typesFirst);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, child]) => [key, typesFirst(child)] as const);
  const isType = ([key]: readonly [string, JsonValue]): boolean => key === "@type";
  return Object.fromEntries([
    ...entries.filter(isType),
    ...entries.filter((entry) => !isType(entry)),
  ]);
}
