// Types of numbers in headers.
import { oneOf } from "../schema/scalars.js";

export const numberType = oneOf(
  ...(["u8", "u16", "u24", "u32", "u64", "i8", "i16", "i32", "i64", "varint"] as const),
);

/** Of lengths and types of entries. */
export const lengthType = oneOf("u8", "u16", "u24", "u32", "varint");

/** Of numbers of entries. */
export const countType = oneOf("u8", "u16", "u24", "u32");

export const byteOrder = oneOf("BIG_ENDIAN", "LITTLE_ENDIAN");

export type ByteOrder = "BIG_ENDIAN" | "LITTLE_ENDIAN";
export type NumberType = (typeof numberType)["fallback"];
