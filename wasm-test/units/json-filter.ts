// A filter that reads a configuration in JSON and logs it, for tests of what filters are given to read it with.

import { Filter, FilterConfig } from "../../assembly/filter/filter";
import { FilterSetup } from "../../assembly/filter/filter-setup";
import { JsonConfig } from "../../assembly/filter/json-config";
import { LogLevel } from "../../assembly/proxy-wasm-as/abi/enums";
import { log } from "../../assembly/proxy-wasm-as/host/log";

const FIELDS: StaticArray<string> = ["texts", "count", "isOn", "longestWait", "inner"];

class Nothing extends FilterConfig {}

export class JsonFilter extends Filter {
  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    const json = setup.json(ptr, len);
    const told = this.read(json);
    if (told.includes("texts=[missing]")) setup.fault("texts", "must not be missing");
    if (!json.end()) return null;
    log(LogLevel.Info, this.name + " read " + told);
    return new Nothing();
  }

  private read(json: JsonConfig): string {
    let told = "{";
    if (!json.begin()) return told;
    while (json.next(FIELDS)) {
      const name = FIELDS[json.field];
      if (json.field == 0) told += name + "=[" + this.texts(json) + "]";
      else if (json.field == 1) {
        const count = json.number();
        if (count == 0) json.refuse("must be at least 1");
        told += name + "=" + count.toString();
      } else if (json.field == 2) told += name + "=" + json.boolean().toString();
      else if (json.field == 3) told += name + "=" + json.duration().toString() + "ms";
      else told += name + "=" + this.read(json);
      told += ";";
    }
    return told + "}";
  }

  private texts(json: JsonConfig): string {
    const texts = new Array<string>();
    if (json.beginElements()) {
      while (json.nextElement()) {
        const text = String.UTF8.decode(json.text());
        if (text == "") json.refuse("must not be empty");
        texts.push(text);
      }
    }
    return texts.join(",");
  }
}
