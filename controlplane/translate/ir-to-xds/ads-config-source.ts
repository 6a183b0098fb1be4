import { type MessageInitShape, create } from "@bufbuild/protobuf";
import {
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from "../../gen/envoy/config/core/v3/config_source_pb.js";

const init: MessageInitShape<typeof ConfigSourceSchema> = {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: "ads", value: {} },
};

/** "From the stream that the proxy holds to the control plane." */
export function adsConfigSource(): ConfigSource {
  return create(ConfigSourceSchema, init);
}
