// One FilterConfig of a route, or of a whole route configuration, while it is decoded; part of
// RouteTableBuilder.
// Allocates: on growth; cold path only.

import { Codec } from "../../codec/codec";
import { Conditions, FilterSetup } from "../../filter/filter-setup";
import { JsonConfig } from "../../filter/json-config";
import { findInstalledFilter, installedFilter } from "../../filter/installed";
import { equalBytes, hashBytes } from "../../wire/bytes";
import { ByteBuffer } from "./byte-buffer";
import { Faults, quoted } from "./faults";
import { ConditionList } from "./filter-conditions";
import { FilterJson } from "./filter-json";
import { HashIndex } from "./hash-index";
import { RecordVector } from "./record-vector";
import { RouteRecorder } from "./route-recorder";
import { FilterRecord, KnownFilterRecord } from "./route-records";

class BuilderSetup extends FilterSetup {
  constructor(
    codec: Codec,
    private readonly faults: Faults,
  ) {
    super(codec);
  }

  override fault(field: string, text: string): void {
    this.faults.addAt(field, text);
  }

  override enter(field: string, index: i32): void {
    this.faults.enterElement(field, index);
  }

  override leave(): void {
    this.faults.leave();
  }

  override createConditions(): Conditions {
    return new ConditionList(this.codec, this.faults);
  }

  override json(ptr: usize, len: u32): JsonConfig {
    return new FilterJson(this.faults, ptr, len);
  }
}

export class FilterBuilder {
  isDisabled: bool = false;
  private readonly setup: FilterSetup;
  /** Equal configurations of a filter are made sense of once. */
  private known: HashIndex = new HashIndex();
  private filter: i32 = -1;
  /** A name that no filter has. */
  private unknown: string = "";
  private isNameSet: bool = false;
  private hasFault: bool = false;
  private readonly config: ByteBuffer = new ByteBuffer();

  constructor(
    private readonly recorder: RouteRecorder,
    codec: Codec,
  ) {
    this.setup = new BuilderSetup(codec, recorder.faults);
  }

  begin(): void {
    this.isDisabled = false;
    this.isNameSet = false;
    this.hasFault = false;
    this.filter = -1;
    this.config.len = 0;
  }

  setName(ptr: usize, len: u32): void {
    this.isNameSet = true;
    this.filter = findInstalledFilter(ptr, len);
    if (this.filter < 0) this.unknown = quoted(ptr, len);
  }

  setConfig(ptr: usize, len: u32): void {
    this.config.len = 0;
    if (this.recorder.spend(len)) this.config.append(ptr, len);
    else this.hasFault = true;
  }

  /** The decoder has found a fault in it: no further ones follow from that. */
  refuse(): void {
    this.isNameSet = true;
    this.hasFault = true;
  }

  /** Adds it to `list`, from whose element `first` on no other is for the same filter. */
  end(list: RecordVector, first: u32): void {
    const faults = this.recorder.faults;
    if (!this.isNameSet) faults.addAt("name", "missing");
    if (this.filter < 0 && this.isNameSet && !this.hasFault) {
      faults.addAt("name", "this module has no filter " + this.unknown);
      return;
    }
    if (!this.isNameSet || this.hasFault || !this.recorder.spendRecord()) return;
    const filter = <u32>this.filter;
    for (let i = first; i < list.count; i++) {
      if (changetype<FilterRecord>(list.at(i)).filter != filter) continue;
      faults.addAt("name", "given twice");
      return;
    }
    const config = this.isDisabled ? 0 : this.configure(filter);
    const record = changetype<FilterRecord>(list.add());
    record.filter = filter;
    record.config = config;
  }

  /** Number + 1 among the table's configurations; 0: it is refused. */
  private configure(filter: u32): u32 {
    const records = this.recorder.records;
    const ptr = this.config.ptr;
    const len = this.config.len;
    const hash = hashBytes(ptr, len) ^ (filter * 0x9e3779b1);
    const index = this.known;
    for (let slot = index.start(hash); index.reference(slot) != 0; slot = index.next(slot)) {
      if (index.hash(slot) != hash) continue;
      const at = index.reference(slot) - 1;
      const known = changetype<KnownFilterRecord>(records.knownFilters.at(at));
      if (known.filter != filter || known.configLen != len) continue;
      if (equalBytes(records.bytes.ptr + known.config, ptr, len)) return at + 1;
    }
    const faults = this.recorder.faults;
    const before = faults.count;
    const config = installedFilter(filter).configure(ptr, len, this.setup);
    if (config === null) {
      if (faults.count == before) faults.addAt("config", "refused");
      return 0;
    }
    records.tableFilters.configs.push(config);
    const known = changetype<KnownFilterRecord>(records.knownFilters.add());
    known.filter = filter;
    known.config = records.bytes.append(ptr, len);
    known.configLen = len;
    index.insert(hash, records.knownFilters.count);
    return records.knownFilters.count;
  }

  free(): void {
    this.known.free();
    this.config.free();
  }
}
