// Trace contexts against the rules of W3C Trace Context (levels 1 and 2) and of B3.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../host/random.js";
import { type TelemetryExports, TelemetryUnit } from "./telemetry-unit.js";

const [DEFERRED, DROPPED, SAMPLED, DEBUG] = [0, 1, 2, 3];
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID = "00f067aa0ba902b7";
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

let unit: TelemetryUnit;
let telemetry: TelemetryExports;

beforeAll(async () => {
  unit = await TelemetryUnit.create();
  telemetry = unit.exports;
});

interface Context {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampling: number;
  readonly isRandom: boolean;
}

const EMPTY: Context = { traceId: NO_TRACE, spanId: NO_SPAN, sampling: DEFERRED, isRandom: false };

function hex64(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16).padStart(16, "0");
}

function context(): Context {
  return {
    traceId: hex64(telemetry.traceIdHigh()) + hex64(telemetry.traceIdLow()),
    spanId: hex64(telemetry.spanId()),
    sampling: telemetry.sampling(),
    isRandom: telemetry.isRandom() === 1,
  };
}

function set(traceId: string, spanId: string, sampling: number, isRandom = false): void {
  const [high, low] = [traceId.slice(0, 16), traceId.slice(16)].map((part) => BigInt(`0x${part}`));
  telemetry.setContext(high ?? 0n, low ?? 0n, BigInt(`0x${spanId}`), sampling, isRandom);
}

/** What reading gives: a context, or undefined and an empty one behind it. */
function read(header: "readTraceparent" | "readB3", value: string | Uint8Array) {
  set("f".repeat(32), "f".repeat(16), DEBUG, true);
  const isRead = unit.at(value, (ptr, len) => telemetry[header](ptr, len)) === 1;
  if (!isRead) expect(context()).toEqual(EMPTY);
  return isRead ? context() : undefined;
}

describe("traceparent", () => {
  /** The rules, written down a second time. */
  function expected(value: string): Context | undefined {
    const parts = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/s.exec(value);
    const [, version = "", traceId = "", spanId = "", flags = "", rest] = parts ?? [];
    if (parts === null || version === "ff" || traceId === NO_TRACE || spanId === NO_SPAN) return;
    if (version === "00" && rest !== undefined) return;
    const bits = parseInt(flags, 16);
    const sampling = (bits & 1) === 1 ? SAMPLED : DROPPED;
    return { traceId, spanId, sampling, isRandom: (bits & 2) === 2 };
  }

  it.each([
    [`00-${TRACE_ID}-${SPAN_ID}-01`, SAMPLED, false],
    [`00-${TRACE_ID}-${SPAN_ID}-00`, DROPPED, false],
    [`00-${TRACE_ID}-${SPAN_ID}-03`, SAMPLED, true],
    [`00-${TRACE_ID}-${SPAN_ID}-02`, DROPPED, true],
    [`00-${TRACE_ID}-${SPAN_ID}-ff`, SAMPLED, true],
    [`00-${TRACE_ID}-${SPAN_ID}-fc`, DROPPED, false],
    [`01-${TRACE_ID}-${SPAN_ID}-01`, SAMPLED, false],
    [`cc-${TRACE_ID}-${SPAN_ID}-01-what-the-future-will-be-like`, SAMPLED, false],
    [`fe-${TRACE_ID}-${SPAN_ID}-01-`, SAMPLED, false],
  ])("%s is read", (value, sampling, isRandom) => {
    const wanted = { traceId: TRACE_ID, spanId: SPAN_ID, sampling, isRandom };
    expect(read("readTraceparent", value)).toEqual(wanted);
    expect(expected(value)).toEqual(wanted);
  });

  it.each([
    "",
    "00",
    `ff-${TRACE_ID}-${SPAN_ID}-01`,
    `00-${NO_TRACE}-${SPAN_ID}-01`,
    `00-${TRACE_ID}-${NO_SPAN}-01`,
    `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`,
    `0A-${TRACE_ID}-${SPAN_ID}-01`,
    `00-${TRACE_ID}-${SPAN_ID}-0`,
    `00-${TRACE_ID}-${SPAN_ID}-01-`,
    `00-${TRACE_ID}-${SPAN_ID}-01-00`,
    `01-${TRACE_ID}-${SPAN_ID}-011`,
    `01-${TRACE_ID}-${SPAN_ID}-01.0`,
    ` 00-${TRACE_ID}-${SPAN_ID}-01`,
    `00_${TRACE_ID}_${SPAN_ID}_01`,
    `00-${TRACE_ID}-${SPAN_ID}-0g`,
    `00-${SPAN_ID}-${TRACE_ID}-01`,
    `00-${TRACE_ID.slice(1)}g-${SPAN_ID}-01`,
  ])("%j is none", (value) => {
    expect(read("readTraceparent", value)).toBeUndefined();
    expect(expected(value)).toBeUndefined();
  });

  it("is read as the rules say when any byte of it is another one, or missing", () => {
    const random = seededRandom(1);
    const characters = "0123456789abcdefABCDEFgG-/:`@ \u0000\u007f";
    for (let round = 0; round < 20_000; round++) {
      const whole = `${round % 3 === 0 ? "01" : "00"}-${TRACE_ID}-${SPAN_ID}-01-more`;
      const value = Array.from(whole.slice(0, Math.floor(random() * 61)));
      for (let edit = 0; edit <= round % 3; edit++) {
        const character = characters[Math.floor(random() * characters.length)] ?? "";
        if (edit > 0) value[Math.floor(random() * value.length)] = character;
      }
      const text = value.join("");
      expect(read("readTraceparent", text), text).toEqual(expected(text));
    }
  });

  it("is written as version 00, with the flags that are known", () => {
    set(TRACE_ID, SPAN_ID, SAMPLED);
    expect(unit.written(telemetry.writeTraceparent)).toBe(`00-${TRACE_ID}-${SPAN_ID}-01`);
    set(TRACE_ID, SPAN_ID, DROPPED, true);
    expect(unit.written(telemetry.writeTraceparent)).toBe(`00-${TRACE_ID}-${SPAN_ID}-02`);
    set(TRACE_ID, SPAN_ID, DEBUG, true);
    expect(unit.written(telemetry.writeTraceparent)).toBe(`00-${TRACE_ID}-${SPAN_ID}-03`);
    expect(telemetry.traceFlags()).toBe(3);
    set(TRACE_ID, SPAN_ID, DEFERRED);
    expect(unit.written(telemetry.writeTraceparent)).toBe(`00-${TRACE_ID}-${SPAN_ID}-00`);
  });
});

