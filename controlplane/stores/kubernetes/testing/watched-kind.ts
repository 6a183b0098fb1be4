import type { ResourceType } from "../../../kubernetes/object.js";
import { WATCHED_KINDS } from "../watched-kinds.js";

/** @throws Error when the store does not watch it. */
export function watchedKind(kind: string): ResourceType {
  const type = WATCHED_KINDS.find((item) => item.kind === kind);
  if (type === undefined) throw new Error(`${kind} is not watched`);
  return type;
}
