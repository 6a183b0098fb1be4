// A filter's configuration in JSON, which is what a MetaRouter's `config` becomes: read field by field, once,
// with the path of whatever is wrong.
//
//   const json = setup.json(ptr, len);
//   if (json.begin()) while (json.next(FIELDS)) { switch (json.field) { ... read the value ... } }
//   return json.end() ? config : null;
//
// A value of the wrong kind is a fault, which is told; what is returned then is of no use.
// Allocates: cold path only.

export abstract class JsonConfig {
  /** The index of the field at hand in the names given to `next`. */
  field: i32 = -1;

  /** Goes into an object: the whole configuration, or a field's value. False: it is none. */
  abstract begin(): bool;
  /** On to the next field that is set; its value has to be read. Unknown fields are faults. At most 32 names. */
  abstract next(names: StaticArray<string>): bool;
  /** Goes into an array. False: it is none. */
  abstract beginElements(): bool;
  /** On to the next element; its value has to be read. */
  abstract nextElement(): bool;
  /** UTF-8. */
  abstract text(): ArrayBuffer;
  /** A whole number from 0 to 4294967295. */
  abstract number(): u32;
  abstract boolean(): bool;
  /** Milliseconds of a text as MetaRouters have them, such as `1m30s`, rounded up; up to 2147483647. */
  abstract duration(): u32;
  /** Refuses the value that was read last, unless it has been: a value of the wrong kind is. */
  abstract refuse(text: string): void;
  /** When all is read; nothing else may be called any more. False: there was a fault. */
  abstract end(): bool;
}
