// What access logs are made of: JSON strings, numbers, times, in a buffer with a bound.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../host/random.js";
import { type TelemetryExports, TelemetryUnit } from "./telemetry-unit.js";

let unit: TelemetryUnit;
let telemetry: TelemetryExports;

beforeAll(async () => {
  unit = await TelemetryUnit.create();
  telemetry = unit.exports;
});

beforeEach(() => {
  telemetry.bufferReset(16, 1 << 16);
});

/** What browsers make of bytes that may be no UTF-8. */
function decoded(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** Bytes among which there are whole and broken characters of every length. */
function someBytes(random: () => number): Buffer {
  const pieces = [
    ["plain text, ", 'q"b\\', "\u0000\u001f\n\t\r\b\f\u007f", "é", "\u07ff\u0800", "€\ud7ff"],
    ["\ue000\uffff", "😀", "\u{10ffff}", "\u{10000}"],
  ].flat();
  const broken = [
    [0x80],
    [0xbf, 0xbf],
    [0xc0, 0xaf],
    [0xc1],
    [0xc2],
    [0xe0, 0x9f, 0x80],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xef, 0xbf],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf0, 0x9f, 0x98],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80],
    [0xff],
  ];
  const count = Math.floor(random() * 8);
  return Buffer.concat(
    Array.from({ length: count }, () => {
      const kind = random();
      if (kind < 0.5) return Buffer.from(pieces[Math.floor(random() * pieces.length)] ?? "");
      if (kind < 0.8) return Buffer.from(broken[Math.floor(random() * broken.length)] ?? []);
      return Buffer.from(Array.from({ length: 9 }, () => Math.floor(random() * 256)));
    }),
  );
}

describe("JSON strings", () => {
  const written = (bytes: string | Uint8Array): string =>
    unit
      .at(bytes, (ptr, len) =>
        unit.appended(() => {
          telemetry.appendJsonString(ptr, len);
        }),
      )
      .toString();

  it("are what JavaScript writes", () => {
    for (const text of [
      "",
      "hello",
      'say "hi"\\',
      "a\nb\tc\rd\be\ff",
      "\u0000\u001f\u007f",
      "äöü€😀",
    ]) {
      expect(written(text)).toBe(JSON.stringify(text));
    }
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    expect(written(all)).toBe(JSON.stringify(all));
  });

  it("are valid for any bytes, with replacement characters where browsers have them", () => {
    const random = seededRandom(4);
    for (let round = 0; round < 20_000; round++) {
      const bytes = someBytes(random);
      const text = written(bytes);
      expect(JSON.parse(text), bytes.toString("hex")).toBe(decoded(bytes));
      expect(text).toBe(JSON.stringify(decoded(bytes)));
    }
    expect(unit.isAtEnd).toBe(true);
  });
});

describe("UTF-8", () => {
  it("is passed on, and anything else replaced; the length is known before", () => {
    const random = seededRandom(5);
    for (let round = 0; round < 20_000; round++) {
      const bytes = someBytes(random);
      unit.at(bytes, (ptr, len) => {
        const appended = unit.appended(() => {
          telemetry.appendUtf8(ptr, len);
        });
        expect(appended.toString("hex")).toBe(Buffer.from(decoded(bytes)).toString("hex"));
        expect(telemetry.utf8Bytes(ptr, len)).toBe(appended.length);
      });
    }
  });

  it("is cut between characters", () => {
    const text = "aé€😀b";
    const bytes = Buffer.from(text);
    const cuts = [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11];
    for (const [most, cut] of cuts.entries()) {
      expect(unit.at(bytes, (ptr, len) => telemetry.utf8Prefix(ptr, len, most))).toBe(cut);
    }
    const none = Buffer.alloc(20, 0x80);
    expect(unit.at(none, (ptr, len) => telemetry.utf8Prefix(ptr, len, 10))).toBe(10);
  });
});

