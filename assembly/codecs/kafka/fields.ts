// Reads fields of a request in the order in which they lie.
//
//   fixed: big-endian integers   text: i16 length, or a varint that is one more (0: null)   uuid: 16 bytes
//   array: i32 count, or such a varint   tagged fields, of flexible versions: varint count, each tag, size, bytes
//
// Allocates: when the module starts.

import { Message, Slice } from "../../codec/message";
import { loadU16Be, loadU32Be } from "../../wire/byte-order";
import { StaticText } from "../../wire/static-text";
import { readVarint32, readWidth, VARINT_MALFORMED } from "../../wire/varint";
import { Api, apiOf, Field } from "./apis";
import { CLIENT_ID_TEXT_OFFSET, NULL_LENGTH, UUID_BYTES } from "./constants";
import { apiKeyOf, apiVersionOf, clientIdBytes, hasClientId } from "./frame";

/** More than any header or element has; a request with more of them is not looked into. */
const MAX_TAGS: i64 = 64;
const COLON: u8 = 0x3a;
const SPACE: u8 = 0x20;
const DIGIT_0: i32 = 0x30;
const DIGIT_9: i32 = 0x39;
const GROUP_KEY_TYPE: u32 = 0;
const TRANSACTION_KEY_TYPE: u32 = 1;

@final
export class FieldReader {
  /** Where the next field begins, at most `end`. */
  at: usize = 0;
  end: usize = 0;
  isFlexible: bool = false;
  /** The text that was read last is a null. */
  isNull: bool = false;
  /** Where the field began that `find` has read last. */
  began: usize = 0;
  /** Of the array that `find` has read last. */
  elements: u32 = 0;
  /** Of the coordinator's key that was found: 0, a group; 1, a transaction. */
  keyType: u32 = GROUP_KEY_TYPE;
  private steps: usize = 0;
  private stepsEnd: usize = 0;
  private readonly unused: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));

  /** To the first field behind the header of a request; false: it cannot be told where that is. */
  begin(message: Message): bool {
    if (!hasClientId(message)) return false;
    const api = apiOf(apiKeyOf(message));
    this.at = message.frame + CLIENT_ID_TEXT_OFFSET + clientIdBytes(message);
    this.end = message.frame + message.frameLength;
    this.isFlexible = apiVersionOf(message) >= api.flexibleFrom;
    return this.skipTags();
  }

  skip(len: u32): bool {
    if (<usize>len > this.end - this.at) return false;
    this.at += len;
    return true;
  }

  /** A length or a count: NULL_LENGTH for a null, less for what is malformed. */
  private length(isCount: bool): i32 {
    if (this.isFlexible) {
      const result = readVarint32(this.at, this.end);
      const width = readWidth(result);
      if (width == 0 || width == VARINT_MALFORMED) return NULL_LENGTH - 1;
      this.at += width;
      const length = <i64>(<u32>result) - 1;
      return length > i32.MAX_VALUE ? NULL_LENGTH - 1 : <i32>length;
    }
    const from = this.at;
    if (!this.skip(isCount ? 4 : 2)) return NULL_LENGTH - 1;
    return isCount ? <i32>loadU32Be(from) : <i32>(<i16>loadU16Be(from));
  }

  count(): i32 {
    return this.length(true);
  }

  text(value: Slice): bool {
    const length = this.length(false);
    this.isNull = length == NULL_LENGTH;
    value.len = length > 0 ? <u32>length : 0;
    value.ptr = this.at;
    return length >= NULL_LENGTH && this.skip(value.len);
  }

  /** Bytes whose length has the width of a count, such as a batch of records. */
  skipBytes(): bool {
    const length = this.count();
    return length >= NULL_LENGTH && this.skip(length > 0 ? <u32>length : 0);
  }

  /** Of versions that have them. */
  skipTags(): bool {
    if (!this.isFlexible) return true;
    const count = this.varint();
    if (count < 0 || count > MAX_TAGS) return false;
    for (let i: i64 = 0; i < count; i++) {
      if (this.varint() < 0) return false;
      const size = this.varint();
      if (size < 0 || !this.skip(<u32>size)) return false;
    }
    return true;
  }

  /** -1: there is none. */
  private varint(): i64 {
    const result = readVarint32(this.at, this.end);
    const width = readWidth(result);
    if (width == 0 || width == VARINT_MALFORMED) return -1;
    this.at += width;
    return <i64>(<u32>result);
  }

  /** The fields that a version of the api begins with. */
  private findSteps(api: Api, version: u32): void {
    const layouts: StaticText = api.layouts;
    const end = layouts.ptr + layouts.len;
    let at = layouts.ptr;
    this.steps = at;
    this.stepsEnd = at;
    while (at < end) {
      let from: u32 = 0;
      while (load<u8>(at) != COLON) from = from * 10 + (<u32>load<u8>(at++) - DIGIT_0);
      if (from > version) return;
      this.steps = ++at;
      while (at < end && load<u8>(at) != SPACE) at++;
      this.stepsEnd = at++;
    }
  }

  /**
   * Finds the first field of this kind among those that requests of its api and version begin with. A text that
   * is null, and an array that is, count as not there. The reader is behind the field then; of Topics, `value`
   * gets the number as its `len`.
   */
  find(message: Message, wanted: Field, value: Slice): bool {
    const api = apiOf(apiKeyOf(message));
    if (api.layouts.len == 0 || !this.begin(message)) return false;
    this.findSteps(api, apiVersionOf(message));
    this.keyType = GROUP_KEY_TYPE;
    for (let step = this.steps; step < this.stepsEnd; step++) {
      const field = <Field>load<u8>(step);
      this.began = this.at;
      if (!this.read(field, value, wanted)) return false;
      if (field == Field.CoordinatorKey) {
        return !this.isNull && this.readKeyType(step + 1, wanted) && this.isKeyOf(wanted);
      }
      if (field == wanted) return !this.isNull;
    }
    return false;
  }

  /** Which comes behind the key, in older versions. */
  private readKeyType(step: usize, wanted: Field): bool {
    return step == this.stepsEnd || this.read(<Field>load<u8>(step), this.unused, wanted);
  }

  private isKeyOf(wanted: Field): bool {
    if (wanted == Field.GroupId) return this.keyType == GROUP_KEY_TYPE;
    if (wanted == Field.TransactionalId) return this.keyType == TRANSACTION_KEY_TYPE;
    return wanted == Field.CoordinatorKey;
  }

  private read(field: Field, value: Slice, wanted: Field): bool {
    this.isNull = false;
    if (field >= DIGIT_0 && field <= DIGIT_9) return this.skip(field - DIGIT_0);
    switch (field) {
      case Field.Topics:
      case Field.Array: {
        const count = this.count();
        this.elements = count > 0 ? <u32>count : 0;
        value.len = this.elements;
        return count >= (field == wanted ? 0 : 1);
      }
      case Field.TopicId:
        value.ptr = this.at;
        value.len = UUID_BYTES;
        return this.skip(UUID_BYTES);
      case Field.Acks:
        value.ptr = this.at;
        value.len = 2;
        return this.skip(2);
      case Field.KeyType:
        if (!this.skip(1)) return false;
        this.keyType = load<u8>(this.at - 1);
        return true;
      default:
        return this.text(value);
    }
  }
}

export const fields = new FieldReader();
