// The serializations whose bodies are read and written.
// Allocates: when the module starts.

import { SERIALIZATION_FASTJSON2, SERIALIZATION_HESSIAN2, SERIALIZATION_MASK } from "./constants";
import { Hessian2 } from "./hessian2";
import { Jsonb } from "./jsonb";
import { ValueFormat } from "./value-format";

export const hessian2: ValueFormat = new Hessian2();
const jsonb: ValueFormat = new Jsonb();

/** The format that a frame's flag byte names, or null when its body is not understood. */
export function formatOf(flag: u32): ValueFormat | null {
  const serialization = flag & SERIALIZATION_MASK;
  if (serialization == SERIALIZATION_HESSIAN2) return hessian2;
  return serialization == SERIALIZATION_FASTJSON2 ? jsonb : null;
}
