// The OTLP batches of wasm-test/units/telemetry.ts, with text for arguments.
import type { TelemetryUnit } from "./telemetry-unit.js";

/** Integers are bigint. */
export type OtlpAttributes = Readonly<Record<string, string | bigint>>;

export const SPAN_KIND = { server: 2, client: 3 };

export interface OtlpWriter {
  /** Everything before the first record; false when it does not fit. */
  resource(attributes: OtlpAttributes, scope: string, version: string): boolean;
  attributes(attributes: OtlpAttributes): void;
  spanName(name: string): void;
  spanTraceState(flags: number, state: string): void;
  spanStatus(status: number, message: string): void;
  logSeverity(number: number, text: string): void;
  logBody(text: string): void;
}

/** Writes to the batch that the unit has at hand. */
export function otlpWriter(unit: TelemetryUnit): OtlpWriter {
  const { exports } = unit;
  const attributes = (wanted: OtlpAttributes): void => {
    for (const [key, value] of Object.entries(wanted)) {
      if (typeof value === "string") unit.pieces([key, value], exports.stringAttribute);
      else unit.pieces([key], (ptr = 0, len = 0) => exports.intAttribute(ptr, len, value));
    }
  };
  return {
    attributes,
    resource: (wanted, scope, version) => {
      exports.beginResource();
      attributes(wanted);
      return unit.pieces([scope, version], exports.endResource) === 1;
    },
    spanName: (name) => {
      unit.pieces([name], exports.spanName);
    },
    spanTraceState: (flags, state) => {
      unit.pieces([state], (ptr = 0, len = 0) => exports.spanTraceState(flags, ptr, len));
    },
    spanStatus: (status, message) => {
      unit.pieces([message], (ptr = 0, len = 0) => exports.spanStatus(status, ptr, len));
    },
    logSeverity: (number, text) => {
      unit.pieces([text], (ptr = 0, len = 0) => exports.logSeverity(number, ptr, len));
    },
    logBody: (text) => {
      unit.pieces([text], exports.logBody);
    },
  };
}
