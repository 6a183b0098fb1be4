// A filter's configuration in JSON: see the contract, assembly/filter/json-config.ts.
// Allocates: cold path only; `end` frees what the garbage collector does not see.

import { JsonConfig } from "../../filter/json-config";
import { Faults } from "./faults";
import { JsonFields } from "./json-fields";

const NOTHING = String.UTF8.encode("{}");

export class FilterJson extends JsonConfig {
  private readonly fields: JsonFields;
  private readonly before: u32;
  /** Faults when the value at hand had not been read. */
  private beforeValue: u32 = 0;

  constructor(
    private readonly faults: Faults,
    ptr: usize,
    len: u32,
  ) {
    super();
    this.fields = new JsonFields(faults);
    this.before = faults.count;
    const isNothing = len == 0;
    const text = isNothing ? changetype<usize>(NOTHING) : ptr;
    this.fields.reader.reset(text, isNothing ? <u32>NOTHING.byteLength : len);
  }

  override begin(): bool {
    return this.fields.begin();
  }

  override next(names: StaticArray<string>): bool {
    if (!this.fields.next(names)) return false;
    this.field = this.fields.field;
    this.beforeValue = this.faults.count;
    return true;
  }

  override beginElements(): bool {
    return this.fields.beginElements();
  }

  override nextElement(): bool {
    if (!this.fields.nextElement()) return false;
    this.beforeValue = this.faults.count;
    return true;
  }

  override text(): ArrayBuffer {
    return this.fields.textCopy();
  }

  override number(): u32 {
    return <u32>max<i64>(this.fields.number(), 0);
  }

  override boolean(): bool {
    return this.fields.boolean() > 0;
  }

  override duration(): u32 {
    return <u32>max<i64>(this.fields.writtenDuration(), 0);
  }

  override refuse(text: string): void {
    if (this.faults.count == this.beforeValue) this.faults.add(text);
  }

  override end(): bool {
    const reader = this.fields.reader;
    reader.finish();
    if (reader.hasFailed) this.faults.add("malformed JSON: " + reader.fault);
    this.fields.free();
    return this.faults.count == this.before;
  }
}
