// An attribute that a filter's configuration names.
// Allocates: at configuration.
import { Codec } from "../codec/codec";
import { Slice } from "../codec/message";
import { makeLowerCase } from "../wire/bytes";
import { copyBytes } from "../wire/owned-bytes";
import { Call } from "./call";

export class AttributeName {
  /** Lower case, UTF-8. */
  private readonly name: ArrayBuffer;
  private readonly id: i32;

  /** Copies the `len` bytes at `ptr`; `codec` is that of FilterSetup. */
  constructor(ptr: usize, len: u32, codec: Codec) {
    this.name = copyBytes(ptr, len);
    makeLowerCase(changetype<usize>(this.name), len);
    this.id = codec.attributeId(changetype<usize>(this.name), len);
  }

  static of(name: ArrayBuffer, codec: Codec): AttributeName {
    return new AttributeName(changetype<usize>(name), <u32>name.byteLength, codec);
  }

  /** Of `call.message`, as long as that is there; false: it has no such attribute. */
  find(call: Call, out: Slice): bool {
    const name = this.name;
    const len = <u32>name.byteLength;
    return call.codec.attribute(call.message, this.id, changetype<usize>(name), len, out);
  }
}
