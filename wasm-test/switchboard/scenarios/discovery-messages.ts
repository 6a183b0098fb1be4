// Route configurations on a discovery stream, as bytes.
import { create, fromBinary, fromJson, toBinary, type JsonObject } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  type DiscoveryRequest,
} from "../../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";
import { RouteConfigurationSchema } from "../../../controlplane/gen/metaproto/v1/route_pb.js";

export const ROUTES_TYPE_URL = "type.googleapis.com/metaproto.v1.RouteConfiguration";

export interface Publication {
  readonly version: string;
  readonly nonce: string;
  /** RouteConfigurations as JSON. */
  readonly configurations: readonly object[];
}

export function discoveryResponse(publication: Publication): Uint8Array {
  const resources = publication.configurations.map((json) =>
    anyPack(RouteConfigurationSchema, fromJson(RouteConfigurationSchema, json as JsonObject)),
  );
  return toBinary(
    DiscoveryResponseSchema,
    create(DiscoveryResponseSchema, {
      versionInfo: publication.version,
      nonce: publication.nonce,
      typeUrl: ROUTES_TYPE_URL,
      resources,
    }),
  );
}

export function parseDiscoveryRequest(bytes: Uint8Array): DiscoveryRequest {
  return fromBinary(DiscoveryRequestSchema, bytes);
}
