// What the parts of a RouteTableBuilder share: the records, the budget of bytes, and the rules for
// text.
// Allocates: on growth; cold path only.

import { canHeapAllocate } from "../../proxy-wasm-as/memory/heap-limit";
import { equalBytes, hashBytes, makeLowerCase } from "../../wire/bytes";
import { Faults } from "./faults";
import { HashIndex } from "./hash-index";
import { MAX_CONFIGURATION_BYTES, MAX_TEXT_BYTES } from "./route-limits";
import { AttributeRecord, ClusterRecord, RouteRecords } from "./route-records";
import { utf8Prefix } from "./utf8";

/** About what a record costs; bounds their number along with the bytes. */
const RECORD_COST: u32 = 64;
/** A table, its indexes and the growing blocks they are built in take less than this times what was spent. */
const BUILD_FACTOR: u32 = 8;
const FIRST_MEMORY_CHECK: u32 = 256 << 10;

export class RouteRecorder {
  readonly records: RouteRecords = new RouteRecords();
  readonly faults: Faults;
  /** Where the last `take` put the bytes. */
  taken: u32 = 0;
  private spent: u32 = 0;
  private nextMemoryCheck: u32 = FIRST_MEMORY_CHECK;
  private isExhausted: bool = false;
  private attributeIndex: HashIndex = new HashIndex();
  private clusterIndex: HashIndex = new HashIndex();

  constructor(faults: Faults) {
    this.faults = faults;
  }

  /** Accounts for one more record; false when the configuration is too large to go on. */
  spendRecord(): bool {
    return this.spend(RECORD_COST);
  }

  /** Accounts for `count` more bytes; false when the configuration is too large to go on. */
  spend(count: u32): bool {
    if (this.isExhausted) return false;
    // SAFETY: no configuration that fits the VM's memory makes the sum overflow.
    this.spent += min(count, MAX_CONFIGURATION_BYTES);
    if (this.spent > MAX_CONFIGURATION_BYTES) {
      this.isExhausted = true;
      this.faults.add("larger than " + MAX_CONFIGURATION_BYTES.toString() + " bytes");
    } else if (this.spent >= this.nextMemoryCheck) {
      this.nextMemoryCheck = min(this.spent << 1, MAX_CONFIGURATION_BYTES);
      this.isExhausted = !canHeapAllocate(this.nextMemoryCheck * BUILD_FACTOR);
      if (this.isExhausted) this.faults.add("not enough memory is left for it");
    }
    return !this.isExhausted;
  }

  /** Copies text to the records and sets `taken`; false when it is refused. */
  take(field: string, ptr: usize, len: u32): bool {
    if (len > MAX_TEXT_BYTES) {
      const most = MAX_TEXT_BYTES.toString();
      this.faults.addAt(field, len.toString() + " bytes, at most " + most);
      return false;
    }
    if (utf8Prefix(ptr, len) != len) {
      this.faults.addAt(field, "not UTF-8");
      return false;
    }
    if (!this.spend(len)) return false;
    this.taken = this.records.bytes.append(ptr, len);
    return true;
  }

  /** As `take`, and refuses the empty text. */
  takeSome(field: string, ptr: usize, len: u32): bool {
    if (len == 0) {
      this.faults.addAt(field, "empty");
      return false;
    }
    return this.take(field, ptr, len);
  }

  /** The index of the attribute whose name is `len` bytes at `offset`; makes them lower case. */
  attribute(offset: u32, len: u32): u32 {
    const bytes = this.records.bytes.ptr;
    makeLowerCase(bytes + offset, len);
    const hash = hashBytes(bytes + offset, len);
    const index = this.attributeIndex;
    for (let slot = index.start(hash); index.reference(slot) != 0; slot = index.next(slot)) {
      if (index.hash(slot) != hash) continue;
      const known = this.records.attribute(index.reference(slot) - 1);
      if (known.nameLen == len && equalBytes(bytes + known.name, bytes + offset, len)) {
        return index.reference(slot) - 1;
      }
    }
    const attribute = changetype<AttributeRecord>(this.records.attributes.add());
    attribute.name = offset;
    attribute.nameLen = len;
    index.insert(hash, this.records.attributes.count);
    return this.records.attributes.count - 1;
  }

  /** The index of the cluster whose name is `len` bytes at `offset`. */
  cluster(offset: u32, len: u32): u32 {
    const bytes = this.records.bytes.ptr;
    const hash = hashBytes(bytes + offset, len);
    const index = this.clusterIndex;
    for (let slot = index.start(hash); index.reference(slot) != 0; slot = index.next(slot)) {
      if (index.hash(slot) != hash) continue;
      const known = this.records.cluster(index.reference(slot) - 1);
      if (known.nameLen == len && equalBytes(bytes + known.name, bytes + offset, len)) {
        return index.reference(slot) - 1;
      }
    }
    const cluster = changetype<ClusterRecord>(this.records.clusters.add());
    cluster.name = offset;
    cluster.nameLen = len;
    index.insert(hash, this.records.clusters.count);
    return this.records.clusters.count - 1;
  }

  free(): void {
    this.records.free();
    this.attributeIndex.free();
    this.clusterIndex.free();
  }
}
