// What the filter is to do, of all requests or of those of one route:
//
//   { "attribute": "method", "refuse": ["dropTable"] }
//
// Runs when a configuration arrives: here anything may be allocated.
import {
  AttributeName,
  Counter,
  counterOf,
  equalBytes,
  FilterConfig,
  FilterSetup,
  Slice,
} from "metaproto-as/filter";

const FIELDS: StaticArray<string> = ["attribute", "refuse"];

export class __Name__Settings extends FilterConfig {
  /** In Envoy's stats `wasmcustom.metaproto.__codec__.__metric___refused`. */
  readonly refused: Counter = counterOf("__metric___refused");

  constructor(
    readonly attribute: AttributeName,
    private readonly values: Array<ArrayBuffer>,
  ) {
    super();
  }

  /** Whether requests with this value of the attribute are refused. */
  refuses(value: Slice): bool {
    for (let i = 0; i < this.values.length; i++) {
      const refused = unchecked(this.values[i]);
      if (<u32>refused.byteLength != value.len) continue;
      if (equalBytes(changetype<usize>(refused), value.ptr, value.len)) return true;
    }
    return false;
  }
}

/** Null: something is wrong with it, and `setup` was told what. */
export function readSettings(ptr: usize, len: u32, setup: FilterSetup): __Name__Settings | null {
  let attribute = new ArrayBuffer(0);
  const values = new Array<ArrayBuffer>();
  const json = setup.json(ptr, len);
  if (json.begin()) {
    while (json.next(FIELDS)) {
      if (json.field == 0) attribute = json.text();
      else if (json.beginElements()) while (json.nextElement()) values.push(json.text());
    }
  }
  if (attribute.byteLength == 0) setup.fault("attribute", "missing");
  if (!json.end()) return null;
  return new __Name__Settings(AttributeName.of(attribute, setup.codec), values);
}
