// Where a value stands in a resource, and what was found to be wrong there.
import type { FieldFault } from "../fault.js";

/** The faults and warnings of one resource. */
export class Findings {
  readonly faults: FieldFault[] = [];
  readonly warnings: FieldFault[] = [];

  /**
   * @param unknownFields what a field that its kind does not have is.
   * @param ownNamespace of the resource; empty for kinds that belong to no namespace.
   */
  constructor(
    readonly unknownFields: "fault" | "warning",
    readonly ownNamespace: string,
  ) {}

  fault(path: string, message: string): void {
    this.faults.push({ path, message });
  }

  warning(path: string, message: string): void {
    this.warnings.push({ path, message });
  }
}

/** A place in a resource; what is said about it goes to the findings. */
export class Site {
  private constructor(
    readonly findings: Findings,
    private readonly parent: Site | undefined,
    private readonly key: string | number,
  ) {}

  /** A resource as a whole. */
  static root(findings: Findings): Site {
    return new Site(findings, undefined, "");
  }

  /** Such as `spec.hosts[0]`; empty: the resource as a whole. Made when it is asked for, since few places have a fault. */
  get path(): string {
    if (this.parent === undefined) return "";
    return typeof this.key === "number"
      ? itemPath(this.parent.path, this.key)
      : fieldPath(this.parent.path, this.key);
  }

  /** A field, or an entry of a map, of what stands here. */
  field(name: string): Site {
    return new Site(this.findings, this, name);
  }

  /** An item of the list that stands here. */
  item(index: number): Site {
    return new Site(this.findings, this, index);
  }

  fault(message: string): void {
    this.findings.fault(this.path, message);
  }

  warning(message: string): void {
    this.findings.warning(this.path, message);
  }
}

/** The path of a field, or of an entry of a map, of what stands at `parent`. */
export function fieldPath(parent: string, field: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(field)) return `${parent}[${JSON.stringify(field)}]`;
  return parent === "" ? field : `${parent}.${field}`;
}

/** The path of an item of the list that stands at `parent`. */
export function itemPath(parent: string, index: number): string {
  return `${parent}[${index}]`;
}

/** The end of a message about a value that is not what it must be. */
export function found(value: unknown): string {
  if (value === null || value === undefined) return "; it is empty";
  if (Array.isArray(value)) return ", not a list";
  if (typeof value === "object") return ", not an object";
  return `, not ${JSON.stringify(value)}`;
}
