// Names of attributes that the filter looks for itself.
// Allocates: when the module starts.

import { Codec, DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { StaticText } from "../../wire/static-text";

/** For module constants only. */
export class AttributeName {
  /** As texts of mutations and lookups want it. */
  readonly slice: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
  private id: i32 = DYNAMIC_ATTRIBUTE;

  /** In lower case. */
  constructor(name: string) {
    const text = new StaticText(name);
    this.slice.ptr = text.ptr;
    this.slice.len = text.len;
  }

  /** Of a module there is one codec: all calls have the same. */
  resolve(codec: Codec): void {
    this.id = codec.attributeId(this.slice.ptr, this.slice.len);
  }

  /** The protocol has this attribute itself: nobody could send any text under this name. */
  get isOfProtocol(): bool {
    return this.id != DYNAMIC_ATTRIBUTE;
  }

  /** In the request at hand. */
  find(call: Call, out: Slice): bool {
    return call.attribute(this.id, this.slice, out);
  }
}
