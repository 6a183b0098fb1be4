// How proxies and their modules are connected to the control plane.
import { create } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";

/** A control plane that is gone without a word is noticed after the sum of both. */
const KEEPALIVE_INTERVAL_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Fields of the cluster: gRPC needs HTTP/2, with its own pings to find out that the peer is gone. */
export function discoveryConnection() {
  const protocolOptions = create(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: {
      case: "explicitHttpConfig",
      value: {
        protocolConfig: {
          case: "http2ProtocolOptions",
          value: {
            connectionKeepalive: {
              interval: durationFromMs(KEEPALIVE_INTERVAL_MS),
              timeout: durationFromMs(KEEPALIVE_TIMEOUT_MS),
            },
          },
        },
      },
    },
  });
  return {
    connectTimeout: durationFromMs(CONNECT_TIMEOUT_MS),
    typedExtensionProtocolOptions: {
      [HttpProtocolOptionsSchema.typeName]: anyPack(HttpProtocolOptionsSchema, protocolOptions),
    },
  };
}
