// Listeners: one for each managed port, and one internal listener for each version of a module.
import { create } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { TrafficDirection } from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  type Listener as XdsListener,
  ListenerSchema,
} from "../../gen/envoy/config/listener/v3/listener_pb.js";
import {
  type Filter,
  FilterSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { EchoSchema } from "../../gen/envoy/extensions/filters/network/echo/v3/echo_pb.js";
import { TcpProxySchema } from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import type { Listener } from "../../ir/mesh.js";
import { BLACKHOLE_CLUSTER, METADATA_NAMESPACE, ROUTE_CONFIGURATION_KEY } from "./names.js";
import { type PeerTimeouts, listenerSocketOptions, unreadTimeout } from "./peer-timeouts.js";
import { downstreamTransportSocket } from "./tls.js";

/** Filter state that a module sets to choose an endpoint by consistent hashing. */
const HASH_KEY = "envoy.hashable_string";

/** Sends to the client what the module puts into the connection's read buffer. */
export function echoFilter(): Filter {
  return create(FilterSchema, {
    name: "envoy.filters.network.echo",
    configType: { case: "typedConfig", value: anyPack(EchoSchema, create(EchoSchema)) },
  });
}

/** Carries an upstream connection to the cluster that the module names in its filter state. */
function tcpProxyFilter(statPrefix: string): Filter {
  const config = create(TcpProxySchema, {
    statPrefix,
    clusterSpecifier: { case: "cluster", value: BLACKHOLE_CLUSTER },
    // The module probes and closes idle connections itself. Envoy's default is one hour.
    idleTimeout: durationFromMs(0),
    maxConnectAttempts: 1,
    hashPolicy: [{ policySpecifier: { case: "filterState", value: { key: HASH_KEY } } }],
  });
  return create(FilterSchema, {
    name: "envoy.filters.network.tcp_proxy",
    configType: { case: "typedConfig", value: anyPack(TcpProxySchema, config) },
  });
}

/** @param address IP address to bind. */
export function listener(
  from: Listener,
  address: string,
  wasmFilter: Filter,
  timeouts: PeerTimeouts,
): XdsListener {
  return create(ListenerSchema, {
    name: from.name,
    ...unreadTimeout(timeouts),
    socketOptions: listenerSocketOptions(timeouts),
    address: {
      address: {
        case: "socketAddress",
        value: { address, portSpecifier: { case: "portValue", value: from.port } },
      },
    },
    metadata: {
      filterMetadata: { [METADATA_NAMESPACE]: { [ROUTE_CONFIGURATION_KEY]: from.name } },
    },
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      {
        filters: [wasmFilter, echoFilter()],
        ...(from.downstreamTls === undefined
          ? {}
          : { transportSocket: downstreamTransportSocket(from.downstreamTls) }),
      },
    ],
  });
}

export function internalListener(name: string, wasmFilter: Filter): XdsListener {
  return create(ListenerSchema, {
    name,
    listenerSpecifier: { case: "internalListener", value: {} },
    filterChains: [{ filters: [wasmFilter, tcpProxyFilter(name)] }],
  });
}
