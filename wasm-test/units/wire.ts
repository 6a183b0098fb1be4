// AssemblyScript: byte ranges and integers on the wire as flat wasm exports.

import * as bytes from "../../assembly/wire/bytes";
import * as order from "../../assembly/wire/byte-order";
import { crc32 as sum } from "../../assembly/wire/crc32";
import * as varint from "../../assembly/wire/varint";

export function allocate(size: u32): usize {
  return heap.alloc(size);
}

export function equalBytes(a: usize, b: usize, len: u32): bool {
  return bytes.equalBytes(a, b, len);
}

export function equalBytesIgnoreCase(any: usize, lower: usize, len: u32): bool {
  return bytes.equalBytesIgnoreCase(any, lower, len);
}

export function hashBytes(ptr: usize, len: u32): u32 {
  return bytes.hashBytes(ptr, len);
}

export function crc32(ptr: usize, len: u32): u32 {
  return sum(ptr, len);
}

export function writeDecimal(out: usize, value: u64): u32 {
  return bytes.writeDecimal(out, value);
}

export function loadU16Be(ptr: usize): u32 {
  return order.loadU16Be(ptr);
}

export function loadU32Be(ptr: usize): u32 {
  return order.loadU32Be(ptr);
}

export function loadU64Be(ptr: usize): u64 {
  return order.loadU64Be(ptr);
}

export function storeU16Be(ptr: usize, value: u32): void {
  order.storeU16Be(ptr, value);
}

export function storeU32Be(ptr: usize, value: u32): void {
  order.storeU32Be(ptr, value);
}

export function storeU64Be(ptr: usize, value: u64): void {
  order.storeU64Be(ptr, value);
}

export function varintWidth(ptr: usize, end: usize): u32 {
  return varint.varintWidth(ptr, end);
}

export function readVarint32(ptr: usize, end: usize): u64 {
  return varint.readVarint32(ptr, end);
}

export function readWidth(result: u64): u32 {
  return varint.readWidth(result);
}

export function varintSize(value: u64): u32 {
  return varint.varintSize(value);
}

export function writeVarint(out: usize, value: u64): u32 {
  return varint.writeVarint(out, value);
}

export function writePaddedVarint(out: usize, value: u64, width: u32): void {
  varint.writePaddedVarint(out, value, width);
}
