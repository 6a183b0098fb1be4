// Route tables in a compiled module, driven from outside: requests are the attributes that a fake codec
// finds in them.
import type { UnitExports } from "../modules/unit.js";

/** Attribute name (as the codec knows it, lower case) to value. */
export type Attributes = Readonly<Record<string, string | Uint8Array>>;

/** What wasm-test/units/route-table-access.ts and every unit with tables export. */
export interface TableExports extends UnitExports {
  allocate(bytes: number): number;
  free(ptr: number): void;
  usedHeapBytes(): number;
  declareAttribute(namePtr: number, nameLen: number): number;
  setAttribute(index: number, isPresent: boolean, ptr: number, len: number): void;
  faultsPtr(): number;
  faultsLen(): number;
  lookup(table: number): number;
  entryOrder(entry: number): number;
  entryTimeout(entry: number): number;
  entryNamePtr(entry: number): number;
  entryNameLen(entry: number): number;
  pick(entry: number, random: number): number;
  mutation(entry: number, isResponse: boolean): number;
  mutationCount(mutation: number): number;
  mutationEntry(mutation: number, index: number): number;
  tableNamePtr(table: number): number;
  tableNameLen(table: number): number;
  tableSize(table: number): number;
  routeCount(table: number): number;
  clusterCount(table: number): number;
  cluster(table: number, index: number): number;
  retain(table: number): void;
  isLastReference(table: number): number;
  release(table: number): number;
}

export interface ClusterFields {
  readonly name: string;
  readonly endpoints: number;
  readonly maxConnections: number;
  readonly maxRequests: number;
  readonly maxPendingRequests: number;
  readonly loadBalancer: number;
  readonly endpointsVersion: bigint;
  readonly userData: number;
}

export interface MutationFields {
  readonly operation: number;
  readonly key: string;
  readonly value: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// RouteCluster: seven u32, a gap, an u64, an u32.
const ENDPOINTS_VERSION_OFFSET = 32;
const USER_DATA_OFFSET = 40;
const CLUSTER_BYTES = 44;
const VALUE_BYTES = 1 << 16;

export class TableHarness<Exports extends TableExports> {
  private readonly declared = new Map<string, { index: number; ptr: number }>();

  constructor(readonly exports: Exports) {}

  /** Copies bytes into the module; the caller frees them. */
  put(bytes: Uint8Array): number {
    const ptr = this.exports.allocate(Math.max(bytes.length, 1));
    this.bytesAt(ptr, bytes.length).set(bytes);
    return ptr;
  }

  text(ptr: number, len: number): string {
    return decoder.decode(this.bytesAt(ptr, len));
  }

  /** What the module said is wrong with the last configuration. */
  faults(): string {
    return this.text(this.exports.faultsPtr(), this.exports.faultsLen());
  }

  /** Makes an attribute known to the codec. Those whose names begin with "x-" it finds by name only. */
  declare(name: string): number {
    let known = this.declared.get(name);
    if (known === undefined) {
      const bytes = encoder.encode(name);
      const index = this.exports.declareAttribute(this.put(bytes), bytes.length);
      known = { index, ptr: this.exports.allocate(VALUE_BYTES) };
      this.declared.set(name, known);
    }
    return known.index;
  }

  /** All declared attributes that are not named are absent. */
  setRequest(attributes: Attributes): void {
    for (const name of Object.keys(attributes)) this.declare(name);
    for (const [name, { index, ptr }] of this.declared) {
      const value = attributes[name];
      if (value === undefined) {
        this.exports.setAttribute(index, false, 0, 0);
        continue;
      }
      const bytes = typeof value === "string" ? encoder.encode(value) : value;
      this.bytesAt(ptr, bytes.length).set(bytes);
      this.exports.setAttribute(index, true, ptr, bytes.length);
    }
  }

  /** The entry's address, or 0. */
  find(table: number, attributes: Attributes): number {
    this.setRequest(attributes);
    return this.exports.lookup(table);
  }

  /** Position of the route that is taken, or -1. */
  route(table: number, attributes: Attributes): number {
    const entry = this.find(table, attributes);
    return entry === 0 ? -1 : this.exports.entryOrder(entry);
  }

  cluster(table: number, index: number): ClusterFields {
    const ptr = this.exports.cluster(table, index);
    const view = new DataView(this.exports.memory.buffer, ptr, CLUSTER_BYTES);
    const number = (field: number) => view.getUint32(4 * field, true);
    return {
      name: this.text(number(0), number(1)),
      endpoints: number(2),
      maxConnections: number(3),
      maxRequests: number(4),
      maxPendingRequests: number(5),
      loadBalancer: number(6),
      endpointsVersion: view.getBigUint64(ENDPOINTS_VERSION_OFFSET, true),
      userData: view.getUint32(USER_DATA_OFFSET, true),
    };
  }

  mutations(entry: number, isResponse: boolean): MutationFields[] | null {
    const mutation = this.exports.mutation(entry, isResponse);
    if (mutation === 0) return null;
    return Array.from({ length: this.exports.mutationCount(mutation) }, (_, i) => {
      const ptr = this.exports.mutationEntry(mutation, i);
      const [operation, key, keyLen, value, valueLen] = new Uint32Array(
        this.exports.memory.buffer,
        ptr,
        5,
      );
      return {
        operation: operation ?? 0,
        key: this.text(key ?? 0, keyLen ?? 0),
        value: this.text(value ?? 0, valueLen ?? 0),
      };
    });
  }

  protected bytesAt(ptr: number, len: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, ptr, len);
  }
}