describe("tracestate", () => {
  const kept = (value: string | Uint8Array): number => unit.at(value, telemetry.tracestateBytes);
  const list = (members: readonly string[]): string => members.join(",");

  it("is carried on whole when it is short", () => {
    for (const value of ["", "rojo=00f067aa0ba902b7", "a=1,\tb@c=2 ,,d=~!", "x".repeat(512)]) {
      expect(kept(value)).toBe(value.length);
    }
    const most = list(Array.from({ length: 32 }, (_, i) => `k${String(i)}=v`));
    expect(kept(most)).toBe(most.length);
  });

  it("is cut between members when it is long", () => {
    const members = Array.from({ length: 20 }, (_, i) => `key${String(i)}=${"v".repeat(40)}`);
    const whole = list(members);
    const cut = whole.slice(0, kept(whole));
    expect(cut.length).toBeLessThanOrEqual(512);
    expect(cut.length + 1 + (members[0]?.length ?? 0)).toBeGreaterThan(512);
    expect(members.slice(0, cut.split(",").length).join(",")).toBe(cut);
    const many = Array.from({ length: 33 }, (_, i) => `k${String(i)}=v`);
    expect(many.join(",").slice(0, kept(list(many)))).toBe(many.slice(0, 32).join(","));
    expect(kept("x".repeat(513))).toBe(0);
    const exact = `${"a".repeat(510)}=1,b=2`;
    expect(kept(exact)).toBe(512);
  });

  it("is dropped when it could not stand in a header", () => {
    for (const byte of [0, 0x0a, 0x0d, 0x1f, 0x7f, 0x80, 0xff]) {
      expect(kept(Buffer.from([0x61, 0x3d, byte]))).toBe(0);
    }
  });
});

