// Labels of Istio's standard metrics: what the configuration says of them, what follows from the request, and
// what is `unknown`, as Istio says where it cannot know.
// Spec: https://istio.io/latest/docs/reference/config/metrics/
// Allocates: at configuration only.
import { ResponseStatus, Slice } from "../../codec/message";
import { FilterSetup } from "../../filter/filter-setup";
import { NAME_FIELDS, WorkloadField, workloadText } from "../../filter/peer-workload";
import { principalNamespace } from "../../filter/principal-namespace";
import { ResponseFlag } from "../../filter/response-flag";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { StaticText } from "../../wire/static-text";
import { LabelText, MAX_LABEL_BYTES } from "./label-text";
import { SeriesKey } from "./series";

const REPORTER_FIELD: u32 = 1;
const LABELS_FIELD: u32 = 2;
const KEY_FIELD: u32 = 1;
const VALUE_FIELD: u32 = 2;

const UNKNOWN = new StaticText("unknown");
const SOURCE = new StaticText("source");
const DESTINATION = new StaticText("destination");
const MUTUAL_TLS = new StaticText("mutual_tls");
const NONE = new StaticText("none");
const REPORTER = new StaticText("reporter");
export const RESPONSE_CODE = new StaticText("response_code");
export const RESPONSE_FLAGS_LABEL = new StaticText("response_flags");

/** In the order in which they stand in a name, behind the reporter. */
const KEYS: StaticArray<StaticText> = [
  new StaticText("source_workload"),
  new StaticText("source_workload_namespace"),
  new StaticText("source_principal"),
  new StaticText("source_app"),
  new StaticText("source_version"),
  new StaticText("source_cluster"),
  new StaticText("source_canonical_service"),
  new StaticText("source_canonical_revision"),
  new StaticText("destination_workload"),
  new StaticText("destination_workload_namespace"),
  new StaticText("destination_principal"),
  new StaticText("destination_app"),
  new StaticText("destination_version"),
  new StaticText("destination_cluster"),
  new StaticText("destination_canonical_service"),
  new StaticText("destination_canonical_revision"),
  new StaticText("destination_service"),
  new StaticText("destination_service_name"),
  new StaticText("destination_service_namespace"),
  new StaticText("request_protocol"),
  new StaticText("connection_security_policy"),
];
/** Of the source, and then as many of the destination. */
const KEYS_OF_A_SIDE: i32 = 8;
const PEER_KEYS: i32 = 16;
const SOURCE_NAMESPACE: i32 = 1;
const SOURCE_PRINCIPAL: i32 = 2;
const DESTINATION_SERVICE: i32 = 16;
const DESTINATION_SERVICE_NAME: i32 = 17;
const DESTINATION_SERVICE_NAMESPACE: i32 = 18;
const REQUEST_PROTOCOL: i32 = 19;
const CONNECTION_SECURITY_POLICY: i32 = 20;

const SEPARATOR: u8 = 0x7c;
const DOT: u8 = 0x2e;
const SVC = new StaticText("svc.");

/** A value that is being worked out. */
const part: Slice = new Slice();
const namespace: Slice = new Slice();

export class IstioLabels {
  isDestination: bool = false;
  /** By the index of the key; null: the configuration does not say. */
  private readonly values: StaticArray<StaticArray<u8> | null> =
    new StaticArray<StaticArray<u8> | null>(KEYS.length);

