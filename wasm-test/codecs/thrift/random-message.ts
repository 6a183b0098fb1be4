// Random messages from a seed, written by the official library.
import type { TProtocol } from "thrift";
import { type OutgoingMessage, ValueType, WireType } from "./official-library.js";

/** A reproducible source of numbers (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * bound);
  }

  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  text(longest: number): string {
    return "abcdefghijklmnop-é".repeat(1 + longest / 18).slice(0, this.below(longest + 1));
  }
}

const TYPES = Object.values(ValueType);
const CONTAINERS: readonly ValueType[] = [
  ValueType.Struct,
  ValueType.Map,
  ValueType.Set,
  ValueType.List,
];
const DEEPEST = 4;

class RandomWriter {
  constructor(
    private readonly random: Random,
    private readonly protocol: TProtocol,
  ) {}

  fields(depth: number): void {
    let id = 0;
    for (let left = this.random.below(5); left > 0; left--) {
      id += this.random.chance(1, 8) ? 1 + this.random.below(2000) : 1 + this.random.below(3);
      const type = this.type(depth);
      this.protocol.writeFieldBegin("field", type, id);
      this.value(type, depth);
      this.protocol.writeFieldEnd();
    }
  }

  private type(depth: number): ValueType {
    const types = depth < DEEPEST ? TYPES : TYPES.filter((type) => !CONTAINERS.includes(type));
    return this.random.pick(types);
  }

  private count(): number {
    return this.random.chance(1, 30) ? 15 + this.random.below(20) : this.random.below(4);
  }

  private value(type: ValueType, depth: number): void {
    const { random, protocol } = this;
    switch (type) {
      case ValueType.Bool:
        protocol.writeBool(random.chance(1, 2));
        break;
      case ValueType.I8:
        protocol.writeByte(random.below(128));
        break;
      case ValueType.I16:
        protocol.writeI16(random.below(65536) - 32768);
        break;
      case ValueType.I32:
        protocol.writeI32(random.below(2 ** 32) - 2 ** 31);
        break;
      case ValueType.I64:
        protocol.writeI64((random.below(2 ** 32) - 2 ** 31) * random.pick([1, 2 ** 20]));
        break;
      case ValueType.Double:
        protocol.writeDouble(random.below(1000) / 7);
        break;
      case ValueType.String:
        protocol.writeString(random.text(random.chance(1, 20) ? 300 : 12));
        break;
      case ValueType.Uuid:
        protocol.writeUuid("00112233-4455-6677-8899-aabbccddeeff");
        break;
      default:
        this.container(type, depth + 1);
    }
  }

  private container(type: ValueType, depth: number): void {
    const { protocol } = this;
    if (type === ValueType.Struct) {
      protocol.writeStructBegin("struct");
      this.fields(depth);
      protocol.writeFieldStop();
      protocol.writeStructEnd();
      return;
    }
    const count = this.count();
    const keyType = this.type(depth);
    const valueType = this.type(depth);
    if (type === ValueType.Map) protocol.writeMapBegin(keyType, valueType, count);
    if (type === ValueType.Set) protocol.writeSetBegin(valueType, count);
    if (type === ValueType.List) protocol.writeListBegin(valueType, count);
    for (let i = 0; i < count; i++) {
      if (type === ValueType.Map) this.value(keyType, depth);
      this.value(valueType, depth);
    }
  }
}

/** A message of `type` with everything else left to chance. */
export function randomMessage(random: Random, type: WireType = WireType.Call): OutgoingMessage {
  const keys = ["user-id", "Trace", "x", ""].filter(() => random.chance(1, 3));
  const service = random.chance(1, 4) ? `${random.text(5)}:` : "";
  return {
    name: service + random.text(12),
    type,
    seqid: random.chance(1, 3) ? 0 : random.below(2 ** random.pick([7, 14, 21, 31])),
    headerSeqid: random.chance(1, 2) ? 0 : random.below(2 ** 31),
    headers: Object.fromEntries(keys.map((key) => [key, random.text(20)])),
    fields: (protocol) => {
      new RandomWriter(random, protocol).fields(0);
    },
  };
}
