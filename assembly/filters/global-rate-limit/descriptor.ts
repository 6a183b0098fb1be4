// What the service is asked about: envoy.extensions.common.ratelimit.v3.RateLimitDescriptor, from a request.
// Allocates: at configuration.
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { UTF8_INVALID, utf8Step } from "../../telemetry/utf8";
import { ProtobufWriter } from "../../wire/protobuf";
import { cutPort } from "../../filter/cut-port";

const ENTRIES: u32 = 1;
const KEY: u32 = 1;
const VALUE: u32 = 2;
/** Of an attribute; the rest is left out. */
export const MAX_ENTRY_VALUE_BYTES: u32 = 1024;
/** Tags and lengths of an entry and its fields, and of the descriptor around it, are less. */
export const ENTRY_OVERHEAD_BYTES: u32 = 32;

export enum EntrySource {
  None = 0,
  Attribute = 1,
  Value = 2,
  SourceAddress = 3,
}

export class Entry {
  key: ArrayBuffer = new ArrayBuffer(0);
  source: EntrySource = EntrySource.None;
  /** The value, or the attribute's name in lower case. */
  text: ArrayBuffer = new ArrayBuffer(0);
  attribute: i32 = 0;
}

const valueBytes: usize = memory.data(1024, 8);
const value: Slice = changetype<Slice>(memory.data(8, 8));
const name: Slice = changetype<Slice>(memory.data(8, 8));

export class Descriptor {
  readonly entries: Array<Entry> = new Array<Entry>();

  /** An upper bound of what `write` writes, in bytes. */
  get bound(): u32 {
    let bytes: u32 = ENTRY_OVERHEAD_BYTES;
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i];
      const length = max(<u32>entry.text.byteLength, MAX_ENTRY_VALUE_BYTES);
      bytes += <u32>entry.key.byteLength + length + ENTRY_OVERHEAD_BYTES;
    }
    return bytes;
  }

  /** As the field `field`; false, and nothing: the request lacks an attribute. */
  write(call: Call, writer: ProtobufWriter, field: u32): bool {
    const before = writer.len;
    const descriptor = writer.openMessage(field);
    for (let i = 0; i < this.entries.length; i++) {
      const entry = unchecked(this.entries[i]);
      if (!findValue(call, entry)) {
        writer.len = before;
        return false;
      }
      const open = writer.openMessage(ENTRIES);
      writer.writeBytes(KEY, changetype<usize>(entry.key), <u32>entry.key.byteLength);
      writer.writeBytes(VALUE, value.ptr, value.len);
      writer.closeMessage(open);
    }
    writer.closeMessage(descriptor);
    return true;
  }
}

/** To `value`. */
function findValue(call: Call, entry: Entry): bool {
  if (entry.source == EntrySource.Value) {
    value.ptr = changetype<usize>(entry.text);
    value.len = <u32>entry.text.byteLength;
    return true;
  }
  if (entry.source == EntrySource.SourceAddress) {
    if (!call.sourceAddress(value)) return false;
    cutPort(value);
    return true;
  }
  name.ptr = changetype<usize>(entry.text);
  name.len = <u32>entry.text.byteLength;
  if (!call.attribute(entry.attribute, name, value)) return false;
  copyText();
  return true;
}

/** The service refuses what is no UTF-8, and a client could switch its limit off with that. */
function copyText(): void {
  let ptr = value.ptr;
  const end = ptr + min(value.len, MAX_ENTRY_VALUE_BYTES);
  let out = valueBytes;
  while (ptr < end) {
    const step = utf8Step(ptr, end);
    if ((step & UTF8_INVALID) != 0) {
      store<u8>(out++, 0x3f);
      ptr += step & ~UTF8_INVALID;
    } else {
      memory.copy(out, ptr, step);
      out += step;
      ptr += step;
    }
  }
  value.ptr = valueBytes;
  value.len = <u32>(out - valueBytes);
}
