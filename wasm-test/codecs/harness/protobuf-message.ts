// Protobuf messages built and read without the code under test, by @bufbuild/protobuf.
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Number of a field, and what it holds: a number, or bytes (texts as such). */
export type Field = readonly [number, number | string | Uint8Array];

/** A protobuf message. */
export function message(...fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of fields) {
    if (typeof value === "number") writer.tag(number, WireType.Varint).int32(value);
    else {
      const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
      writer.tag(number, WireType.LengthDelimited).bytes(bytes);
    }
  }
  return writer.finish();
}

/** A pair of a map, as its field's content. */
export function pair(key: string, value: string): Uint8Array {
  return message([1, key], [2, value]);
}

/** All fields of a message by number, in their order; varints as unsigned 64 bits. */
export function readFields(bytes: Uint8Array): Map<number, (bigint | Uint8Array)[]> {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const values = fields.get(number) ?? [];
    fields.set(number, values);
    if (wireType === WireType.Varint) values.push(BigInt(reader.uint64()));
    else if (wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else throw new Error(`a field of wire type ${String(wireType)}`);
  }
  return fields;
}

/** The last number of a field; proto3 leaves a 0 out. */
export function numberOf(bytes: Uint8Array, field: number): number {
  const value = readFields(bytes).get(field)?.at(-1) ?? 0n;
  if (typeof value !== "bigint") throw new Error(`field ${String(field)} is no number`);
  return Number(BigInt.asIntN(32, value));
}

/** The last bytes of a field; none: empty. */
export function bytesOf(bytes: Uint8Array, field: number): Uint8Array {
  const value = readFields(bytes).get(field)?.at(-1) ?? new Uint8Array(0);
  if (typeof value === "bigint") throw new Error(`field ${String(field)} is a number`);
  return value;
}

export function textOf(bytes: Uint8Array, field: number): string {
  return new TextDecoder().decode(bytesOf(bytes, field));
}

/** The pairs of a map field, of which the last with a key counts. */
export function pairsOf(bytes: Uint8Array, field: number): Record<string, string> {
  const entries = readFields(bytes).get(field) ?? [];
  return Object.fromEntries(
    entries.map((entry) => {
      if (typeof entry === "bigint") throw new Error("a pair that is a number");
      return [textOf(entry, 1), textOf(entry, 2)];
    }),
  );
}
