// The bootstrap of a stock Envoy that takes everything else from the control plane.
import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Bootstrap,
  BootstrapSchema,
  type MemoryAllocatorManager,
  MemoryAllocatorManagerSchema,
} from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import {
  type Cluster as XdsCluster,
  Cluster_DiscoveryType as DiscoveryType,
  ClusterSchema,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { type Address, AddressSchema } from "../../gen/envoy/config/core/v3/address_pb.js";
import {
  ApiConfigSource_ApiType as ApiType,
  ApiConfigSourceSchema,
  ApiVersion,
} from "../../gen/envoy/config/core/v3/config_source_pb.js";
import {
  type TypedExtensionConfig,
  TypedExtensionConfigSchema,
} from "../../gen/envoy/config/core/v3/extension_pb.js";
import { InternalListenerSchema } from "../../gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.js";
import { adsConfigSource } from "./ads-config-source.js";
import { discoveryConnection } from "./discovery-connection.js";
import { DISCOVERY_CLUSTER } from "./names.js";
import { statsConfig } from "./stats-tags.js";

export interface SocketAddress {
  /** An IP address or a DNS name. */
  readonly host: string;
  readonly port: number;
}

export interface BootstrapOptions {
  readonly nodeId: string;
  /** `node.cluster`: the group of proxies that this one belongs to. */
  readonly nodeCluster: string;
  /** `LABELS` of `node.metadata`, as Istio has it; by them a module's canary may choose. Default: none. */
  readonly nodeLabels?: Readonly<Record<string, string>>;
  readonly xds: SocketAddress;
  readonly admin: SocketAddress;
}

/** Pauses between attempts to reach the control plane, with jitter. Envoy's own go up to 30 s. */
const RECONNECT_BASE_MS = 500;
const RECONNECT_MAX_MS = 5_000;

/** Of memory that was freed, what the allocator gives back to the system each second. */
const RELEASED_BYTES_PER_SECOND = 64n * 1024n * 1024n;

export function socketAddress({ host, port }: SocketAddress): Address {
  return create(AddressSchema, {
    address: {
      case: "socketAddress",
      value: { address: host, portSpecifier: { case: "portValue", value: port } },
    },
  });
}

/** Without it Envoy refuses internal listeners, and so every upstream connection of a module. */
export function internalListenerExtension(): TypedExtensionConfig {
  return create(TypedExtensionConfigSchema, {
    name: "envoy.bootstrap.internal_listener",
    typedConfig: anyPack(InternalListenerSchema, create(InternalListenerSchema)),
  });
}

/** Without it Envoy keeps for ever what a peer that did not read has made it hold for a moment. */
export function memoryRelease(): MemoryAllocatorManager {
  return create(MemoryAllocatorManagerSchema, {
    bytesToRelease: RELEASED_BYTES_PER_SECOND,
    memoryReleaseInterval: durationFromMs(1000),
  });
}

function discoveryCluster(xds: SocketAddress): XdsCluster {
  return create(ClusterSchema, {
    name: DISCOVERY_CLUSTER,
    clusterDiscoveryType: {
      case: "type",
      value: isIP(xds.host) === 0 ? DiscoveryType.STRICT_DNS : DiscoveryType.STATIC,
    },
    ...discoveryConnection(),
    loadAssignment: {
      clusterName: DISCOVERY_CLUSTER,
      endpoints: [
        {
          lbEndpoints: [
            { hostIdentifier: { case: "endpoint", value: { address: socketAddress(xds) } } },
          ],
        },
      ],
    },
  });
}

export function bootstrap(options: BootstrapOptions): Bootstrap {
  const { nodeLabels = {} } = options;
  return create(BootstrapSchema, {
    node: {
      id: options.nodeId,
      cluster: options.nodeCluster,
      ...(Object.keys(nodeLabels).length > 0 && { metadata: { LABELS: nodeLabels } }),
    },
    admin: { address: socketAddress(options.admin) },
    bootstrapExtensions: [internalListenerExtension()],
    statsConfig: statsConfig(),
    memoryAllocatorManager: memoryRelease(),
    dynamicResources: {
      adsConfig: create(ApiConfigSourceSchema, {
        apiType: ApiType.GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [
          {
            targetSpecifier: {
              case: "envoyGrpc",
              value: {
                clusterName: DISCOVERY_CLUSTER,
                retryPolicy: {
                  retryBackOff: {
                    baseInterval: durationFromMs(RECONNECT_BASE_MS),
                    maxInterval: durationFromMs(RECONNECT_MAX_MS),
                  },
                },
              },
            },
          },
        ],
      }),
      ldsConfig: adsConfigSource(),
      cdsConfig: adsConfigSource(),
    },
    staticResources: { clusters: [discoveryCluster(options.xds)] },
  });
}
