// One configuration of the filter: the message metaproto.filters.v1.PeerMetadata, and what it makes the proxy say
// of itself.
// Allocates: cold path only.
import { Slice } from "../../codec/message";
import { AttributeName } from "../../filter/attribute-name";
import { FilterConfig } from "../../filter/filter";
import { FilterSetup } from "../../filter/filter-setup";
import { MAX_WORKLOAD_TEXT, WORKLOAD_FIELDS } from "../../filter/peer-workload";
import { Status } from "../../proxy-wasm-as/abi/enums";
import { getProperty, PropertyPath } from "../../proxy-wasm-as/host/properties";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { base64Length, encodeBase64 } from "../../wire/base64";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { WorkloadTexts } from "./workload-texts";

const SIDE_FIELD: u32 = 1;
const PROPAGATE_FIELD: u32 = 2;
const WORKLOAD_FIELD: u32 = 3;
const KEY_FIELD: u32 = 1;
const VALUE_FIELD: u32 = 2;
/** As many texts with their keys. */
const STRUCT_CAPACITY: u32 = 1024;
const MAX_NODE_ID: u32 = 512;

/** By WorkloadField, as the configuration has them. */
const NAMES: StaticArray<string> = [
  "workload",
  "namespace",
  "cluster",
  "app",
  "version",
  "canonical_service",
  "canonical_revision",
];

/** By WorkloadField, where Envoy's node has them. */
const PROPERTIES: StaticArray<PropertyPath> = [
  new PropertyPath(["xds", "node", "metadata", "WORKLOAD_NAME"]),
  new PropertyPath(["xds", "node", "metadata", "NAMESPACE"]),
  new PropertyPath(["xds", "node", "metadata", "CLUSTER_ID"]),
  new PropertyPath(["xds", "node", "metadata", "LABELS", "app"]),
  new PropertyPath(["xds", "node", "metadata", "LABELS", "version"]),
  new PropertyPath(["xds", "node", "metadata", "LABELS", "service.istio.io/canonical-name"]),
  new PropertyPath(["xds", "node", "metadata", "LABELS", "service.istio.io/canonical-revision"]),
];
const NODE_ID = new PropertyPath(["xds", "node", "id"]);

export class PeerMetadataConfig extends FilterConfig {
  isInbound: bool = false;
  isPropagated: bool = false;
  readonly metadata: AttributeName;
  readonly id: AttributeName;
  /** What the proxy says of itself; their bytes are those of `ownBytes`. Empty: nothing is known. */
  readonly own: Slice = new Slice();
  readonly ownId: Slice = new Slice();
  private ownBytes: StaticArray<u8> = [];
  private idBytes: StaticArray<u8> = [];

  constructor(metadata: AttributeName, id: AttributeName) {
    super();
    this.metadata = metadata;
    this.id = id;
  }

  /** `given`: by WorkloadField, null where Envoy's node is to be asked. */
  describe(given: StaticArray<StaticArray<u8> | null>): void {
    const texts = new WorkloadTexts();
    texts.clear();
    const read = new StaticArray<StaticArray<u8>>(<i32>WORKLOAD_FIELDS);
    let known: u32 = 0;
    for (let i = 0; i < read.length; i++) {
      const own = given[i];
      read[i] = own === null ? property(PROPERTIES[i], MAX_WORKLOAD_TEXT) : own;
      known += <u32>read[i].length;
      texts.set(i, changetype<usize>(read[i]), <u32>read[i].length);
    }
    this.idBytes = property(NODE_ID, MAX_NODE_ID);
    this.ownId.ptr = changetype<usize>(this.idBytes);
    this.ownId.len = <u32>this.idBytes.length;
    if (known == 0) return;
    texts.complete();
    const struct = new StaticArray<u8>(<i32>STRUCT_CAPACITY);
    const length = texts.writeStruct(changetype<usize>(struct), STRUCT_CAPACITY);
    this.ownBytes = new StaticArray<u8>(<i32>base64Length(length));
    encodeBase64(changetype<usize>(struct), length, changetype<usize>(this.ownBytes));
    this.own.ptr = changetype<usize>(this.ownBytes);
    this.own.len = <u32>this.ownBytes.length;
  }
}

function property(path: PropertyPath, most: u32): StaticArray<u8> {
  const length = getProperty(path) == Status.Ok ? min(bytesLen, most) : 0;
  return copyOf(bytesPtr, length);
}

function copyOf(ptr: usize, len: u32): StaticArray<u8> {
  const copy = new StaticArray<u8>(<i32>len);
  memory.copy(changetype<usize>(copy), ptr, len);
  return copy;
}

/** Null: there were faults, and `setup` was told of all of them. */
export function decodePeerMetadata(
  ptr: usize,
  len: u32,
  setup: FilterSetup,
  config: PeerMetadataConfig,
): PeerMetadataConfig | null {
  const reader = new ProtobufReader();
  const given = new StaticArray<StaticArray<u8> | null>(<i32>WORKLOAD_FIELDS);
  let isGood = true;
  reader.reset(ptr, len);
  while (reader.next()) {
    if (reader.field == SIDE_FIELD && reader.wireType == WireType.Varint) {
      if (reader.value > 1) {
        setup.fault("side", "must be OUTBOUND or INBOUND");
        isGood = false;
      }
      config.isInbound = reader.value == 1;
    } else if (reader.field == PROPAGATE_FIELD && reader.wireType == WireType.Varint) {
      config.isPropagated = reader.value != 0;
    } else if (reader.field == WORKLOAD_FIELD && reader.wireType == WireType.Bytes) {
      if (!decodeText(reader, setup, given)) isGood = false;
    }
  }
  if (reader.isMalformed) {
    setup.fault("", "malformed at byte " + reader.faultOffset.toString());
    isGood = false;
  }
  if (!isGood) return null;
  config.describe(given);
  return config;
}

/** One entry of the map. */
function decodeText(
  reader: ProtobufReader,
  setup: FilterSetup,
  given: StaticArray<StaticArray<u8> | null>,
): bool {
  let key = "";
  let value: StaticArray<u8> = [];
  let length: u32 = 0;
  const end = reader.enter();
  while (reader.next()) {
    if (reader.wireType != WireType.Bytes) continue;
    if (reader.field == KEY_FIELD) {
      key = String.UTF8.decodeUnsafe(reader.ptr, min(reader.len, MAX_WORKLOAD_TEXT));
    } else if (reader.field == VALUE_FIELD) {
      length = reader.len;
      value = copyOf(reader.ptr, min(length, MAX_WORKLOAD_TEXT));
    }
  }
  reader.leave(end);
  const index = NAMES.indexOf(key);
  if (index < 0) setup.fault("workload", "nothing of a workload is called " + key);
  const isLong = length > MAX_WORKLOAD_TEXT;
  if (isLong) setup.fault("workload." + key, "longer than " + MAX_WORKLOAD_TEXT.toString());
  if (index < 0 || isLong) return false;
  given[index] = value;
  return true;
}
