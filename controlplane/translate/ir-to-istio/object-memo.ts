import { hasSameItems } from "../../runtime/same-items.js";
import type { KubernetesObject } from "./kubernetes-object.js";

interface Made {
  readonly from: readonly unknown[];
  readonly objects: readonly KubernetesObject[];
}

/** Objects that were made before, for as long as somebody has what they were made of. */
export class ObjectMemo {
  private readonly made = new WeakMap<object, Map<string, Made>>();

  /**
   * What `make` gives, or what it gave the last time for the same part and name.
   * @param from all that it depends on beside `part`: compared by identity.
   */
  of(
    part: object,
    name: string,
    from: readonly unknown[],
    make: () => readonly KubernetesObject[],
  ): readonly KubernetesObject[] {
    const byName = this.made.get(part) ?? new Map<string, Made>();
    const before = byName.get(name);
    if (before !== undefined && hasSameItems(before.from, from)) return before.objects;
    const objects = make();
    byName.set(name, { from, objects });
    this.made.set(part, byName);
    return objects;
  }
}
