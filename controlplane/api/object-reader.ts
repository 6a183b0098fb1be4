// Turns a value of unknown shape into a typed one, field by field, and notes everything that is wrong on the way.
import { parseDurationMs } from "./duration.js";
import type { FieldFault } from "./fault.js";
import { nearestName } from "./nearest-name.js";

/** The faults and warnings of one resource. */
export class Findings {
  readonly faults: FieldFault[] = [];
  readonly warnings: FieldFault[] = [];

  /** @param unknownFields what a field that its kind does not have is. */
  constructor(readonly unknownFields: "fault" | "warning") {}

  fault(path: string, message: string): void {
    this.faults.push({ path, message });
  }

  warning(path: string, message: string): void {
    this.warnings.push({ path, message });
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

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads the fields of one object. A field that is wrong is reported and read as its default, so that everything
 * else is checked too; whoever has the findings must not use the result if there are faults. `null` is absent.
 */
export class ObjectReader {
  private readonly known = new Set<string>();

  constructor(
    private readonly value: Readonly<Record<string, unknown>>,
    readonly path: string,
    readonly findings: Findings,
  ) {}

  /** Reads `value` with `read` if it is an object, and reports it and the fields that `read` does not know. */
  static read<T>(
    value: unknown,
    path: string,
    findings: Findings,
    read: (reader: ObjectReader) => T,
  ): T | undefined {
    if (!isObject(value)) {
      findings.fault(path, `must be an object${found(value)}`);
      return undefined;
    }
    const reader = new ObjectReader(value, path, findings);
    const result = read(reader);
    reader.reportUnknownFields();
    return result;
  }

  fieldPath(field: string): string {
    return fieldPath(this.path, field);
  }

  fault(field: string, message: string): void {
    this.findings.fault(this.fieldPath(field), message);
  }

  warning(field: string, message: string): void {
    this.findings.warning(this.fieldPath(field), message);
  }

  has(field: string): boolean {
    return this.take(field) !== undefined;
  }

  /** Fields that exist, but that nothing is made of. */
  ignore(...fields: readonly string[]): void {
    for (const field of fields) this.known.add(field);
  }

  /** For objects that other parties add fields to. */
  ignoreRest(): void {
    this.ignore(...Object.keys(this.value));
  }

  string(field: string): string | undefined {
    const value = this.take(field);
    if (value === undefined || typeof value === "string") return value;
    this.fault(
      field,
      `must be a string${found(value)}${isObject(value) || Array.isArray(value) ? "" : "; put it in quotes"}`,
    );
    return undefined;
  }

  /** Not empty; the empty string when it is wrong. */
  requiredString(field: string): string {
    if (!this.has(field)) this.fault(field, "is required");
    const value = this.string(field);
    if (value === "") this.fault(field, "must not be empty");
    return value ?? "";
  }

  boolean(field: string): boolean | undefined {
    const value = this.take(field);
    if (value === undefined || typeof value === "boolean") return value;
    this.fault(field, `must be true or false${found(value)}`);
    return undefined;
  }

  number(field: string): number | undefined {
    const value = this.take(field);
    if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
    this.fault(field, `must be a number${found(value)}`);
    return undefined;
  }

  integer(field: string, min: number, max: number): number | undefined {
    const value = this.take(field);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max)
      return value;
    this.fault(field, `must be an integer from ${min} to ${max}${found(value)}`);
    return undefined;
  }

  oneOf<T extends string>(field: string, allowed: readonly T[]): T | undefined {
    const value = this.take(field);
    if (value === undefined) return undefined;
    const match = allowed.find((item) => item === value);
    if (match === undefined)
      this.fault(field, `must be one of ${allowed.join(", ")}${found(value)}`);
    return match;
  }

  /** @returns whole milliseconds, 0 only where `0s` is written. */
  durationMs(field: string, minMs: number, maxMs = Infinity): number | undefined {
    const text = this.string(field);
    if (text === undefined) return undefined;
    const value = parseDurationMs(text);
    if (value === undefined) {
      this.fault(field, `must be a duration such as \`1.5s\` or \`100ms\`, not \`${text}\``);
      return undefined;
    }
    if (value < minMs) {
      this.fault(field, `must be at least ${minMs}ms, not \`${text}\``);
      return undefined;
    }
    if (value > maxMs) {
      this.fault(field, `must be at most ${maxMs}ms, not \`${text}\``);
      return undefined;
    }
    if (value > 0 && value < 1) {
      this.fault(field, `must be \`0s\` or at least 1ms, not \`${text}\``);
      return undefined;
    }
    return Math.round(value);
  }

  strings(field: string): readonly string[] {
    return this.items(field, (value, path) => {
      if (typeof value === "string") return value;
      this.findings.fault(path, `must be a string${found(value)}`);
      return "";
    });
  }

  stringMap(field: string): Readonly<Record<string, string>> {
    return this.map(field, (value, path) => {
      if (typeof value === "string") return value;
      this.findings.fault(path, `must be a string${found(value)}; put it in quotes`);
      return "";
    });
  }

  object<T>(field: string, read: (reader: ObjectReader) => T): T | undefined {
    const value = this.take(field);
    if (value === undefined) return undefined;
    return ObjectReader.read(value, this.fieldPath(field), this.findings, read);
  }

  /** Items that are no objects are reported and left out. */
  objects<T>(field: string, read: (reader: ObjectReader) => T): readonly T[] {
    return this.items(field, (value, path) =>
      ObjectReader.read(value, path, this.findings, read),
    ).filter((item) => item !== undefined);
  }

  /** The entries of an object used as a map. */
  map<T>(
    field: string,
    read: (value: unknown, path: string, key: string) => T,
  ): Readonly<Record<string, T>> {
    const value = this.take(field);
    if (value === undefined) return {};
    const path = this.fieldPath(field);
    if (!isObject(value)) {
      this.findings.fault(path, `must be an object${found(value)}`);
      return {};
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, read(entry, fieldPath(path, key), key)]),
    );
  }

  private items<T>(field: string, read: (value: unknown, path: string) => T): readonly T[] {
    const value = this.take(field);
    if (value === undefined) return [];
    const path = this.fieldPath(field);
    if (!Array.isArray(value)) {
      this.findings.fault(path, `must be a list${found(value)}`);
      return [];
    }
    return value.map((item: unknown, index) => read(item, itemPath(path, index)));
  }

  private take(field: string): unknown {
    this.known.add(field);
    const value = Object.hasOwn(this.value, field) ? this.value[field] : undefined;
    return value ?? undefined;
  }

  private reportUnknownFields(): void {
    for (const field of Object.keys(this.value)) {
      if (this.known.has(field)) continue;
      const near = nearestName(field, this.known);
      this.findings[this.findings.unknownFields](
        this.fieldPath(field),
        near === undefined ? "unknown field" : `unknown field; did you mean \`${near}\`?`,
      );
    }
  }
}

function found(value: unknown): string {
  if (value === null || value === undefined) return "; it is empty";
  if (Array.isArray(value)) return ", not a list";
  if (typeof value === "object") return ", not an object";
  return `, not ${JSON.stringify(value)}`;
}
