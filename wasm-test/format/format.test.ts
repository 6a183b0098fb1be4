// Texts with operators: what is refused, what each operator becomes, and that no byte of a value can pretend to
// be anything but a value.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../host/random.js";
import { instantiateUnit, type UnitExports } from "../modules/unit.js";

interface FormatExports extends UnitExports {
  allocate(bytes: number): number;
  parse(ptr: number, len: number, style: number, known: number): number;
  faultPtr(): number;
  faultLen(): number;
  addAttribute(namePtr: number, nameLen: number): number;
  setAttribute(index: number, isPresent: boolean, ptr: number, len: number): void;
  setAddress(index: number, ptr: number, len: number): void;
  setNames(routePtr: number, routeLen: number, clusterPtr: number, clusterLen: number): void;
  setOutcome(isOneway: boolean, status: number, flag: number, tries: number): void;
  setAmounts(received: number, sent: number, startNs: bigint, endNs: bigint): void;
  setFull(isFull: boolean): void;
  takeCapture(): number;
  dropCapture(): void;
  heldBytes(): number;
  write(isLive: boolean): number;
  isOverflown(): number;
  textPtr(): number;
  writeTime(ns: bigint, ptr: number, len: number): number;
  timePtr(): number;
}

const Style = { raw: 0, plain: 1, text: 2, json: 3 } as const;
const Known = { request: 0, response: 1, end: 2 } as const;
const Flag = { none: 0, noRoute: 1, timeout: 7, clientGone: 13 } as const;
const Status = { ok: 0, businessError: 1, error: 2 } as const;

const START = 1_700_000_000_123_456_789n;
/** Control characters and line separators. */
const CONTROL = /\p{Cc}|\u2028|\u2029/u;
const NO_BYTES = Buffer.alloc(0);

let unit: FormatExports;
let user: number;
let path: number;

function place(bytes: Uint8Array): number {
  const ptr = unit.allocate(Math.max(bytes.length, 1));
  new Uint8Array(unit.memory.buffer).set(bytes, ptr);
  return ptr;
}

function bytesAt(ptr: number, length: number): Buffer {
  return Buffer.from(new Uint8Array(unit.memory.buffer, ptr, length));
}

function attribute(index: number, value: Uint8Array | string | undefined): void {
  const bytes = Buffer.from(value ?? "");
  unit.setAttribute(index, value !== undefined, place(bytes), bytes.length);
}

function address(index: number, value: string): void {
  unit.setAddress(index, place(Buffer.from(value)), value.length);
}

/** Of a capture: its length, and the trace. */
const HEAD = 32;

function names(route: string, cluster: string): void {
  const [first, second] = [Buffer.from(route), Buffer.from(cluster)];
  unit.setNames(place(first), first.length, place(second), second.length);
}

function parse(text: string, style: number = Style.text, known: number = Known.end): boolean {
  const bytes = Buffer.from(text);
  return unit.parse(place(bytes), bytes.length, style, known) === 1;
}

function fault(text: string, style: number = Style.text, known: number = Known.end): string {
  expect(parse(text, style, known)).toBe(false);
  return bytesAt(unit.faultPtr(), unit.faultLen()).toString();
}

/** Captures, as at the request, and writes, as at its end. */
function written(text: string, style: number = Style.text): Buffer {
  if (!parse(text, style)) throw new Error(bytesAt(unit.faultPtr(), unit.faultLen()).toString());
  unit.takeCapture();
  const length = unit.write(false);
  unit.dropCapture();
  expect(unit.heldBytes()).toBe(0);
  return bytesAt(unit.textPtr(), length);
}

function line(text: string, style: number = Style.text): string {
  return written(text, style).toString();
}