describe("numbers", () => {
  const written = (append: () => void): string => unit.appended(append).toString();

  it("are what JavaScript writes", () => {
    for (const value of [0n, 9n, 10n, 12_345n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n]) {
      expect(
        written(() => {
          telemetry.appendDecimal(value);
        }),
      ).toBe(String(value));
      expect(
        written(() => {
          telemetry.appendHex64(value);
        }),
      ).toBe(value.toString(16).padStart(16, "0"));
    }
    for (const value of [0n, 1n, -1n, -10n, (1n << 63n) - 1n, -(1n << 63n)]) {
      expect(
        written(() => {
          telemetry.appendSignedDecimal(value);
        }),
      ).toBe(String(value));
    }
  });
});

describe("times", () => {
  const timestamp = (ns: bigint): string =>
    unit
      .appended(() => {
        telemetry.appendTimestamp(ns);
      })
      .toString();
  const ofMs = (ms: number): string => timestamp(BigInt(ms) * 1_000_000n);

  it("are what JavaScript writes, on every day of six centuries and at its edges", () => {
    expect(ofMs(Date.UTC(2026, 0, 2, 3, 4, 5, 678))).toBe("2026-01-02T03:04:05.678Z");
    const day = 86_400_000;
    const last = Date.UTC(2554, 6, 21) / day;
    for (let i = 0; i < last; i++) {
      const times = [0, day - 1, (i * 54_773_239) % day];
      const ms = i * day + (times[i % 3] ?? 0);
      expect(ofMs(ms)).toBe(new Date(ms).toISOString());
    }
  });

  it("have their milliseconds cut off, not rounded", () => {
    expect(timestamp(999_999n)).toBe("1970-01-01T00:00:00.000Z");
    expect(timestamp(1_767_225_599_999_999_999n)).toBe("2025-12-31T23:59:59.999Z");
    expect(timestamp((1n << 64n) - 1n)).toBe("2554-07-21T23:34:33.709Z");
  });
});

describe("the buffer", () => {
  it("keeps what fits, and nothing of what comes later until it goes back", () => {
    telemetry.bufferReset(4, 10);
    unit.pieces(["abcdef", "ghij", "k"], (a = 0, aLen = 0, b = 0, bLen = 0, c = 0, cLen = 0) => {
      telemetry.appendBytes(a, aLen);
      telemetry.appendBytes(a, aLen);
      expect(telemetry.bufferIsOverflown()).toBe(1);
      telemetry.appendBytes(c, cLen);
      expect(unit.bytes(telemetry.bufferPtr(), telemetry.bufferLen()).toString()).toBe("abcdef");
      telemetry.bufferTruncate(6);
      expect(telemetry.bufferIsOverflown()).toBe(0);
      telemetry.appendBytes(b, bLen);
      expect(unit.bytes(telemetry.bufferPtr(), telemetry.bufferLen()).toString()).toBe(
        "abcdefghij",
      );
      expect(telemetry.bufferIsOverflown()).toBe(0);
      telemetry.appendBytes(c, cLen);
      expect(telemetry.bufferIsOverflown()).toBe(1);
    });
  });

  it("allocates nothing once it has grown", () => {
    telemetry.bufferReset(16, 4096);
    const fill = (): void => {
      telemetry.bufferTruncate(0);
      unit.pieces(["x".repeat(100)], (ptr = 0, len = 0) => {
        while (telemetry.bufferIsOverflown() === 0) telemetry.appendJsonString(ptr, len);
      });
    };
    fill();
    const [used, at] = [telemetry.usedHeapBytes(), telemetry.bufferPtr()];
    for (let round = 0; round < 100; round++) fill();
    expect(telemetry.usedHeapBytes()).toBe(used);
    expect(telemetry.bufferPtr()).toBe(at);
    expect(telemetry.bufferLen()).toBeGreaterThan(4096 - 110);
    expect(telemetry.bufferLen()).toBeLessThanOrEqual(4096);
  });
});
