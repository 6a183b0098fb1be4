// Builds the values of a fastjson2 body, independently of the codec: recursive, by the table in
// JSONB.java of alibaba/fastjson2. Only what the tests' frames hold.
import { HEADER_BYTES } from "./frames.js";

class JsonbReader {
  private at = 0;
  private readonly symbols = new Map<number, string>();

  constructor(private readonly bytes: Buffer) {}

  readAll(): unknown {
    const value = this.read();
    if (this.at !== this.bytes.length) throw new Error("bytes are left behind the value");
    return value;
  }

  private take(count: number): Buffer {
    if (this.at + count > this.bytes.length) throw new Error("the value is not complete");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  private peek(): number {
    return this.bytes.readUInt8(this.at);
  }

  private readInt(): number {
    const value = this.read();
    if (typeof value !== "number") throw new Error("a number is expected");
    return value;
  }

  private readName(): string {
    const value = this.read();
    if (typeof value === "number") return this.symbols.get(value) ?? `#${String(value)}`;
    if (typeof value !== "string") throw new Error("a name is expected");
    this.symbols.set(this.readInt(), value);
    return value;
  }

  private readObject(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    while (this.peek() !== 0xa5) {
      const key = String(this.read());
      object[key] = this.read();
    }
    this.take(1);
    return object;
  }

  private readArray(count: number): unknown[] {
    return Array.from({ length: count }, () => this.read());
  }

  private readText(tag: number): string {
    if (tag < 0x79) return this.take(tag - 0x49).toString("latin1");
    return this.take(this.readInt()).toString(tag === 0x79 ? "latin1" : "utf8");
  }

  private readSmallInt(tag: number): number {
    if (tag <= 0x2f) return tag;
    if (tag >= 0xf0) return tag - 256;
    if (tag <= 0x3f) return ((tag - 0x38) << 8) + this.take(1).readUInt8();
    if (tag <= 0x47) return ((tag - 0x44) << 16) + this.take(2).readUInt16BE();
    return this.take(4).readInt32BE();
  }

  private read(): unknown {
    const tag = this.take(1).readUInt8();
    if (tag <= 0x48 || tag >= 0xf0) return this.readSmallInt(tag);
    if (tag <= 0x7a) return this.readText(tag);
    if (tag === 0x7f) return this.readName();
    if (tag === 0x92) return { type: this.readName(), value: this.read() };
    if (tag >= 0x94 && tag <= 0xa3) return this.readArray(tag - 0x94);
    if (tag === 0xa4) return this.readArray(this.readInt());
    if (tag === 0xa6) return this.readObject();
    if (tag === 0xaf) return null;
    if (tag === 0xbd) return this.take(1).readInt8();
    throw new Error(`tag ${tag.toString(16)} is not known here`);
  }
}

/** All values of a frame's fastjson2 body; throws unless they fill it exactly. */
export function readJsonbBody(frame: Uint8Array): unknown[] {
  const body = Buffer.from(frame.subarray(HEADER_BYTES));
  if (Buffer.from(frame).readUInt32BE(12) !== body.length) throw new Error("wrong body length");
  const values: unknown[] = [];
  for (let at = 0; at < body.length;) {
    const end = at + 4 + body.readUInt32BE(at);
    if (end > body.length) throw new Error("a value is longer than the body");
    values.push(new JsonbReader(body.subarray(at + 4, end)).readAll());
    at = end;
  }
  return values;
}

/** A top-level value: its length and `hex`. */
export function jsonbItem(hex: string): Uint8Array {
  const bytes = Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return new Uint8Array(Buffer.concat([length, bytes]));
}
