// The configuration of a module, decoded from the JSON mapping of metaproto.v1.PluginConfiguration.
// Source: proto/metaproto/v1/plugin.proto
// Allocates: cold path only.

import { Codec, ConnectionMode } from "../../codec/codec";
import { equalBytes } from "../../wire/bytes";
import { RouteTable } from "../route/table";
import { Faults } from "./faults";
import { JsonFields } from "./json-fields";
import { DEFAULT_LIMIT, decodeLimits, Limits } from "./plugin-limits";
import { hasPlaceholder } from "./name-placeholders";
import { RecordVector } from "./record-vector";
import { RouteTableBuilder } from "./route-builder";
import { RouteConfigurationJsonDecoder } from "./route-configuration-json";

export { Limits };

const FIELDS: StaticArray<string> = [
  "dialCluster",
  "discoveryCluster",
  "routeConfigurations",
  "defaultRouteConfiguration",
  "connectionMode",
  "limits",
  "defaultTimeout",
  "initialFetchTimeout",
  "connectTimeout",
  "upstreamHeartbeat",
  "upstreamIdleTimeout",
  "frameTimeout",
  "streamIdleTimeout",
  "codecConfiguration",
  "announce",
];
/** What the ids of requests on shared connections take at least. */
const LEAST_ID_BITS: u32 = 31;
const CONNECTION_MODES: StaticArray<string> = [
  "CODEC_DEFAULT",
  "SHARED",
  "IN_ORDER",
  "EXCLUSIVE",
  "DEDICATED",
];

/** With the defaults applied; durations in milliseconds, names as UTF-8. */
export class PluginConfiguration {
  dialCluster: ArrayBuffer = new ArrayBuffer(0);
  /** Empty: no control plane. */
  discoveryCluster: ArrayBuffer = new ArrayBuffer(0);
  /** One reference each, which belongs to this object until it is taken over. */
  routeTables: StaticArray<RouteTable> = new StaticArray<RouteTable>(0);
  /** Name of the route configuration of listeners that name none. Empty: they have no routes. */
  defaultRouteConfiguration: ArrayBuffer = new ArrayBuffer(0);
  /** CODEC_DEFAULT is resolved. */
  connectionMode: ConnectionMode = ConnectionMode.Shared;
  limits: Limits = new Limits();
  /** For routes without a timeout of their own. 0: none. */
  defaultTimeoutMs: u32 = 15000;
  initialFetchTimeoutMs: u32 = 5000;
  connectTimeoutMs: u32 = 10000;
  /** 0: never. */
  upstreamHeartbeatMs: u32 = 30000;
  upstreamIdleTimeoutMs: u32 = 60000;
  /** From the first byte of a frame to its last. 0: no bound. */
  frameTimeoutMs: u32 = 30000;
  /** Of a stream that is open, while nothing comes of either side. 0: no bound. */
  streamIdleTimeoutMs: u32 = 300000;
  /** Tell the control plane at the start, and not with the first client. */
  announce: bool = false;
}

/**
 * Decodes `len` bytes of JSON at `ptr`, for a codec that was configured with them. Returns null, with at
 * least one fault, when anything is wrong with it; no table is left behind then.
 */
export function decodePluginConfiguration(
  ptr: usize,
  len: u32,
  codec: Codec,
  faults: Faults,
): PluginConfiguration | null {
  return new PluginConfigurationDecoder(codec, faults).decode(ptr, len);
}

class PluginConfigurationDecoder {
  private codec: Codec;
  private faults: Faults;
  private fields: JsonFields;
  private result: PluginConfiguration = new PluginConfiguration();
  /** Addresses of the tables built so far. */
  private tables: RecordVector = new RecordVector(sizeof<usize>());

  constructor(codec: Codec, faults: Faults) {
    this.codec = codec;
    this.faults = faults;
    this.fields = new JsonFields(faults);
    this.result.connectionMode = codec.defaultMode;
  }

  decode(ptr: usize, len: u32): PluginConfiguration | null {
    const before = this.faults.count;
    const reader = this.fields.reader;
    if (len == 0) {
      this.faults.add("no configuration is given");
      return null;
    }
    reader.reset(ptr, len);
    if (this.fields.begin()) {
      while (this.fields.next(FIELDS)) this.decodeField();
      reader.finish();
    }
    if (reader.hasFailed) this.faults.add("malformed JSON: " + reader.fault);
    else this.complete(before);
    this.fields.free();
    const isSound = this.faults.count == before;
    if (isSound) this.keepTables();
    else this.releaseTables();
    this.tables.free();
    return isSound ? this.result : null;
  }

