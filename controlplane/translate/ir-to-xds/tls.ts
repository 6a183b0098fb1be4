// Transport sockets of listeners and clusters. Certificates are files of the proxy's machine.
import { isIP } from "node:net";
import { type MessageInitShape, create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  type TransportSocket,
  TransportSocketSchema,
} from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  type SubjectAltNameMatcherSchema,
  SubjectAltNameMatcher_SanType as SanType,
  type TlsCertificateSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { UpstreamTls } from "../../ir/cluster.js";
import type { DownstreamTls } from "../../ir/mesh.js";

const TLS_TRANSPORT_SOCKET = "envoy.transport_sockets.tls";

interface CertificateFiles {
  readonly certificateChainFile: string;
  readonly privateKeyFile: string;
}

function dataSource(filename: string): { specifier: { case: "filename"; value: string } } {
  return { specifier: { case: "filename", value: filename } };
}

function certificate(files: CertificateFiles): MessageInitShape<typeof TlsCertificateSchema> {
  return {
    certificateChain: dataSource(files.certificateChainFile),
    privateKey: dataSource(files.privateKeyFile),
  };
}

/** A name with a scheme is a URI, as in SPIFFE; an address is an IP address; else it is a DNS name. */
function subjectAltName(name: string): MessageInitShape<typeof SubjectAltNameMatcherSchema> {
  const sanType = name.includes("://")
    ? SanType.URI
    : isIP(name) === 0
      ? SanType.DNS
      : SanType.IP_ADDRESS;
  return { sanType, matcher: { matchPattern: { case: "exact", value: name } } };
}

/** TLS towards clients, which must show a certificate if there is a CA to verify it by. */
export function downstreamTransportSocket(tls: DownstreamTls): TransportSocket {
  const { trustedCaFile } = tls;
  const context = create(DownstreamTlsContextSchema, {
    ...(trustedCaFile === undefined ? {} : { requireClientCertificate: true }),
    commonTlsContext: {
      tlsCertificates: [certificate(tls)],
      ...(trustedCaFile === undefined
        ? {}
        : {
            validationContextType: {
              case: "validationContext" as const,
              value: { trustedCa: dataSource(trustedCaFile) },
            },
          }),
    },
  });
  return create(TransportSocketSchema, {
    name: TLS_TRANSPORT_SOCKET,
    configType: {
      case: "typedConfig",
      value: anyPack(DownstreamTlsContextSchema, context),
    },
  });
}

/**
 * TLS towards endpoints. Without a trusted CA nothing of the endpoint's certificate is verified: Envoy
 * refuses to match names in a certificate that anybody may have made.
 */
export function upstreamTransportSocket(tls: UpstreamTls): TransportSocket {
  const { trustedCaFile, clientCertificate } = tls;
  const context = create(UpstreamTlsContextSchema, {
    ...(tls.sni === undefined ? {} : { sni: tls.sni }),
    commonTlsContext: {
      tlsCertificates: clientCertificate === undefined ? [] : [certificate(clientCertificate)],
      ...(trustedCaFile === undefined
        ? {}
        : {
            validationContextType: {
              case: "validationContext" as const,
              value: {
                trustedCa: dataSource(trustedCaFile),
                matchTypedSubjectAltNames: tls.subjectAltNames.map(subjectAltName),
              },
            },
          }),
    },
  });
  return create(TransportSocketSchema, {
    name: TLS_TRANSPORT_SOCKET,
    configType: { case: "typedConfig", value: anyPack(UpstreamTlsContextSchema, context) },
  });
}