/** As Unicode wants it: one replacement character for each maximal subpart. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

beforeAll(async () => {
  unit = await instantiateUnit<FormatExports>("format");
  user = unit.addAttribute(place(Buffer.from("user")), 4);
  path = unit.addAttribute(place(Buffer.from("x-path")), 6);
});

beforeEach(() => {
  attribute(user, "gold");
  attribute(path, undefined);
  address(0, "10.1.2.3:4567");
  address(1, "127.0.0.1:20880");
  address(2, "spiffe://cluster.local/ns/a/sa/b");
  address(3, "10.9.9.9:80");
  names("default", "outbound|20880||demo");
  unit.setOutcome(false, Status.ok, Flag.none, 1);
  unit.setAmounts(120, 34, START, START + 12_999_999n);
  unit.setFull(false);
});

describe("operators", () => {
  it.each([
    ["%START_TIME%", "2023-11-14T22:13:20.123Z"],
    ["%START_TIME(%Y/%m/%d %H.%M.%S)%", "2023/11/14 22.13.20"],
    ["%DURATION%", "12"],
    ["%RESPONSE_FLAGS%", "-"],
    ["%RESPONSE_CODE_DETAILS%", "via_upstream"],
    ["%RESPONSE_STATUS%", "ok"],
    ["%BYTES_RECEIVED% %BYTES_SENT%", "120 34"],
    ["%PROTOCOL%", "fake"],
    ["%ROUTE_NAME%", "default"],
    ["%UPSTREAM_CLUSTER%", "outbound|20880||demo"],
    ["%UPSTREAM_HOST%", "10.9.9.9:80"],
    ["%DOWNSTREAM_REMOTE_ADDRESS%", "10.1.2.3:4567"],
    ["%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "10.1.2.3"],
    ["%DOWNSTREAM_LOCAL_ADDRESS%", "127.0.0.1:20880"],
    ["%DOWNSTREAM_PEER_URI_SAN%", "spiffe://cluster.local/ns/a/sa/b"],
    ["%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "1"],
    ["%ATTR(user)%", "gold"],
    ["%ATTR(USER)%", "gold"],
    ["%ATTR(x-path)%", "-"],
    ["%ATTR(user):2%", "go"],
    ["%UPSTREAM_CLUSTER:8%", "outbound"],
    ["100%% %ATTR(user)%%%", "100% gold%"],
    ['user="%ATTR(user)%"', 'user="gold"'],
  ])("%s is %s", (text, expected) => {
    expect(line(text)).toBe(expected);
  });

  it("say what became of a request", () => {
    const text = "%RESPONSE_STATUS% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%";
    unit.setOutcome(false, Status.businessError, Flag.none, 1);
    expect(line(text)).toBe("business_error - via_upstream");
    unit.setOutcome(false, Status.error, Flag.noRoute, 0);
    expect(line(text)).toBe("error NR route_not_found");
    unit.setOutcome(false, Status.error, Flag.timeout, 1);
    expect(line(text)).toBe("error UT response_timeout");
    unit.setOutcome(false, Status.error, Flag.clientGone, 1);
    expect(line(text)).toBe("- DC downstream_remote_disconnect");
    unit.setOutcome(true, Status.error, Flag.none, 1);
    expect(line(text)).toBe("- - oneway_sent");
  });

  it("are absent where nothing is known", () => {
    for (const index of [0, 1, 2, 3]) address(index, "");
    names("", "");
    expect(
      line("%ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_HOST% %DOWNSTREAM_REMOTE_ADDRESS%"),
    ).toBe("- - - -");
    expect(line("%DOWNSTREAM_PEER_URI_SAN%", Style.json)).toBe("null");
    expect(line("%ATTR(x-path)%", Style.raw)).toBe("");
    expect(line("%ATTR(x-path)%", Style.plain)).toBe("-");
  });

  it("know IPv6 addresses", () => {
    address(0, "[2001:db8::1]:443");
    expect(line("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")).toBe("2001:db8::1");
    address(0, "@internal");
    expect(line("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")).toBe("@internal");
  });
});

describe("times", () => {
  function time(ns: bigint, format: string): string {
    const bytes = Buffer.from(format);
    const length = unit.writeTime(ns, place(bytes), bytes.length);
    return bytesAt(unit.timePtr(), length).toString();
  }

  it("are those of Date, on every day from 1970 to 2400", () => {
    for (let day = 0; day < 157_000; day += 1) {
      const date = new Date(day * 86_400_000 + ((day * 7919) % 86_400_000));
      const [weekday = "", , month = ""] = date.toUTCString().split(/[ ,]+/);
      const [, day2 = "", , year = ""] = date.toUTCString().split(/[ ,]+/);
      const iso = date.toISOString();
      const ofYear =
        Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
      const seconds = Math.floor(date.getTime() / 1000);
      const expected = `${iso} ${weekday} ${day2} ${month} ${year} ${String(ofYear).padStart(3, "0")} ${seconds}`;
      const format = "%Y-%m-%dT%H:%M:%S.%3fZ %a %d %b %Y %j %s";
      const actual = time(BigInt(date.getTime()) * 1_000_000n, format);
      if (actual !== expected) expect(actual).toBe(expected);
    }
  });

  it("have the conversions of strftime", () => {
    expect(time(START, "%F %T %z %Z %e %y %%")).toBe("2023-11-14 22:13:20 +0000 UTC 14 23 %");
    expect(time(START, "%f %1f %3f %6f %9f")).toBe("123456789 1 123 123456 123456789");
    expect(time(5n * 86_400_000_000_000n, "%e|%d")).toBe(" 6|06");
    const largest = (1n << 64n) - 1n;
    expect(time(largest, "%s ".repeat(21))).toBe(`${String(largest / 1_000_000_000n)} `.repeat(21));
  });

  it.each(["%Q", "%", "%3", "%3x", "a%"])("are refused with %s", (format) => {
    expect(fault(`%START_TIME(${format})%`)).toMatch(/^at offset 0: there is no conversion %/);
  });
});

describe("faults", () => {
  it.each([
    ["%FOO%", "at offset 0: there is no operator %FOO%"],
    ["a %REQ(:PATH)% b", "at offset 2: there is no operator %REQ(:PATH)%"],
    ["abc %", "at offset 4: an operator without its end, or a single %"],
    ["%DURATION", "at offset 0: an operator without its end, or a single %"],
    ["50% of", "at offset 2: an operator without its end, or a single %"],
    ["%ATTR(user%", "at offset 0: an operator without its end, or a single %"],
    ["%ATTR%", "at offset 0: ATTR needs the name of an attribute in parentheses"],
    ["%ATTR()%", "at offset 0: ATTR needs the name of an attribute in parentheses"],
    ["%DURATION(ms)%", "at offset 0: takes nothing in parentheses"],
    ["%ATTR(a):0%", "at offset 0: a length limit is a number from 1 to 1024"],
    ["%ATTR(a):1025%", "at offset 0: a length limit is a number from 1 to 1024"],
    ["%ATTR(a):99999999999999%", "at offset 0: a length limit is a number from 1 to 1024"],
    ["%ATTR(a):x%", "at offset 0: a length limit is a number from 1 to 1024"],
    ["%ATTR(a)x%", "at offset 0: an operator without its end, or a single %"],
    ["% %", "at offset 0: there is no operator % %"],
    [`%START_TIME(${"a".repeat(65)})%`, "at offset 0: the format of a time is too long"],
    [`%ATTR(${"a".repeat(257)})%`, "at offset 0: the name of an attribute is too long"],
    ["%DURATION%".repeat(65), "at offset 640: more than 64 operators"],
    ["a".repeat(4097), "4097 bytes, at most 4096"],
  ])("%s", (text, expected) => {
    expect(fault(text)).toBe(expected);
  });

  it("of what is only known later", () => {
    const later = "at offset 0: is only known later";
    for (const name of [
      "DURATION",
      "RESPONSE_FLAGS",
      "RESPONSE_CODE_DETAILS",
      "RESPONSE_STATUS",
      "BYTES_SENT",
    ]) {
      expect(fault(`%${name}%`, Style.raw, Known.request)).toBe(later);
      expect(fault(`%${name}%`, Style.raw, Known.response)).toBe(later);
    }
    for (const name of ["UPSTREAM_HOST", "UPSTREAM_REQUEST_ATTEMPT_COUNT"]) {
      expect(fault(`%${name}%`, Style.raw, Known.request)).toBe(later);
      expect(parse(`%${name}%`, Style.raw, Known.response)).toBe(true);
    }
    for (const name of ["START_TIME", "ATTR(a)", "ROUTE_NAME", "BYTES_RECEIVED", "PROTOCOL"]) {
      expect(parse(`%${name}%`, Style.raw, Known.request)).toBe(true);
    }
  });
});

describe("JSON values", () => {
  it("are numbers, strings or null", () => {
    expect(line("%DURATION%", Style.json)).toBe("12");
    expect(line("%DURATION% ms", Style.json)).toBe('"12 ms"');
    expect(line("%ATTR(user)%", Style.json)).toBe('"gold"');
    expect(line("%ATTR(x-path)%", Style.json)).toBe("null");
    expect(line("p=%ATTR(x-path)%", Style.json)).toBe('"p=-"');
    expect(line("%PROTOCOL%", Style.json)).toBe('"fake"');
    expect(line("%%", Style.json)).toBe('"%"');
    expect(line("", Style.json)).toBe('""');
    expect(line('a "quoted" \\ literal\n', Style.json)).toBe('"a \\"quoted\\" \\\\ literal\\n"');
  });
});

describe("values from the network", () => {
  const hostile: readonly [string, Uint8Array][] = [
    ["line breaks", Buffer.from("a\nb\r\nc\u2028d\u2029e\u0085f")],
    ["quotes and backslashes", Buffer.from('a" x="b\\')],
    ["control characters", Buffer.from(Array.from({ length: 33 }, (_, i) => i))],
    ["terminal sequences", Buffer.from("\u001b[2J\u009b2J\u007f")],
    ["bytes that are no UTF-8", Buffer.from([0xff, 0xfe, 0x61, 0xc0, 0x80, 0xe2, 0x82])],
    ["a lone surrogate", Buffer.from([0xed, 0xa0, 0x80, 0x41])],
    ["text beyond ASCII", Buffer.from("顾客 😀 é")],
  ];

  it.each(hostile)("%s: one line, and the value is what JSON.parse reads", (_, value) => {
    attribute(user, value);
    const text = line('user="%ATTR(user)%" next');
    expect(text).not.toMatch(CONTROL);
    const quoted = /^user=("(?:[^"\\]|\\.)*") next$/.exec(text)?.[1] ?? "";
    expect(JSON.parse(quoted)).toBe(decode(value));
    expect(JSON.parse(line("%ATTR(user)%", Style.json))).toBe(JSON.parse(quoted));
    const raw = written("%ATTR(user)%", Style.raw);
    expect(raw.equals(Buffer.from(decode(value)))).toBe(true);
  });

  it("any bytes", () => {
    const random = seededRandom(11);
    // Leads, continuations and what is escaped more often than others.
    const special = [0x22, 0x5c, 0x0a, 0xc2, 0xe2, 0x80, 0xa8, 0xf0];
    const byte = (): number => {
      const kind = random();
      if (kind < 0.3) return 0x80 + Math.floor(random() * 128);
      if (kind < 0.5) return special[Math.floor(random() * special.length)] ?? 0;
      return Math.floor(random() * 256);
    };
    for (let round = 0; round < 3_000; round++) {
      const length = Math.floor(random() * 40);
      // Surrogates are another test's.
      const bytes = Buffer.from(Array.from({ length }, byte)).map((it) => (it === 0xed ? 0 : it));
      attribute(user, bytes);
      const text = line("%ATTR(user)%");
      expect(text).not.toMatch(CONTROL);
      expect(JSON.parse(`"${text}"`)).toBe(decode(bytes));
      expect(line("%ATTR(user)%", Style.json)).toBe(`"${text}"`);
    }
  });

  it("two surrogates, as Java's protocols write them, are their character", () => {
    attribute(user, Buffer.from([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0x21]));
    expect(line("%ATTR(user)%")).toBe("😀!");
    expect(line("%ATTR(user)%", Style.raw)).toBe("😀!");
  });

  it("are cut between characters", () => {
    attribute(user, "aé😀".repeat(500));
    const text = line("%ATTR(user)%");
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024);
    expect("aé😀".repeat(500).startsWith(text)).toBe(true);
    expect(line("%ATTR(user):2%")).toBe("a");
  });
});

describe("captures", () => {
  it("keep the frame's values, and nothing when there are none", () => {
    expect(parse("%ROUTE_NAME% %DURATION% %DOWNSTREAM_REMOTE_ADDRESS%")).toBe(true);
    expect(unit.takeCapture()).toBe(0);
    expect(parse("%ATTR(user)% %ATTR(x-path)% %ATTR(user)%")).toBe(true);
    attribute(path, "first");
    unit.takeCapture();
    expect(unit.heldBytes()).toBe(HEAD + 3 * 4 + 4 + 5 + 4);
    attribute(user, "changed");
    attribute(path, undefined);
    expect(bytesAt(unit.textPtr(), unit.write(false)).toString()).toBe("gold first gold");
    expect(bytesAt(unit.textPtr(), unit.write(true)).toString()).toBe("changed - changed");
    unit.dropCapture();
    expect(unit.heldBytes()).toBe(0);
  });

  it("keep the addresses of a oneway request, whose connection may be gone", () => {
    unit.setOutcome(true, Status.error, Flag.none, 1);
    expect(parse("%DOWNSTREAM_REMOTE_ADDRESS% %ATTR(user)% %DOWNSTREAM_PEER_URI_SAN%")).toBe(true);
    unit.takeCapture();
    address(0, "");
    address(2, "");
    const text = bytesAt(unit.textPtr(), unit.write(false)).toString();
    expect(text).toBe("10.1.2.3:4567 gold spiffe://cluster.local/ns/a/sa/b");
    unit.dropCapture();
    expect(unit.heldBytes()).toBe(0);
  });

  it("without memory leave values out, and nothing else", () => {
    unit.setFull(true);
    expect(line("%ATTR(user)% %ROUTE_NAME%")).toBe("- default");
  });

  it("are bounded, however many large values there are", () => {
    attribute(user, "x".repeat(5_000));
    expect(parse("%ATTR(user)%".repeat(64))).toBe(true);
    unit.takeCapture();
    expect(unit.heldBytes()).toBe(HEAD + 64 * 4 + 8192);
    expect(unit.write(false)).toBe(8192);
    unit.dropCapture();
    expect(unit.heldBytes()).toBe(0);
  });

  it("of the worst values fit a line", () => {
    attribute(user, Buffer.alloc(5_000, 1));
    expect(parse("%ATTR(user)%".repeat(64))).toBe(true);
    unit.takeCapture();
    expect(unit.write(false)).toBe(6 * 8192);
    expect(unit.isOverflown()).toBe(0);
    unit.dropCapture();
  });

  it("of no bytes are not absent", () => {
    attribute(user, NO_BYTES);
    expect(line("[%ATTR(user)%]")).toBe("[]");
    expect(line("%ATTR(user)%", Style.json)).toBe('""');
  });
});
