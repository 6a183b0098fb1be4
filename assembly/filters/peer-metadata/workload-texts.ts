// The texts that tell of a workload, and the google.protobuf.Struct that carries them between proxies.
//
//   Struct { fields: map<string, Value> }   NAMESPACE, WORKLOAD_NAME, CLUSTER_ID: a string
//                                           LABELS: a Struct of strings
//
// Source: Istio, peer metadata of its proxies.
// Allocates: when the module starts.
import { Slice } from "../../codec/message";
import {
  MAX_WORKLOAD_TEXT,
  NAME_FIELDS,
  PeerWorkload,
  WORKLOAD_FIELDS,
  WorkloadField,
} from "../../filter/peer-workload";
import { ProtobufReader, ProtobufWriter, WireType } from "../../wire/protobuf";
import { StaticText } from "../../wire/static-text";

const ENTRY: u32 = 1;
const ENTRY_KEY: u32 = 1;
const ENTRY_VALUE: u32 = 2;
const VALUE_STRING: u32 = 3;
const VALUE_STRUCT: u32 = 5;

const LABELS = new StaticText("LABELS");
const LATEST = new StaticText("latest");
/** By WorkloadField; those from `App` on are labels. */
const KEYS: StaticArray<StaticText> = [
  new StaticText("WORKLOAD_NAME"),
  new StaticText("NAMESPACE"),
  new StaticText("CLUSTER_ID"),
  new StaticText("app"),
  new StaticText("version"),
  new StaticText("service.istio.io/canonical-name"),
  new StaticText("service.istio.io/canonical-revision"),
];

/** Reused; the texts are where they were read. */
export class WorkloadTexts {
  private readonly texts: usize = heap.alloc(<usize>WORKLOAD_FIELDS * offsetof<Slice>());
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly writer: ProtobufWriter = new ProtobufWriter();

  text(field: u32): Slice {
    return changetype<Slice>(this.texts + <usize>field * offsetof<Slice>());
  }

  clear(): void {
    memory.fill(this.texts, 0, <usize>WORKLOAD_FIELDS * offsetof<Slice>());
  }

  set(field: u32, ptr: usize, len: u32): void {
    const text = this.text(field);
    text.ptr = ptr;
    text.len = min(len, MAX_WORKLOAD_TEXT);
  }

  // ---- reading

  /** The Struct of `len` bytes at `ptr`. False: it is none, or says nothing of a workload. */
  read(ptr: usize, len: u32): bool {
    this.clear();
    const reader = this.reader;
    reader.reset(ptr, len);
    this.readStruct(false);
    if (reader.isMalformed) return false;
    let known: u32 = 0;
    for (let i: u32 = 0; i < WORKLOAD_FIELDS; i++) known += this.text(i).len;
    return known > 0;
  }

  private readStruct(isLabels: bool): void {
    const reader = this.reader;
    while (reader.next()) {
      if (reader.field != ENTRY || reader.wireType != WireType.Bytes) continue;
      const end = reader.enter();
      let key: usize = 0;
      let keyLen: u32 = 0;
      while (reader.next()) {
        if (reader.wireType != WireType.Bytes) continue;
        if (reader.field == ENTRY_KEY) {
          key = reader.ptr;
          keyLen = reader.len;
        } else if (reader.field == ENTRY_VALUE && keyLen > 0) {
          this.readValue(key, keyLen, isLabels);
        }
      }
      reader.leave(end);
    }
  }

  private readValue(key: usize, keyLen: u32, isLabels: bool): void {
    const reader = this.reader;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == VALUE_STRING) {
        this.take(key, keyLen, isLabels);
      } else if (reader.field == VALUE_STRUCT && !isLabels && LABELS.equals(key, keyLen)) {
        const inner = reader.enter();
        this.readStruct(true);
        reader.leave(inner);
      }
    }
    reader.leave(end);
  }

  private take(key: usize, keyLen: u32, isLabel: bool): void {
    const first: u32 = isLabel ? NAME_FIELDS : 0;
    const last: u32 = isLabel ? WORKLOAD_FIELDS : NAME_FIELDS;
    for (let i = first; i < last; i++) {
      if (!unchecked(KEYS[i]).equals(key, keyLen)) continue;
      this.set(i, this.reader.ptr, this.reader.len);
      return;
    }
  }

  /** What Istio's control plane takes for the canonical service where no label says it. */
  complete(): void {
    const service = this.text(WorkloadField.CanonicalService);
    const revision = this.text(WorkloadField.CanonicalRevision);
    if (service.len == 0) this.copy(WorkloadField.App, service);
    if (service.len == 0) this.copy(WorkloadField.Workload, service);
    if (service.len == 0) return;
    if (revision.len == 0) this.copy(WorkloadField.Version, revision);
    if (revision.len > 0) return;
    revision.ptr = LATEST.ptr;
    revision.len = LATEST.len;
  }

  private copy(field: u32, to: Slice): void {
    const from = this.text(field);
    to.ptr = from.ptr;
    to.len = from.len;
  }

  // ---- writing

  /** Bytes of a PeerWorkload. */
  get recordBytes(): u32 {
    let bytes = <u32>offsetof<PeerWorkload>() + WORKLOAD_FIELDS;
    for (let i: u32 = 0; i < WORKLOAD_FIELDS; i++) bytes += this.text(i).len;
    return bytes;
  }

  writeRecord(record: PeerWorkload): void {
    let at = changetype<usize>(record) + offsetof<PeerWorkload>();
    const start = at;
    for (let i: u32 = 0; i < WORKLOAD_FIELDS; i++) {
      if (i == NAME_FIELDS) record.nameBytes = <u32>(at - start);
      const text = this.text(i);
      store<u8>(at, <u8>text.len);
      memory.copy(at + 1, text.ptr, text.len);
      at += 1 + text.len;
    }
    record.appBytes = <u32>(at - start) - record.nameBytes;
  }

  /** Writes the Struct of what is known; returns its length, 0: it has no room. */
  writeStruct(out: usize, capacity: u32): u32 {
    const writer = this.writer;
    writer.reset(out, capacity);
    this.writeStrings(0, NAME_FIELDS);
    const entry = writer.openMessage(ENTRY);
    writer.writeBytes(ENTRY_KEY, LABELS.ptr, LABELS.len);
    const value = writer.openMessage(ENTRY_VALUE);
    const labels = writer.openMessage(VALUE_STRUCT);
    this.writeStrings(NAME_FIELDS, WORKLOAD_FIELDS);
    writer.closeMessage(labels);
    writer.closeMessage(value);
    writer.closeMessage(entry);
    return writer.isOverflown ? 0 : writer.len;
  }

  private writeStrings(first: u32, last: u32): void {
    const writer = this.writer;
    for (let i = first; i < last; i++) {
      const text = this.text(i);
      if (text.len == 0) continue;
      const key = unchecked(KEYS[i]);
      const entry = writer.openMessage(ENTRY);
      writer.writeBytes(ENTRY_KEY, key.ptr, key.len);
      const value = writer.openMessage(ENTRY_VALUE);
      writer.writeBytes(VALUE_STRING, text.ptr, text.len);
      writer.closeMessage(value);
      writer.closeMessage(entry);
    }
  }
}
