// The clusters that carry a module's upstream connections to its internal listener.
import { create } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Cluster as XdsCluster,
  Cluster_DiscoveryType as DiscoveryType,
  ClusterSchema,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { circuitBreakers } from "./cluster.js";
import { BLACKHOLE_CLUSTER } from "./names.js";

/** A connection to an internal listener never leaves the process: what takes longer has failed. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * The cluster whose only endpoint is the internal listener of the same name. Each call of a module to it becomes
 * one connection, because a connection serves one request, and none waits for another, because nothing is bounded.
 */
export function dialCluster(name: string): XdsCluster {
  const protocolOptions = create(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { maxRequestsPerConnection: 1 },
    upstreamProtocolOptions: {
      case: "explicitHttpConfig",
      value: { protocolConfig: { case: "httpProtocolOptions", value: {} } },
    },
  });
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: DiscoveryType.STATIC },
    connectTimeout: durationFromMs(CONNECT_TIMEOUT_MS),
    circuitBreakers: circuitBreakers({}),
    typedExtensionProtocolOptions: {
      [HttpProtocolOptionsSchema.typeName]: anyPack(HttpProtocolOptionsSchema, protocolOptions),
    },
    loadAssignment: {
      clusterName: name,
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                case: "endpoint",
                value: {
                  address: {
                    address: {
                      case: "envoyInternalAddress",
                      value: {
                        addressNameSpecifier: { case: "serverListenerName", value: name },
                      },
                    },
                  },
                },
              },
            },
          ],
        },
      ],
    },
  });
}

/** What the internal listener proxies to when the module named no cluster: nothing. */
export function blackholeCluster(): XdsCluster {
  return create(ClusterSchema, {
    name: BLACKHOLE_CLUSTER,
    clusterDiscoveryType: { case: "type", value: DiscoveryType.STATIC },
    connectTimeout: durationFromMs(CONNECT_TIMEOUT_MS),
    loadAssignment: { clusterName: BLACKHOLE_CLUSTER },
  });
}