describe("b3", () => {
  /** The rules, written down a second time. */
  function expected(value: string): Context | undefined {
    const samplings: Record<string, number> = { "0": DROPPED, "1": SAMPLED, d: DEBUG };
    if (value.length === 1) {
      const sampling = samplings[value];
      return sampling === undefined ? undefined : { ...EMPTY, sampling };
    }
    const shape = /^((?:[\da-f]{16}){1,2})-([\da-f]{16})(?:-([01d])(?:-[\da-f]{16})?)?$/i;
    const [, id = "", spanId = "", decision] = shape.exec(value) ?? [];
    const traceId = id.toLowerCase().padStart(32, "0");
    if (decision === "D" || traceId === NO_TRACE || /^0*$/.test(spanId)) return;
    const sampling = decision === undefined ? DEFERRED : (samplings[decision] ?? -1);
    return { traceId, spanId: spanId.toLowerCase(), sampling, isRandom: false };
  }

  it.each([
    [`${TRACE_ID}-${SPAN_ID}-1-05e3ac9a4f6e3b90`, TRACE_ID, SAMPLED],
    [`${TRACE_ID}-${SPAN_ID}-0`, TRACE_ID, DROPPED],
    [`${TRACE_ID}-${SPAN_ID}-d`, TRACE_ID, DEBUG],
    [`${TRACE_ID}-${SPAN_ID}`, TRACE_ID, DEFERRED],
    [`${TRACE_ID.toUpperCase()}-${SPAN_ID.toUpperCase()}-1`, TRACE_ID, SAMPLED],
    [`a3ce929d0e0e4736-${SPAN_ID}-1`, `${NO_SPAN}a3ce929d0e0e4736`, SAMPLED],
    [`a3ce929d0e0e4736-${SPAN_ID}`, `${NO_SPAN}a3ce929d0e0e4736`, DEFERRED],
    [`a3ce929d0e0e4736-${SPAN_ID}-1-05e3ac9a4f6e3b90`, `${NO_SPAN}a3ce929d0e0e4736`, SAMPLED],
  ])("%s is read", (value, traceId, sampling) => {
    expect(read("readB3", value)).toEqual({ traceId, spanId: SPAN_ID, sampling, isRandom: false });
    expect(expected(value)?.traceId).toBe(traceId);
  });

  it("may only say what to sample", () => {
    expect(read("readB3", "0")).toEqual({ ...EMPTY, sampling: DROPPED });
    expect(read("readB3", "1")).toEqual({ ...EMPTY, sampling: SAMPLED });
    expect(read("readB3", "d")).toEqual({ ...EMPTY, sampling: DEBUG });
    expect(telemetry.hasIds()).toBe(0);
    expect(telemetry.isSampled()).toBe(1);
  });

  it.each([
    "",
    "2",
    "-",
    "true",
    TRACE_ID,
    `${TRACE_ID}-`,
    `${TRACE_ID}-${SPAN_ID}-`,
    `${TRACE_ID}-${SPAN_ID}-2`,
    `${TRACE_ID}-${SPAN_ID}-1-`,
    `${TRACE_ID}-${SPAN_ID}-1-05e3ac9a4f6e3b9`,
    `${TRACE_ID}-${SPAN_ID}-1-05e3ac9a4f6e3b90-`,
    `${TRACE_ID}-${SPAN_ID}-1_05e3ac9a4f6e3b90`,
    `${TRACE_ID}-${SPAN_ID}-05e3ac9a4f6e3b90`,
    `${NO_TRACE}-${SPAN_ID}-1`,
    `${TRACE_ID}-${NO_SPAN}-1`,
    `${TRACE_ID.slice(8)}-${SPAN_ID}-1`,
  ])("%j is none", (value) => {
    expect(read("readB3", value)).toBeUndefined();
    expect(expected(value)).toBeUndefined();
  });

  it("is read as the rules say when any byte of it is another one, or missing", () => {
    const random = seededRandom(2);
    const characters = "0123456789abcdefABCDEFgG-/:`@ \u0000\u007f";
    for (let round = 0; round < 20_000; round++) {
      const id = round % 2 === 0 ? TRACE_ID : TRACE_ID.slice(16);
      const whole = `${id}-${SPAN_ID}-1-05e3ac9a4f6e3b90`;
      const lengths = [id.length + 17, id.length + 19, whole.length, Math.floor(random() * 70)];
      const value = Array.from(whole.slice(0, lengths[round % 4]));
      for (let edit = 0; edit < round % 3; edit++) {
        const character = characters[Math.floor(random() * characters.length)] ?? "";
        value[Math.floor(random() * value.length)] = character;
      }
      const text = value.join("");
      expect(read("readB3", text), text).toEqual(expected(text));
    }
  });

  it("is written with as many digits as the trace id needs", () => {
    const written = (): string => unit.written(telemetry.writeB3);
    set(TRACE_ID, SPAN_ID, SAMPLED);
    expect(written()).toBe(`${TRACE_ID}-${SPAN_ID}-1`);
    expect(written()).toHaveLength(telemetry.maxB3Bytes());
    set(`${NO_SPAN}a3ce929d0e0e4736`, SPAN_ID, DROPPED);
    expect(written()).toBe(`a3ce929d0e0e4736-${SPAN_ID}-0`);
    set(TRACE_ID, SPAN_ID, DEBUG);
    expect(written()).toBe(`${TRACE_ID}-${SPAN_ID}-d`);
    set(TRACE_ID, SPAN_ID, DEFERRED);
    expect(written()).toBe(`${TRACE_ID}-${SPAN_ID}`);
    set(NO_TRACE, NO_SPAN, DROPPED);
    expect(written()).toBe("0");
    set(NO_TRACE, NO_SPAN, DEFERRED);
    expect(written()).toBe("");
  });
});

