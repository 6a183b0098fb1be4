// Attributes of records whose values are texts with operators, one for each entry of a map.
// Allocates: cold path only; one text for all, up to TEXT_BYTES.

import { Call } from "../filter/call";
import { Format } from "../format/format";
import { BoundedBuffer } from "../telemetry/bounded-buffer";
import { OtlpBatch } from "../telemetry/otlp-batch";

/** Of one value: more than a format can make. */
const TEXT_BYTES: u32 = 128 * 1024;

const text = new BoundedBuffer(1024, TEXT_BYTES);

export class FormattedAttributes {
  private readonly keys: Array<ArrayBuffer> = new Array<ArrayBuffer>();
  /** Behind the last segment of each value. */
  private readonly ends: Array<i32> = new Array<i32>();
  /** Of all values, one after the other. */
  private format: Format | null = null;

  get length(): i32 {
    return this.keys.length;
  }

  /** Of a value that ends before segment `end` of the format. */
  add(key: ArrayBuffer, end: i32): void {
    this.keys.push(key);
    this.ends.push(end);
  }

  finish(format: Format): void {
    this.format = format;
  }

  /** See `Format.capture`. */
  capture(call: Call): usize {
    return this.format!.capture(call);
  }

  /** To the record that `batch` has begun. An attribute that is nothing but an operator without a value is left out. */
  write(batch: OtlpBatch, call: Call, capture: usize): void {
    const format = this.format!;
    let from = 0;
    format.begin(capture);
    for (let i = 0; i < this.keys.length; i++) {
      const to = unchecked(this.ends[i]);
      const key = unchecked(this.keys[i]);
      const keyPtr = changetype<usize>(key);
      const keyLen = <u32>key.byteLength;
      if (format.isNumber(from, to)) {
        batch.intAttribute(keyPtr, keyLen, format.readNumber(from, call));
      } else {
        text.truncate(0);
        const isPresent = format.writePart(from, to, call, text);
        if (isPresent || !format.isSingle(from, to)) {
          batch.stringAttribute(keyPtr, keyLen, text.ptr, text.len);
        }
      }
      from = to;
    }
  }
}
