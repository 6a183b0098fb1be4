// The bootstrap of a stock Envoy that plays a sidecar, without the agent that runs beside real ones.
import { nodeOf, type Sidecar } from "./istiod-client.js";

/** @param port of istiod, in plain text. */
export function sidecarBootstrap(port: number, sidecar: Sidecar): object {
  const { id, metadata } = nodeOf(sidecar);
  const http2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const ads = { ads: {}, resource_api_version: "V3" };
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return {
    // Outbound listeners bind real ports, so nothing has to be redirected to them.
    node: {
      id,
      cluster: `app.${sidecar.namespace}`,
      metadata: { ...metadata, INTERCEPTION_MODE: "NONE" },
    },
    bootstrap_extensions: [
      {
        name: "envoy.bootstrap.internal_listener",
        typed_config: {
          "@type":
            "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
        },
      },
    ],
    dynamic_resources: {
      ads_config: {
        api_type: "GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
      },
      lds_config: ads,
      cds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: "xds-grpc",
          type: "STATIC",
          typed_extension_protocol_options: {
            [http2]: {
              "@type": `type.googleapis.com/${http2}`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: "xds-grpc",
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
        },
      ],
    },
  };
}
