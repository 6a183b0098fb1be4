// envoy.service.discovery.v3.DiscoveryRequest: what a subscriber of the state-of-the-world variant of
// xDS sends.
// Source: envoy/service/discovery/v3/discovery.proto, envoy/config/core/v3/base.proto (Node),
// google/rpc/status.proto.
// Allocates: on growth of the output; cold path only.

import { ProtobufWriter } from "../../wire/protobuf";
import { ByteBuffer } from "./byte-buffer";

const REQUEST_VERSION_INFO: u32 = 1;
const REQUEST_NODE: u32 = 2;
const REQUEST_RESOURCE_NAMES: u32 = 3;
const REQUEST_TYPE_URL: u32 = 4;
const REQUEST_RESPONSE_NONCE: u32 = 5;
const REQUEST_ERROR_DETAIL: u32 = 6;
const NODE_ID: u32 = 1;
const NODE_CLUSTER: u32 = 2;
const NODE_USER_AGENT_NAME: u32 = 6;
const NODE_USER_AGENT_VERSION: u32 = 7;
const STATUS_CODE: u32 = 1;
const STATUS_MESSAGE: u32 = 2;

/** google.rpc.Code.INVALID_ARGUMENT. */
const INVALID_ARGUMENT: u64 = 3;
/** Tag and length of a field, at most. */
const FIELD_OVERHEAD: u32 = 8;
const FIELDS: u32 = 16;

const userAgentName = String.UTF8.encode("metaproto");
const nothing = new ArrayBuffer(0);

/** All texts are UTF-8; empty ones are left out. */
export class DiscoveryRequest {
  typeUrl: ArrayBuffer = nothing;
  /** Of the last response that was accepted. */
  version: ArrayBuffer = nothing;
  /** Of the response that this answers. */
  nonce: ArrayBuffer = nothing;
  /** What is wrong with that response; empty: nothing. */
  fault: ArrayBuffer = nothing;
  /** To be told in the first request of a stream. */
  hasNode: bool = false;
  nodeId: ArrayBuffer = nothing;
  nodeCluster: ArrayBuffer = nothing;
  /** Which module, of which version. */
  agentVersion: ArrayBuffer = nothing;
  readonly resourceNames: Array<ArrayBuffer> = new Array<ArrayBuffer>();
  private writer: ProtobufWriter = new ProtobufWriter();

  /** Replaces the content of `out` by the encoded request. */
  encode(out: ByteBuffer): void {
    const writer = this.writer;
    const bound = this.sizeBound();
    out.clear();
    out.extend(bound);
    writer.reset(out.ptr, bound);
    this.writeText(REQUEST_VERSION_INFO, this.version);
    if (this.hasNode) {
      const node = writer.openMessage(REQUEST_NODE);
      this.writeText(NODE_ID, this.nodeId);
      this.writeText(NODE_CLUSTER, this.nodeCluster);
      this.writeText(NODE_USER_AGENT_NAME, userAgentName);
      this.writeText(NODE_USER_AGENT_VERSION, this.agentVersion);
      writer.closeMessage(node);
    }
    for (let i = 0; i < this.resourceNames.length; i++) {
      this.writeText(REQUEST_RESOURCE_NAMES, this.resourceNames[i]);
    }
    this.writeText(REQUEST_TYPE_URL, this.typeUrl);
    this.writeText(REQUEST_RESPONSE_NONCE, this.nonce);
    if (this.fault.byteLength > 0) {
      const status = writer.openMessage(REQUEST_ERROR_DETAIL);
      writer.writeVarint(STATUS_CODE, INVALID_ARGUMENT);
      this.writeText(STATUS_MESSAGE, this.fault);
      writer.closeMessage(status);
    }
    out.len = writer.len;
  }

  private writeText(field: u32, text: ArrayBuffer): void {
    const len = <u32>text.byteLength;
    if (len > 0) this.writer.writeBytes(field, changetype<usize>(text), len);
  }

  private sizeBound(): u32 {
    let bytes = FIELDS * FIELD_OVERHEAD + userAgentName.byteLength + this.typeUrl.byteLength;
    bytes += this.version.byteLength + this.nonce.byteLength + this.fault.byteLength;
    bytes += this.nodeId.byteLength + this.nodeCluster.byteLength + this.agentVersion.byteLength;
    for (let i = 0; i < this.resourceNames.length; i++) {
      bytes += FIELD_OVERHEAD + this.resourceNames[i].byteLength;
    }
    return <u32>bytes;
  }
}
