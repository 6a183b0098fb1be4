import { type Fault, resourceKey } from "../../api/fault.js";
import type { Resource } from "../../api/kinds.js";
import { faultOf, idOf } from "../../api/resource.js";

/** What a translation finds; each finding once. */
export class Report {
  readonly faults = new Map<string, Fault>();
  readonly warnings = new Map<string, Fault>();
  /** Keys of the resources whose present version must not take effect. */
  readonly refused = new Set<string>();

  /** The resource is wrong: another version of it is needed. */
  refuse(resource: Resource, path: string, message: string): void {
    this.refused.add(resourceKey(idOf(resource)));
    this.fault(resource, path, message);
  }

  /** Something is wrong, and the rest of the resource takes effect. */
  fault(resource: Resource, path: string, message: string): void {
    add(this.faults, faultOf(resource, { path, message }));
  }

  warning(resource: Resource, path: string, message: string): void {
    add(this.warnings, faultOf(resource, { path, message }));
  }
}

function add(faults: Map<string, Fault>, fault: Fault): void {
  const owner = fault.resource === undefined ? "" : resourceKey(fault.resource);
  faults.set(JSON.stringify([owner, fault.path, fault.message]), fault);
}
