// The cluster by which modules reach the control plane, with the certificate of the workload that they are in.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_DnsLookupFamily as DnsLookupFamily,
  ClusterSchema,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import {
  type TransportSocket,
  TransportSocketSchema,
} from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  ApiConfigSource_ApiType as ApiType,
  ApiVersion,
} from "../../gen/envoy/config/core/v3/config_source_pb.js";
import {
  SubjectAltNameMatcher_SanType as SanType,
  TlsParameters_TlsProtocol as TlsProtocol,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import type { SdsSecretConfigSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { UpstreamTlsContextSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { socketAddress } from "../ir-to-xds/bootstrap.js";
import { discoveryConnection } from "../ir-to-xds/discovery-connection.js";
import { DISCOVERY_CLUSTER } from "../ir-to-xds/names.js";

export interface ControlPlaneAddress {
  /** DNS name of its Service, such as `metaproto.metaproto-system.svc`. */
  readonly host: string;
  readonly port: number;
  /**
   * `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`: the only one that proxies talk to. Undefined: they do
   * so in plain text, and believe whoever answers.
   */
  readonly identity: string | undefined;
}

/** Of Istio's agent: the cluster of its socket and the names of its secrets. */
const SDS_CLUSTER = "sds-grpc";
const WORKLOAD_CERTIFICATE = "default";
const TRUST_ANCHORS = "ROOTCA";

export function controlPlaneCluster(controlPlane: ControlPlaneAddress): Cluster {
  return create(ClusterSchema, {
    name: DISCOVERY_CLUSTER,
    clusterDiscoveryType: { case: "type", value: DiscoveryType.STRICT_DNS },
    // All proxies of the mesh get it, and one whose DNS server is slow is not to start later for it.
    waitForWarmOnInit: false,
    dnsLookupFamily: DnsLookupFamily.V4_PREFERRED,
    ...discoveryConnection(),
    ...(controlPlane.identity !== undefined && {
      transportSocket: workloadTls(controlPlane.host, controlPlane.identity),
    }),
    loadAssignment: {
      clusterName: DISCOVERY_CLUSTER,
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                case: "endpoint",
                value: {
                  address: socketAddress({ host: controlPlane.host, port: controlPlane.port }),
                },
              },
            },
          ],
        },
      ],
    },
  });
}

function workloadTls(host: string, identity: string): TransportSocket {
  const context = create(UpstreamTlsContextSchema, {
    sni: host,
    commonTlsContext: {
      alpnProtocols: ["h2"],
      // As Istio's own clusters; Envoy's default for what it connects to is 1.2 at most.
      tlsParams: {
        tlsMinimumProtocolVersion: TlsProtocol.TLSv1_2,
        tlsMaximumProtocolVersion: TlsProtocol.TLSv1_3,
      },
      tlsCertificateSdsSecretConfigs: [secret(WORKLOAD_CERTIFICATE)],
      validationContextType: {
        case: "combinedValidationContext",
        value: {
          defaultValidationContext: {
            matchTypedSubjectAltNames: [
              {
                sanType: SanType.URI,
                matcher: { matchPattern: { case: "exact", value: identity } },
              },
            ],
          },
          validationContextSdsSecretConfig: secret(TRUST_ANCHORS),
        },
      },
    },
  });
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.tls",
    configType: { case: "typedConfig", value: anyPack(UpstreamTlsContextSchema, context) },
  });
}

/** As Istio writes it for its own clusters, so that they share one subscription. */
function secret(name: string): MessageInitShape<typeof SdsSecretConfigSchema> {
  return {
    name,
    sdsConfig: {
      resourceApiVersion: ApiVersion.V3,
      initialFetchTimeout: durationFromMs(0),
      configSourceSpecifier: {
        case: "apiConfigSource",
        value: {
          apiType: ApiType.GRPC,
          setNodeOnFirstMessageOnly: true,
          transportApiVersion: ApiVersion.V3,
          grpcServices: [
            { targetSpecifier: { case: "envoyGrpc", value: { clusterName: SDS_CLUSTER } } },
          ],
        },
      },
    },
  };
}