  private decodeField(): void {
    const result = this.result;
    const fields = this.fields;
    switch (fields.field) {
      case 0: {
        result.dialCluster = fields.textCopy();
        break;
      }
      case 1: {
        result.discoveryCluster = fields.textCopy();
        break;
      }
      case 2: {
        if (!fields.beginElements()) break;
        while (fields.nextElement()) this.decodeRoutes();
        break;
      }
      case 3: {
        result.defaultRouteConfiguration = fields.textCopy();
        break;
      }
      case 4: {
        const mode = fields.enumeration(CONNECTION_MODES);
        // SHARED and on are the codec's numbers plus one.
        if (mode > 0) result.connectionMode = <ConnectionMode>(mode - 1);
        break;
      }
      case 5: {
        decodeLimits(fields, this.faults, result.limits);
        break;
      }
      case 13: {
        // See codec-configuration.ts.
        fields.bytes();
        break;
      }
      case 14: {
        result.announce = fields.boolean() != 0;
        break;
      }
      default:
        this.decodeDuration(fields.field, result);
    }
  }

  private decodeDuration(field: i32, result: PluginConfiguration): void {
    switch (field) {
      case 6: {
        result.defaultTimeoutMs = this.duration(true);
        break;
      }
      case 7: {
        result.initialFetchTimeoutMs = this.duration(false);
        break;
      }
      case 8: {
        result.connectTimeoutMs = this.duration(false);
        break;
      }
      case 9: {
        result.upstreamHeartbeatMs = this.duration(true);
        break;
      }
      case 10: {
        result.upstreamIdleTimeoutMs = this.duration(false);
        break;
      }
      case 11: {
        result.frameTimeoutMs = this.duration(true);
        break;
      }
      default:
        result.streamIdleTimeoutMs = this.duration(true);
    }
  }

  private decodeRoutes(): void {
    const builder = new RouteTableBuilder(this.faults, this.codec);
    new RouteConfigurationJsonDecoder(this.fields, this.faults, builder).decode();
    if (this.fields.reader.hasFailed) {
      builder.discard();
      return;
    }
    const table = builder.build(this.codec);
    if (table === null) return;
    for (let i: u32 = 0; i < this.tables.count; i++) {
      const other = this.table(i);
      if (other.nameLen != table.nameLen) continue;
      if (!equalBytes(other.namePtr, table.namePtr, table.nameLen)) continue;
      this.faults.addAt("name", "given twice");
      break;
    }
    store<RouteTable>(this.tables.add(), table);
  }

  private duration(isZeroAllowed: bool): u32 {
    const ms = this.fields.duration();
    if (ms == 0 && !isZeroAllowed) this.faults.add("must be more than 0s");
    return <u32>max<i64>(ms, 0);
  }

  /** Checks what concerns several fields, and fills in what depends on others. */
  private complete(before: u32): void {
    const result = this.result;
    if (this.faults.count > before) return;
    if (result.dialCluster.byteLength == 0) this.faults.addAt("dialCluster", "missing");
    const isDiscovered = result.discoveryCluster.byteLength > 0;
    if (!isDiscovered && this.tables.count == 0) {
      this.faults.add("needs discoveryCluster or routeConfigurations: there are no routes");
    }
    const limits = result.limits;
    if (limits.maxRequestsPerUpstreamConnection == DEFAULT_LIMIT) {
      limits.maxRequestsPerUpstreamConnection = 1024;
    }
    if (result.connectionMode == ConnectionMode.Exclusive) {
      limits.maxRequestsPerUpstreamConnection = 1;
    }
    if (result.connectionMode == ConnectionMode.Shared && this.codec.idBits < LEAST_ID_BITS) {
      this.faults.addAt("connectionMode", "SHARED needs request ids, which this protocol has not");
    }
    const name = result.defaultRouteConfiguration;
    if (name.byteLength == 0) {
      if (this.tables.count > 0) result.defaultRouteConfiguration = nameOf(this.table(0));
      return;
    }
    if (isDiscovered) return;
    const nameLen = <u32>name.byteLength;
    if (hasPlaceholder(changetype<usize>(name), nameLen)) return;
    for (let i: u32 = 0; i < this.tables.count; i++) {
      const table = this.table(i);
      if (<i32>table.nameLen != name.byteLength) continue;
      if (equalBytes(table.namePtr, changetype<usize>(name), table.nameLen)) return;
    }
    this.faults.addAt("defaultRouteConfiguration", "none of routeConfigurations has this name");
  }

  private table(index: u32): RouteTable {
    return load<RouteTable>(this.tables.at(index));
  }

  private keepTables(): void {
    const tables = new StaticArray<RouteTable>(this.tables.count);
    for (let i: u32 = 0; i < this.tables.count; i++) tables[i] = this.table(i);
    this.result.routeTables = tables;
  }

  private releaseTables(): void {
    for (let i: u32 = 0; i < this.tables.count; i++) this.table(i).release();
  }
}

function nameOf(table: RouteTable): ArrayBuffer {
  const name = new ArrayBuffer(table.nameLen);
  memory.copy(changetype<usize>(name), table.namePtr, table.nameLen);
  return name;
}
