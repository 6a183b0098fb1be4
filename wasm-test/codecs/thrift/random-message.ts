// Random messages from a seed, written by the official library.
import type { TProtocol } from "thrift";
import type { RandomSource } from "../../inputs/random-source.js";
import { type OutgoingMessage, ValueType, WireType } from "./official-library.js";

const TYPES = Object.values(ValueType);
const CONTAINERS: readonly ValueType[] = [
  ValueType.Struct,
  ValueType.Map,
  ValueType.Set,
  ValueType.List,
];
const DEEPEST = 4;

/** Up to `longest` characters. */
export function randomText(random: RandomSource, longest: number): string {
  return "abcdefghijklmnop-é".repeat(1 + longest / 18).slice(0, random.below(longest + 1));
}

class RandomWriter {
  constructor(
    private readonly random: RandomSource,
    private readonly protocol: TProtocol,
  ) {}

  fields(depth: number): void {
    let id = 0;
    for (let left = this.random.below(5); left > 0; left--) {
      id += this.random.below(8) === 0 ? 1 + this.random.below(2000) : 1 + this.random.below(3);
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
    return this.random.below(30) === 0 ? 15 + this.random.below(20) : this.random.below(4);
  }

  private value(type: ValueType, depth: number): void {
    const { random, protocol } = this;
    switch (type) {
      case ValueType.Bool:
        protocol.writeBool(random.below(2) === 0);
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
        protocol.writeString(randomText(random, random.below(20) === 0 ? 300 : 12));
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
export function randomMessage(
  random: RandomSource,
  type: WireType = WireType.Call,
): OutgoingMessage {
  const keys = ["user-id", "Trace", "x", ""].filter(() => random.below(3) === 0);
  const service = random.below(4) === 0 ? `${randomText(random, 5)}:` : "";
  return {
    name: service + randomText(random, 12),
    type,
    seqid: random.below(3) === 0 ? 0 : random.below(2 ** random.pick([7, 14, 21, 31])),
    headerSeqid: random.below(2) === 0 ? 0 : random.below(2 ** 31),
    headers: Object.fromEntries(keys.map((key) => [key, randomText(random, 20)])),
    fields: (protocol) => {
      new RandomWriter(random, protocol).fields(0);
    },
  };
}
