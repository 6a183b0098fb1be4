// Listeners whose bytes are passed on as they are, and counted by a filter of Envoy's own.
import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { Listener as XdsListener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import {
  type Filter,
  FilterSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { KafkaBrokerSchema } from "../../gen/envoy/extensions/filters/network/kafka_broker/v3/kafka_broker_pb.js";
import { TcpProxySchema } from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { ZooKeeperProxySchema } from "../../gen/envoy/extensions/filters/network/zookeeper_proxy/v3/zookeeper_proxy_pb.js";
import type { TcpListener } from "../../ir/mesh.js";
import type { PeerTimeouts } from "./peer-timeouts.js";
import { statPrefixOf, stockListener } from "./stock-listener.js";

/** It stands before tcp_proxy; undefined: there is none. */
export function statsFilter(from: TcpListener): Filter | undefined {
  const statPrefix = statPrefixOf(from);
  switch (from.statsFilter) {
    case undefined:
      return undefined;
    case "kafka":
      return create(FilterSchema, {
        name: "envoy.filters.network.kafka_broker",
        configType: {
          case: "typedConfig",
          value: anyPack(KafkaBrokerSchema, create(KafkaBrokerSchema, { statPrefix })),
        },
      });
    case "zookeeper":
      return create(FilterSchema, {
        name: "envoy.filters.network.zookeeper_proxy",
        configType: {
          case: "typedConfig",
          value: anyPack(ZooKeeperProxySchema, create(ZooKeeperProxySchema, { statPrefix })),
        },
      });
  }
}

/** @param address IP address to bind. */
export function tcpListener(
  from: TcpListener,
  address: string,
  timeouts: PeerTimeouts,
): XdsListener {
  const proxy = create(TcpProxySchema, {
    statPrefix: statPrefixOf(from),
    clusterSpecifier: { case: "cluster", value: from.cluster },
  });
  const proxyFilter = create(FilterSchema, {
    name: "envoy.filters.network.tcp_proxy",
    configType: { case: "typedConfig", value: anyPack(TcpProxySchema, proxy) },
  });
  const filters = [statsFilter(from), proxyFilter].filter((filter) => filter !== undefined);
  return stockListener(from, { address, timeouts, filters });
}
