// AssemblyScript: the JSON reader as flat wasm exports.

import { ByteBuffer } from "../../assembly/switchboard/config/byte-buffer";
import { JsonKind, JsonReader } from "../../assembly/switchboard/config/json-reader";
import { parseU32 } from "../../assembly/switchboard/config/json-number";
import { parseDurationMs } from "../../assembly/switchboard/config/duration";
import { appendBase64 } from "../../assembly/switchboard/config/base64";
import { usedHeapBytes } from "./heap-usage";

export { usedHeapBytes };

const reader = new JsonReader();
const out = new ByteBuffer();
let fault: ArrayBuffer = new ArrayBuffer(0);

export function allocate(bytes: u32): usize {
  return heap.alloc(bytes);
}

export function free(ptr: usize): void {
  heap.free(ptr);
}

/** Whether the bytes are JSON, passed as a whole. */
export function skip(ptr: usize, len: u32): bool {
  reader.reset(ptr, len);
  reader.skip();
  return finish();
}

/** Whether the bytes are JSON, which then stands at `outPtr`, `outLen` again: every string, number and bracket read for itself. */
export function rewrite(ptr: usize, len: u32): bool {
  reader.reset(ptr, len);
  out.clear();
  rewriteValue();
  return finish();
}

/** -1 to -3: what json-number.ts says. */
export function number(ptr: usize, len: u32): i64 {
  return parseU32(ptr, len);
}

export function duration(ptr: usize, len: u32): i64 {
  return parseDurationMs(ptr, len);
}

export function base64(ptr: usize, len: u32): bool {
  out.clear();
  return appendBase64(ptr, len, out);
}

export function outPtr(): usize {
  return out.ptr;
}

export function outLen(): u32 {
  return out.len;
}

export function faultPtr(): usize {
  return changetype<usize>(fault);
}

export function faultLen(): u32 {
  return fault.byteLength;
}

function finish(): bool {
  const isSound = reader.finish();
  fault = String.UTF8.encode(reader.fault);
  if (isSound != (fault.byteLength == 0)) abort("a fault without failure, or the other way round");
  reader.free();
  return isSound;
}

function rewriteValue(): void {
  switch (reader.peek()) {
    case JsonKind.Object: {
      reader.enterObject();
      write(0x7b);
      for (let isFirst = true; reader.nextKey(); isFirst = false) {
        if (!isFirst) write(0x2c);
        writeText();
        write(0x3a);
        rewriteValue();
      }
      write(0x7d);
      break;
    }
    case JsonKind.Array: {
      reader.enterArray();
      write(0x5b);
      for (let isFirst = true; reader.nextElement(); isFirst = false) {
        if (!isFirst) write(0x2c);
        rewriteValue();
      }
      write(0x5d);
      break;
    }
    case JsonKind.String: {
      if (reader.readString()) writeText();
      break;
    }
    case JsonKind.Number: {
      if (reader.readNumber()) out.append(reader.ptr, reader.len);
      break;
    }
    case JsonKind.Boolean: {
      if (reader.readBoolean()) write(reader.boolean ? 0x31 : 0x30);
      break;
    }
    default:
      if (reader.readNull()) write(0x6e);
  }
}

/** A string as its length and its bytes. */
function writeText(): void {
  write(0x22);
  const offset = out.extend(4);
  store<u32>(out.ptr + offset, reader.len);
  out.append(reader.ptr, reader.len);
}

function write(byte: u8): void {
  const offset = out.extend(1);
  store<u8>(out.ptr + offset, byte);
}
