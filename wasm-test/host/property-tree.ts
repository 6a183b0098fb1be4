// Properties as the module reads them: a path of names through a tree, the leaf serialised.
// Source: Envoy context.cc getProperty and serializeValue.

import { WasmResult } from "./abi-values.js";
import { encodePairs } from "./pairs.js";

/**
 * A value in the tree. string and Uint8Array are given as they are; bigint is int64 or uint64 and boolean
 * one byte; number is a double, as every number in Envoy's metadata is; a map is given as pairs.
 */
export type PropertyValue = string | Uint8Array | bigint | number | boolean | PropertyMap;

export interface PropertyMap {
  readonly [name: string]: PropertyValue;
}

const encoder = new TextEncoder();

/** Splits "a NUL b NUL c" into names; a trailing NUL adds none. */
export function parsePropertyPath(path: string): string[] {
  const names = path.split("\0");
  if (names.at(-1) === "") names.pop();
  return names;
}

export function findProperty(
  root: PropertyMap,
  path: readonly string[],
): PropertyValue | undefined {
  let value: PropertyValue = root;
  for (const name of path) {
    if (!isMap(value)) return undefined;
    const next: PropertyValue | undefined = Object.hasOwn(value, name) ? value[name] : undefined;
    if (next === undefined) return undefined;
    value = next;
  }
  return value;
}

/** `over` laid over `base`: maps are merged, anything else is replaced. */
export function mergeProperties(base: PropertyMap, over: PropertyMap): PropertyMap {
  const merged: Record<string, PropertyValue> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const old = merged[name];
    merged[name] =
      old !== undefined && isMap(old) && isMap(value) ? mergeProperties(old, value) : value;
  }
  return merged;
}

export function serializeProperty(value: PropertyValue): Uint8Array {
  switch (typeof value) {
    case "string":
      return encoder.encode(value);
    case "boolean":
      return Uint8Array.of(value ? 1 : 0);
    case "bigint":
      return eightBytes((view) => {
        view.setBigInt64(0, value, true);
      });
    case "number":
      return eightBytes((view) => {
        view.setFloat64(0, value, true);
      });
    default:
      return value instanceof Uint8Array ? value : serializeMap(value);
  }
}

/** The port of "ip:port" as properties hold it. */
export function portOf(address: string): bigint {
  return BigInt(address.slice(address.lastIndexOf(":") + 1));
}

/** What get_property does with a path that names nothing, or an empty path. */
export function propertyError(path: readonly string[]): WasmResult {
  return path.length === 0 ? WasmResult.SerializationFailure : WasmResult.NotFound;
}

function serializeMap(map: PropertyMap): Uint8Array {
  return encodePairs(
    Object.entries(map).map(([name, value]) => [encoder.encode(name), serializeProperty(value)]),
  );
}

function eightBytes(write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(8);
  write(new DataView(bytes.buffer));
  return bytes;
}

function isMap(value: PropertyValue): value is PropertyMap {
  return typeof value === "object" && !(value instanceof Uint8Array);
}
