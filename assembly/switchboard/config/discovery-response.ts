// envoy.service.discovery.v3.DiscoveryResponse, as slices of the bytes it came in.
// Source: envoy/service/discovery/v3/discovery.proto, google/protobuf/any.proto.
// Allocates: on growth; cold path only.

import { ProtobufReader, WireType } from "../../wire/protobuf";
import { RecordVector } from "./record-vector";

const RESPONSE_VERSION_INFO: u32 = 1;
const RESPONSE_RESOURCES: u32 = 2;
const RESPONSE_TYPE_URL: u32 = 4;
const RESPONSE_NONCE: u32 = 5;
const ANY_TYPE_URL: u32 = 1;
const ANY_VALUE: u32 = 2;

/** More than a control plane ever sends at once; what is recorded of each is larger than it may be. */
const MAX_RESOURCES: u32 = 65536;

/** A google.protobuf.Any. */
@unmanaged
export class ResourceSlice {
  typeUrlPtr: usize;
  typeUrlLen: u32;
  valuePtr: usize;
  valueLen: u32;
}

/** Reused; all addresses are within the bytes that were decoded last. */
export class DiscoveryResponse {
  versionPtr: usize = 0;
  versionLen: u32 = 0;
  typeUrlPtr: usize = 0;
  typeUrlLen: u32 = 0;
  noncePtr: usize = 0;
  nonceLen: u32 = 0;
  /** With `decode` false: why. */
  fault: string = "";
  private readonly resources: RecordVector = new RecordVector(offsetof<ResourceSlice>());
  private readonly reader: ProtobufReader = new ProtobufReader();

  get resourceCount(): u32 {
    return this.resources.count;
  }

  resource(index: u32): ResourceSlice {
    return changetype<ResourceSlice>(this.resources.at(index));
  }

  /** False when the `len` bytes at `ptr` are not a message. */
  decode(ptr: usize, len: u32): bool {
    const reader = this.reader;
    this.versionLen = 0;
    this.typeUrlLen = 0;
    this.nonceLen = 0;
    this.resources.free();
    reader.reset(ptr, len);
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == RESPONSE_VERSION_INFO) {
        this.versionPtr = reader.ptr;
        this.versionLen = reader.len;
      } else if (reader.field == RESPONSE_RESOURCES) {
        this.decodeResource();
      } else if (reader.field == RESPONSE_TYPE_URL) {
        this.typeUrlPtr = reader.ptr;
        this.typeUrlLen = reader.len;
      } else if (reader.field == RESPONSE_NONCE) {
        this.noncePtr = reader.ptr;
        this.nonceLen = reader.len;
      }
    }
    if (reader.isMalformed) {
      this.fault = "malformed protobuf at offset " + reader.faultOffset.toString();
    } else if (this.resources.count > MAX_RESOURCES) {
      this.fault = "more than " + MAX_RESOURCES.toString() + " resources";
    } else {
      return true;
    }
    return false;
  }

  /** Frees what was decoded. */
  free(): void {
    this.resources.free();
  }

  private decodeResource(): void {
    const reader = this.reader;
    if (this.resources.count > MAX_RESOURCES) return;
    const resource = changetype<ResourceSlice>(this.resources.add());
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == ANY_TYPE_URL) {
        resource.typeUrlPtr = reader.ptr;
        resource.typeUrlLen = reader.len;
      } else if (reader.field == ANY_VALUE) {
        resource.valuePtr = reader.ptr;
        resource.valueLen = reader.len;
      }
    }
    reader.leave(end);
  }
}