  /** The message at hand, of type metaproto.filters.v1.IstioStats. False: there were faults. */
  decode(reader: ProtobufReader, setup: FilterSetup): bool {
    let isGood = true;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field == REPORTER_FIELD && reader.wireType == WireType.Varint) {
        if (reader.value > 1) {
          setup.fault("reporter", "must be SOURCE or DESTINATION");
          isGood = false;
        }
        this.isDestination = reader.value == 1;
      } else if (reader.field == LABELS_FIELD && reader.wireType == WireType.Bytes) {
        if (!this.decodeLabel(reader, setup)) isGood = false;
      }
    }
    reader.leave(outer);
    return isGood;
  }

  /* eslint-disable no-restricted-syntax -- at configuration */
  private decodeLabel(reader: ProtobufReader, setup: FilterSetup): bool {
    let key = "";
    let value: StaticArray<u8> = [];
    let isLong = false;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == KEY_FIELD) key = keyOf(reader.ptr, reader.len);
      if (reader.field != VALUE_FIELD) continue;
      isLong = reader.len > MAX_LABEL_BYTES;
      value = new StaticArray<u8>(<i32>(isLong ? 0 : reader.len));
      memory.copy(changetype<usize>(value), reader.ptr, value.length);
    }
    reader.leave(outer);
    const index = indexOf(key);
    if (index < 0) setup.fault("labels", "Istio's metrics have no label " + key);
    else if (isLong) setup.fault("labels." + key, "longer than " + MAX_LABEL_BYTES.toString());
    if (index < 0 || isLong) return false;
    this.values[index] = value;
    return true;
  }
  /* eslint-enable no-restricted-syntax */

  /** All labels but the code and the flags. */
  write(out: LabelText, protocol: StaticText, key: SeriesKey): void {
    out.textLabel(REPORTER, this.isDestination ? DESTINATION : SOURCE);
    for (let i = 0; i < KEYS.length; i++) {
      const value = unchecked(this.values[i]);
      if (value !== null) {
        out.label(unchecked(KEYS[i]), changetype<usize>(value), <u32>value.length);
        continue;
      }
      part.ptr = UNKNOWN.ptr;
      part.len = UNKNOWN.len;
      this.derive(i, protocol, key);
      out.sliceLabel(unchecked(KEYS[i]), part);
    }
  }

  /** What the other side has said of itself, in `part`. False: nothing of this. */
  private ofPeer(index: i32, key: SeriesKey): bool {
    const isOther = index >= KEYS_OF_A_SIDE ? !this.isDestination : this.isDestination;
    const field = unchecked(PEER_FIELDS[index % KEYS_OF_A_SIDE]);
    if (!isOther || field < 0) return false;
    if (field < <i32>NAME_FIELDS) return workloadText(key.part2, field, part);
    return workloadText(key.part3, field - NAME_FIELDS, part);
  }

  /** What follows from the request, in `part`, unless it is unknown. */
  private derive(index: i32, protocol: StaticText, key: SeriesKey): void {
    const cluster = key.part0;
    const principal = key.part1;
    if (index < PEER_KEYS && this.ofPeer(index, key)) return;
    switch (index) {
      case SOURCE_NAMESPACE:
        if (!this.isDestination || principal.len == 0) return;
        namespace.ptr = principal.ptr;
        namespace.len = principal.len;
        if (!principalNamespace(namespace)) return;
        part.ptr = namespace.ptr;
        part.len = namespace.len;
        return;
      case SOURCE_PRINCIPAL:
        if (!this.isDestination || principal.len == 0) return;
        part.ptr = principal.ptr;
        part.len = principal.len;
        return;
      case DESTINATION_SERVICE:
        hostOf(cluster, part);
        return;
      case DESTINATION_SERVICE_NAME:
        if (hostOf(cluster, part)) serviceName(part, false);
        return;
      case DESTINATION_SERVICE_NAMESPACE:
        if (!hostOf(cluster, part) || serviceName(part, true)) return;
        part.ptr = UNKNOWN.ptr;
        part.len = UNKNOWN.len;
        return;
      case REQUEST_PROTOCOL:
        part.ptr = protocol.ptr;
        part.len = protocol.len;
        return;
      case CONNECTION_SECURITY_POLICY: {
        // The one who sends does not know what became of the connection on its way.
        if (!this.isDestination) return;
        const policy = principal.len > 0 ? MUTUAL_TLS : NONE;
        part.ptr = policy.ptr;
        part.len = policy.len;
        return;
      }
      default:
        return;
    }
  }
}

/** By the index of a source's or destination's key: where a PeerWorkload has it. */
const PEER_FIELDS: StaticArray<i32> = [
  WorkloadField.Workload,
  WorkloadField.Namespace,
  -1,
  WorkloadField.App,
  WorkloadField.Version,
  WorkloadField.Cluster,
  WorkloadField.CanonicalService,
  WorkloadField.CanonicalRevision,
];

function keyOf(ptr: usize, len: u32): string {
  return String.UTF8.decodeUnsafe(ptr, len < MAX_LABEL_BYTES ? len : MAX_LABEL_BYTES);
}

function indexOf(key: string): i32 {
  for (let i = 0; i < KEYS.length; i++) {
    if (String.UTF8.decodeUnsafe(KEYS[i].ptr, KEYS[i].len) == key) return i;
  }
  return -1;
}

/**
 * The host of a cluster that is named as Istio names them, `outbound|<port>|<subset>|<host>`. False, and
 * `out` is left as it is: it has none.
 */
function hostOf(cluster: Slice, out: Slice): bool {
  let separators: u32 = 0;
  for (let i: u32 = 0; i < cluster.len; i++) {
    if (load<u8>(cluster.ptr + i) != SEPARATOR) continue;
    if (++separators < 3) continue;
    if (i + 1 == cluster.len) return false;
    out.ptr = cluster.ptr + i + 1;
    out.len = cluster.len - i - 1;
    return true;
  }
  return false;
}

/**
 * Of `<name>.<namespace>.svc.<domain>` the name or the namespace. Other hosts are a ServiceEntry's, whose
 * name is the host; false: the namespace of such a one.
 */
function serviceName(host: Slice, isNamespace: bool): bool {
  const first = dotAfter(host, 0);
  const second = dotAfter(host, first + 1);
  const rest = second + 1;
  if (rest + SVC.len > host.len || !SVC.equals(host.ptr + rest, SVC.len)) return !isNamespace;
  if (isNamespace) host.ptr += first + 1;
  host.len = isNamespace ? second - first - 1 : first;
  return true;
}

/** The length where there is none. */
function dotAfter(host: Slice, from: u32): u32 {
  for (let i = from; i < host.len; i++) if (load<u8>(host.ptr + i) == DOT) return i;
  return host.len;
}

/** As an HTTP proxy would have answered: Istio's dashboards tell failures by their codes. */
export function responseCode(status: ResponseStatus, flag: ResponseFlag): u32 {
  switch (flag) {
    case ResponseFlag.None:
      return status == ResponseStatus.Error ? 500 : 200;
    case ResponseFlag.NoRoute:
      return 404;
    case ResponseFlag.Timeout:
      return 504;
    case ResponseFlag.DownstreamProtocolError:
      return 400;
    case ResponseFlag.UpstreamProtocolError:
      return 502;
    case ResponseFlag.RateLimited:
      return 429;
    case ResponseFlag.Unauthorized:
      return 403;
    case ResponseFlag.DownstreamGone:
      return 0;
    default:
      return 503;
  }
}