describe("B3 in several headers", () => {
  type Part = "readB3TraceId" | "readB3SpanId" | "readB3Sampled" | "readB3Flags";
  const part = (name: Part, value: string): boolean =>
    unit.at(value, (ptr, len) => telemetry[name](ptr, len)) === 1;

  beforeEach(() => {
    telemetry.clearContext();
  });

  it("is read part by part, in any order", () => {
    expect(part("readB3Sampled", "1")).toBe(true);
    expect(part("readB3SpanId", SPAN_ID)).toBe(true);
    expect(part("readB3TraceId", TRACE_ID)).toBe(true);
    expect(telemetry.completeB3()).toBe(1);
    const wanted = { traceId: TRACE_ID, spanId: SPAN_ID, sampling: SAMPLED, isRandom: false };
    expect(context()).toEqual(wanted);
    expect(part("readB3TraceId", TRACE_ID.slice(16).toUpperCase())).toBe(true);
    expect(telemetry.completeB3()).toBe(1);
    expect(context().traceId).toBe(NO_SPAN + TRACE_ID.slice(16));
  });

  it.each([
    ["1", SAMPLED],
    ["true", SAMPLED],
    ["True", SAMPLED],
    ["0", DROPPED],
    ["false", DROPPED],
  ])("X-B3-Sampled: %s", (value, sampling) => {
    expect(part("readB3Sampled", value)).toBe(true);
    expect(telemetry.completeB3()).toBe(1);
    expect(context()).toEqual({ ...EMPTY, sampling });
  });

  it("knows debug, whichever header comes first", () => {
    for (const order of [
      [["readB3Sampled", "0"] as const, ["readB3Flags", "1"] as const],
      [["readB3Flags", "1"] as const, ["readB3Sampled", "0"] as const],
    ]) {
      telemetry.clearContext();
      for (const [name, value] of order) expect(part(name, value)).toBe(true);
      expect(context().sampling).toBe(DEBUG);
    }
    telemetry.clearContext();
    expect(part("readB3Flags", "0")).toBe(false);
    expect(part("readB3Flags", "11")).toBe(false);
    expect(context().sampling).toBe(DEFERRED);
  });

  it("does without ids when one of them is missing or wrong", () => {
    part("readB3Sampled", "1");
    part("readB3TraceId", TRACE_ID);
    expect(telemetry.completeB3()).toBe(1);
    expect(context()).toEqual({ ...EMPTY, sampling: SAMPLED });
    for (const id of ["", "0", NO_TRACE, `${TRACE_ID}0`, TRACE_ID.replace("4", "g")]) {
      expect(part("readB3TraceId", id)).toBe(false);
    }
    for (const id of ["", TRACE_ID, NO_SPAN, SPAN_ID.replace("a", " ")]) {
      expect(part("readB3SpanId", id)).toBe(false);
    }
    for (const value of ["", "2", "d", "yes", "falsy"]) {
      expect(part("readB3Sampled", value)).toBe(false);
    }
    telemetry.clearContext();
    expect(telemetry.completeB3()).toBe(0);
  });

  it("is written part by part", () => {
    set(TRACE_ID, SPAN_ID, SAMPLED);
    expect(unit.written(telemetry.writeB3TraceId)).toBe(TRACE_ID);
    expect(telemetry.maxB3TraceIdBytes()).toBe(TRACE_ID.length);
    expect(unit.written(telemetry.writeSpanId)).toBe(SPAN_ID);
    expect(telemetry.b3SampledDigit()).toBe("1".charCodeAt(0));
    set(`${NO_SPAN}${TRACE_ID.slice(16)}`, SPAN_ID, DROPPED);
    expect(unit.written(telemetry.writeB3TraceId)).toBe(TRACE_ID.slice(16));
    expect(telemetry.b3SampledDigit()).toBe("0".charCodeAt(0));
    for (const sampling of [DEFERRED, DEBUG]) {
      set(TRACE_ID, SPAN_ID, sampling);
      expect(telemetry.b3SampledDigit()).toBe(0);
    }
  });
});

describe("all readers", () => {
  it("survive any bytes, and read none beyond their end", () => {
    const random = seededRandom(3);
    const before = telemetry.usedHeapBytes();
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(
        Array.from({ length: Math.floor(random() * 80) }, () => Math.floor(random() * 256)),
      );
      read("readTraceparent", bytes);
      read("readB3", bytes);
      unit.at(bytes, (ptr, len) => {
        telemetry.tracestateBytes(ptr, len);
        telemetry.readB3TraceId(ptr, len);
        telemetry.readB3SpanId(ptr, len);
        telemetry.readB3Sampled(ptr, len);
        telemetry.readB3Flags(ptr, len);
      });
    }
    expect(telemetry.usedHeapBytes()).toBe(before);
    expect(unit.isAtEnd).toBe(true);
  });
});
