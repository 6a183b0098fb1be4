// envoy.service.discovery.v3.AggregatedDiscoveryService as grpc-js wants it. Delta xDS is not offered: grpc-js
// answers a method that is not defined with UNIMPLEMENTED, as proxies expect.
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";

/** A DiscoveryResponse whose resources are serialized already, once for all streams. */
export interface EncodedResponse {
  readonly versionInfo: string;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: EncodedResources;
}

/** Each with its serialized google.protobuf.Any message. */
type EncodedResources = readonly { readonly any: Uint8Array }[];

/** Field numbers of envoy.service.discovery.v3.DiscoveryResponse. */
const VERSION_INFO = 1;
const RESOURCES = 2;
const TYPE_URL = 4;
const NONCE = 5;

/** Proxies that subscribe to everything are all sent the same array: its thousands are written once. */
const encodings = new WeakMap<EncodedResources, Uint8Array>();

function encodeResources(resources: EncodedResources): Uint8Array {
  const known = encodings.get(resources);
  if (known !== undefined) return known;
  const writer = new BinaryWriter();
  for (const { any } of resources) writer.tag(RESOURCES, WireType.LengthDelimited).bytes(any);
  const encoded = writer.finish();
  encodings.set(resources, encoded);
  return encoded;
}

export function encodeResponse(response: EncodedResponse): Buffer {
  const writer = new BinaryWriter();
  writer.tag(VERSION_INFO, WireType.LengthDelimited).string(response.versionInfo);
  writer.raw(encodeResources(response.resources));
  writer.tag(TYPE_URL, WireType.LengthDelimited).string(response.typeUrl);
  writer.tag(NONCE, WireType.LengthDelimited).string(response.nonce);
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export const AGGREGATED_DISCOVERY_PATH =
  "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

function notAClient(): never {
  throw new Error("the control plane only serves");
}

export const aggregatedDiscoveryService = {
  StreamAggregatedResources: {
    path: AGGREGATED_DISCOVERY_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: notAClient,
    requestDeserialize: (bytes: Buffer): DiscoveryRequest =>
      fromBinary(DiscoveryRequestSchema, bytes),
    responseSerialize: encodeResponse,
    responseDeserialize: notAClient,
  },
} as const;
