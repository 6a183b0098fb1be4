// Names of metrics with labels in them, `key=.=value;.;` each: what Istio's `extraStatTags` extracts, and the
// stats_tags of the bootstraps of metaproto.
//
// A value is a method's, a route's or a peer's, and must neither end its label nor begin another, nor spoil
// the page that Prometheus reads: `;`, `=`, `%`, control characters and what is not UTF-8 become %XX. Dots and
// everything else stay as they are.
//
// Allocates: at construction only.
import { Slice } from "../../codec/message";
import { StaticText } from "../../wire/static-text";

/** Of a value; what is beyond is left out. */
export const MAX_LABEL_BYTES: u32 = 256;
/** Of a whole name: as many values as Istio's metrics have labels, of which each byte became three. */
const NAME_CAPACITY: u32 = 24 * 1024;

const VALUE = new StaticText("=.=");
const END = new StaticText(";.;");
const HEX = new StaticText("0123456789ABCDEF");
const PERCENT: u32 = 0x25;

/** Bytes of the UTF-8 character at `ptr`, of which `len` are there; 0: it is none. */
export function characterBytes(ptr: usize, len: u32): u32 {
  const first = <u32>load<u8>(ptr);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const count: u32 = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (len < count) return 0;
  const second = <u32>load<u8>(ptr + 1);
  // Not in its shortest form, a surrogate, or beyond U+10FFFF.
  const least: u32 = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const most: u32 = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i: u32 = 2; i < count; i++) {
    if (((<u32>load<u8>(ptr + i)) & 0xc0) != 0x80) return 0;
  }
  return count;
}

function isSafe(byte: u32): bool {
  return byte >= 0x20 && byte != 0x7f && byte != 0x25 && byte != 0x3b && byte != 0x3d;
}

export class LabelText {
  readonly ptr: usize = heap.alloc(NAME_CAPACITY);
  len: u32 = 0;

  addBytes(ptr: usize, len: u32): void {
    if (len > NAME_CAPACITY - this.len) return;
    memory.copy(this.ptr + this.len, ptr, len);
    this.len += len;
  }

  add(text: StaticText): void {
    this.addBytes(text.ptr, text.len);
  }

  label(key: StaticText, ptr: usize, len: u32): void {
    this.addBytes(key.ptr, key.len);
    this.add(VALUE);
    this.addValue(ptr, len < MAX_LABEL_BYTES ? len : MAX_LABEL_BYTES);
    this.add(END);
  }

  textLabel(key: StaticText, value: StaticText): void {
    this.label(key, value.ptr, value.len);
  }

  sliceLabel(key: StaticText, value: Slice): void {
    this.label(key, value.ptr, value.len);
  }

  private addValue(ptr: usize, len: u32): void {
    const end = ptr + len;
    while (ptr < end) {
      const count = characterBytes(ptr, <u32>(end - ptr));
      const byte = <u32>load<u8>(ptr);
      if (count > 1 || (count == 1 && isSafe(byte))) {
        this.addBytes(ptr, count);
        ptr += count;
      } else {
        this.addEscaped(byte);
        ptr++;
      }
    }
  }

  private addEscaped(byte: u32): void {
    if (NAME_CAPACITY - this.len < 3) return;
    const at = this.ptr + this.len;
    store<u8>(at, <u8>PERCENT);
    store<u8>(at, load<u8>(HEX.ptr + (byte >> 4)), 1);
    store<u8>(at, load<u8>(HEX.ptr + (byte & 15)), 2);
    this.len += 3;
  }
}
