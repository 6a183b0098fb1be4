// Values that have no fields.
import { DURATION_PATTERN, parseDurationMs } from "../duration.js";
import { checked, type Schema } from "./schema.js";
import { found } from "./site.js";

function stringLike(shape: { pattern?: string } = {}): Schema<string> {
  return {
    shape: { kind: "string", ...shape },
    fallback: "",
    read(value, site) {
      if (typeof value === "string") return value;
      const hint = ["number", "boolean"].includes(typeof value) ? "; put it in quotes" : "";
      site.fault(`must be a string${found(value)}${hint}`);
      return "";
    },
  };
}

/** Of any length. */
export const longText: Schema<string> = stringLike();

/** Modules refuse a whole configuration with a longer one. */
const MAX_TEXT_BYTES = 4096;

export const text: Schema<string> = {
  ...longText,
  shape: { kind: "string", maxLength: MAX_TEXT_BYTES },
  read(value, site) {
    const written = longText.read(value, site);
    const length = Buffer.byteLength(written);
    if (length > MAX_TEXT_BYTES)
      site.fault(`must not be longer than ${MAX_TEXT_BYTES} bytes, not ${length}`);
    return written;
  },
};

export function nonEmpty(schema: Schema<string>): Schema<string> {
  return {
    ...schema,
    shape: { ...schema.shape, kind: "string", minLength: 1 },
    read(value, site) {
      if (value === "") site.fault("must not be empty");
      return schema.read(value, site);
    },
  };
}

export const nonEmptyText: Schema<string> = nonEmpty(text);

/** Whoever uses it looks at it. */
export const anything: Schema<unknown> = {
  shape: { kind: "any" },
  fallback: undefined,
  read: (value) => value,
};

/** The empty string is "not given", as in Istio. */
export const textOrNothing: Schema<string | undefined> = {
  shape: text.shape,
  fallback: undefined,
  read: (value, site) => text.read(value, site) || undefined,
};

export const boolean: Schema<boolean> = {
  shape: { kind: "boolean" },
  fallback: false,
  read(value, site) {
    if (typeof value === "boolean") return value;
    site.fault(`must be true or false${found(value)}`);
    return false;
  },
};

export function integer(min: number, max: number): Schema<number> {
  return {
    shape: { kind: "integer", min, max },
    fallback: min,
    read(value, site) {
      if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max)
        return value;
      site.fault(`must be an integer from ${min} to ${max}${found(value)}`);
      return min;
    },
  };
}

/** @param bounds `above`: `min` itself is not allowed. */
export function number(bounds: { min: number; max: number; above?: boolean }): Schema<number> {
  const { min, max, above = false } = bounds;
  return {
    shape: { kind: "number", min, max, above },
    fallback: max,
    read(value, site) {
      if (typeof value !== "number" || !Number.isFinite(value)) {
        site.fault(`must be a number${found(value)}`);
        return max;
      }
      if (value < min || value > max || (above && value === min))
        site.fault(
          above
            ? `must be above ${min} and at most ${max}, not ${value}`
            : `must be from ${min} to ${max}, not ${value}`,
        );
      return value;
    },
  };
}

export function oneOf<const T extends string>(...allowed: readonly [T, ...T[]]): Schema<T> {
  return {
    shape: { kind: "string", allowed },
    fallback: allowed[0],
    read(value, site) {
      const match = allowed.find((item) => item === value);
      if (match === undefined) site.fault(`must be one of ${allowed.join(", ")}${found(value)}`);
      return match ?? allowed[0];
    },
  };
}

/** Whole milliseconds, 0 only where `0s` is written. */
export function duration(minMs: number, maxMs = Infinity): Schema<number> {
  const fault = (written: string): string | undefined => {
    const value = parseDurationMs(written);
    if (value === undefined)
      return `must be a duration such as \`1.5s\` or \`100ms\`, not \`${written}\``;
    if (value < minMs) return `must be at least ${minMs}ms, not \`${written}\``;
    if (value > maxMs) return `must be at most ${maxMs}ms, not \`${written}\``;
    if (value > 0 && value < 1) return `must be \`0s\` or at least 1ms, not \`${written}\``;
    return undefined;
  };
  const written = stringLike({ pattern: DURATION_PATTERN });
  return {
    shape: written.shape,
    fallback: minMs,
    read(value, site) {
      const duration = written.read(value, site);
      const isText = typeof value === "string";
      const message = isText ? fault(duration) : undefined;
      if (message !== undefined) site.fault(message);
      return isText && message === undefined ? Math.round(parseDurationMs(duration) ?? 0) : minMs;
    },
  };
}

/** Text that is not empty and of which `fault` finds nothing wrong. */
export function textWithout(fault: (value: string) => string | undefined): Schema<string> {
  return checked(nonEmptyText, (value, site) => {
    const message = value === "" ? undefined : fault(value);
    if (message !== undefined) site.fault(message);
  });
}
