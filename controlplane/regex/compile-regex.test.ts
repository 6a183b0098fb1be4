import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import { compileRegex } from "./compile-regex.js";

/** Executes a table as the module does: see route.proto. */
function matchesTable(dfa: Uint8Array, value: Uint8Array): boolean {
  const view = new DataView(dfa.buffer, dfa.byteOffset, dfa.byteLength);
  const states = view.getUint16(4, true);
  const classes = view.getUint16(6, true);
  const next = 268 + states + (states % 2);
  let state = view.getUint16(8, true);
  for (const byte of value)
    state = view.getUint16(next + 2 * (state * classes + view.getUint8(12 + byte)), true);
  return view.getUint8(268 + state) === 1;
}

const utf8 = new TextEncoder();

function compiled(pattern: string): { dfa: Uint8Array; literalPrefix: string } {
  const compilation = compileRegex(pattern);
  if ("error" in compilation) throw new Error(`${pattern}: ${compilation.error}`);
  return compilation;
}

function matches(pattern: string, value: string | Uint8Array): boolean {
  return matchesTable(
    compiled(pattern).dfa,
    typeof value === "string" ? utf8.encode(value) : value,
  );
}

function errorOf(pattern: string): string {
  const compilation = compileRegex(pattern);
  return "error" in compilation ? compilation.error : "(accepted)";
}

/** Mulberry32: the same numbers on every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const PATTERNS = [
  // What people write for services, methods and versions.
  "sayHello",
  "say.*",
  "(get|find|query|list)[A-Z]\\w*",
  "org\\.apache\\.dubbo\\.demo\\.(Demo|Greet)Service",
  "com\\.acme\\.[a-z.]+Service\\$?",
  "v?\\d+(\\.\\d+){0,2}(-(alpha|beta|rc)\\d*)?",
  "(?i)beijing|shanghai|GUANGZHOU",
  "user-(1[0-9]|2[0-4])[0-9]*",
  "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
  "(25[0-5]|2[0-4]\\d|1?\\d?\\d)(\\.(25[0-5]|2[0-4]\\d|1?\\d?\\d)){3}",
  "[^@\\s]+@[^@\\s]+\\.[^@\\s]+",
  ".+",
  ".*",
  "\\S*",
  // Alternatives, repetitions, greed.
  "a|ab|abc",
  "(a|ab)(c|bcd)?d*",
  "(a*)*",
  "(a*)+b",
  "(a|b)*abb",
  "(?:a?){12}a{12}",
  "a{2,5}",
  "a{3}",
  "a{0}",
  "a{,3}",
  "(ab){2,}?",
  "a+?b??c*?",
  "(a|b|)*c",
  "x*y+z?|xyz{2}",
  "((a)|(b))((c)|(d))?",
  "(?P<first>a+)(?<second>b+)",
  "[ab]*a[ab]{6}",
  // Anchors and boundaries, where they must, may and cannot hold.
  "^abc$",
  "^$",
  "",
  "a^b",
  "a$b",
  "(^a|b)c",
  "(^|a)(b$|c)",
  "(?m)^a$\\n^b$",
  "(?m)(^\\w+$\\n?)+",
  "(?m)a$.b",
  "(?ms)a$.^b",
  "\\Aa\\z",
  "a\\zb",
  "\\bfoo\\b",
  "foo\\b.*",
  "foo\\B.*",
  "\\B",
  "\\b",
  ".*\\bfoo\\b.*",
  "(\\b\\w+\\b ?)+",
  "a\\b|b\\B",
  ".*(\\b|é)x",
  // Classes.
  "[a-c]+[^a-c]*",
  "[^a]",
  "[\\d\\-x]+",
  "[[:alpha:]]+[[:^digit:]]",
  "\\w+\\W\\d\\D\\s\\S",
  "\\pL+",
  "\\p{Lu}\\p{Ll}*",
  "\\PN+",
  "\\p{Greek}+",
  "\\p{Han}+|[\\p{Cyrillic}\\d]+",
  "[^\\x00-\\x{10FFFF}]",
  "[\\x00-\\x{10FFFF}]*",
  "[\\x{7f}-\\x{80}][\\x{7ff}-\\x{800}][\\x{ffff}-\\x{10000}]",
  "[\\x{d7ff}-\\x{e000}]",
  "[é-ü]+|中文|😀",
  // Flags and escapes.
  "(?i)straße",
  "(?i)k+s?",
  "(?i)[a-z]+é",
  "(?i:ab)C",
  "(?i)\\x00a1-",
  "(?i)[\\x00a]\\x{1}*",
  "a(?i)b(?-i)c",
  "(?s)a.b",
  "a.b",
  "(?U)a+b",
  "\\Q.*\\E",
  "\\x41\\x{1F600}\\101\\t\\n",
  "\\.\\*\\[\\]\\(\\)\\{\\}\\\\",
  "[.*+?]+",
];

/** Letters that the patterns are made of, so that values match often, and some that are nasty. */
const LETTERS = [
  ...Array.from("aabbcdxyzABCKSsk019_-. \n$@é"),
  ...Array.from(
    "üßẞſK中文😀\u{10ffff}\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{d7ff}\u{e000}ΑωЖ٣\0",
  ),
];
const WORDS = [
  "abc",
  "foo",
  "sayHello",
  "getUser",
  "1.2.3",
  "10.0.255.1",
  "beijing",
  "BeiJing",
  "org.apache.dubbo.demo.DemoService",
  "a\nb",
  "STRASSE",
  "straße",
  "0f8fad5b-d9cb-469f-a165-70867728950e",
  "user-105",
  "foo bar",
  "ab@c.de",
  "A😀A\t\n",
];

function randomValue(random: (below: number) => number): string {
  let value = "";
  for (let part = random(6); part > 0; part--) {
    const from = random(5) === 0 ? WORDS : LETTERS;
    const piece = from[random(from.length)] ?? "";
    value += piece.repeat(random(4) === 0 ? 1 + random(4) : 1);
  }
  return value;
}

const ATOMS = [
  "a",
  "b",
  "é",
  ".",
  "[ab]",
  "[^a]",
  "\\w",
  "\\W",
  "[a-é]",
  "\\p{Greek}",
  "\n",
  "k",
  "(?i:k)",
  "(?s:.)",
];
const ASSERTIONS = ["^", "$", "\\b", "\\B", "(?m:^)", "(?m:$)", "\\A", "\\z"];
const REPETITIONS = ["*", "+", "?", "*?", "{2}", "{1,3}", "{0,2}", "{2,}"];

function randomPattern(random: (below: number) => number, depth: number): string {
  const pick = (from: readonly string[]): string => from[random(from.length)] ?? "";
  const inner = (): string => randomPattern(random, depth - 1);
  if (depth === 0 || random(5) === 0) return random(5) === 0 ? pick(ASSERTIONS) : pick(ATOMS);
  switch (random(5)) {
    case 0:
      return `(${inner()}|${inner()})`;
    case 1:
      return `(?:${inner()})${pick(REPETITIONS)}`;
    case 2:
      return `${inner()}|${inner()}`;
    default:
      return inner() + inner();
  }
}

function randomText(random: (below: number) => number): string {
  const letters = "aabbbcéZ \nkK_Ω";
  return Array.from({ length: random(7) }, () => letters[random(letters.length)] ?? "").join("");
}

describe("a compiled pattern", () => {
  it.each(PATTERNS)("matches what RE2 matches: %j", (pattern) => {
    const { dfa, literalPrefix } = compiled(pattern);
    const reference = RE2JS.compile(pattern);
    const random = randomNumbers(20240229);
    const prefix = utf8.encode(literalPrefix);
    const values = [...WORDS, ...LETTERS, ""];
    for (let count = 0; count < 2000; count++) values.push(literalPrefixed(literalPrefix, random));
    const wrong = values.filter((value) => {
      const bytes = utf8.encode(value);
      const expected = reference.testExact(value);
      const hasPrefix = prefix.every((byte, index) => bytes[index] === byte);
      return matchesTable(dfa, bytes) !== expected || (expected && !hasPrefix);
    });
    expect(wrong).toEqual([]);
  });

  it("matches what RE2 matches, for patterns made at random", () => {
    const random = randomNumbers(19680501);
    let compiledCount = 0;
    const wrong: string[] = [];
    for (let count = 0; count < 1500; count++) {
      const pattern = randomPattern(random, 4);
      const compilation = compileRegex(pattern);
      if ("error" in compilation) {
        expect(() => RE2JS.compile(pattern), pattern).toThrow();
        continue;
      }
      compiledCount++;
      const reference = RE2JS.compile(pattern);
      for (let value = 0; value < 40; value++) {
        const text = randomText(random);
        if (matchesTable(compilation.dfa, utf8.encode(text)) !== reference.testExact(text))
          wrong.push(`${pattern} on ${JSON.stringify(text)}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(compiledCount).toBeGreaterThan(1000);
  });

  function literalPrefixed(prefix: string, random: (below: number) => number): string {
    return (random(2) === 0 ? prefix : "") + randomValue(random);
  }

  it("has the whole value to match, as RE2::FullMatch and Envoy's safe_regex", () => {
    expect(matches("b", "abc")).toBe(false);
    expect(matches("a|ab", "ab")).toBe(true);
    expect(matches("^a", "ab")).toBe(false);
  });

  it("does not match bytes that are not UTF-8", () => {
    expect(matches("(?s).*", Uint8Array.of(0x61, 0xff))).toBe(false);
    expect(matches("[^a]", Uint8Array.of(0x80))).toBe(false);
    // An encoding longer than needed, and one cut short.
    expect(matches("(?s).", Uint8Array.of(0xc1, 0x81))).toBe(false);
    expect(matches("(?s).", Uint8Array.of(0xe4, 0xb8))).toBe(false);
    // Longer than needed, and beyond the last code point: only a set of all characters takes them, as in RE2.
    for (const bytes of [Uint8Array.of(0xe0, 0x81, 0x81), Uint8Array.of(0xf4, 0x90, 0x80, 0x80)]) {
      expect(matches("[^b]", bytes)).toBe(true);
      expect(matches("[\\x{81}-\\x{10ffff}A]", bytes)).toBe(false);
    }
  });

  it("takes surrogates encoded as characters, which Hessian's strings have, for characters", () => {
    expect(matches("a..b", Uint8Array.of(0x61, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0x62))).toBe(
      true,
    );
  });

  it("matches nothing if it cannot", () => {
    const { dfa } = compiled("a\\bb");
    expect(new DataView(dfa.buffer).getUint16(8, true)).toBe(0);
  });

  it("is the same for patterns of the same meaning, since it is minimal", () => {
    expect(compiled("(a|b|c)(a|b|c)*x").dfa).toEqual(compiled("[abc]+x").dfa);
    expect(compiled("^(?:foo|foobar)$").dfa).toEqual(compiled("foo(bar)?").dfa);
    expect(compiled("(a?){20}a{20}").dfa).toEqual(compiled("a{20,40}").dfa);
  });

  it("has the layout of route.proto", () => {
    const { dfa } = compiled("ab");
    const view = new DataView(dfa.buffer);
    expect(Array.from(dfa.subarray(0, 4))).toEqual([0x4d, 0x50, 0x44, 0x31]);
    // Dead, start, after a, after b; all other bytes, a, b.
    expect([4, 6, 8, 10].map((offset) => view.getUint16(offset, true))).toEqual([4, 3, 1, 0]);
    expect(["c", "a", "b"].map((byte) => dfa[12 + byte.charCodeAt(0)])).toEqual([0, 1, 2]);
    expect(Array.from(dfa.subarray(268, 272))).toEqual([0, 0, 0, 1]);
    const next = Array.from({ length: 12 }, (_, index) => view.getUint16(272 + 2 * index, true));
    expect(next).toEqual([0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
    expect(dfa.length).toBe(272 + 24);
  });

  it("pads the list of accepting states to an even length", () => {
    const { dfa } = compiled("a");
    expect(new DataView(dfa.buffer).getUint16(4, true)).toBe(3);
    expect(dfa.length).toBe(268 + 4 + 2 * 3 * 2);
  });
});

describe("the literal prefix", () => {
  it.each([
    ["sayHello", "sayHello"],
    ["say.*", "say"],
    ["say(Hello|Hi)", "sayH"],
    ["(foo|foobar)x?", "foo"],
    ["(?i)say", ""],
    ["a*b", ""],
    ["a+b", "a"],
    ["^ab\\b", "ab"],
    ["x?", ""],
    ["中(文|斗)", "中"],
    ["(中|丮)x", ""],
    ["[^\\x00-\\x{10FFFF}]", ""],
  ])("of %j is %j", (pattern, prefix) => {
    expect(compiled(pattern).literalPrefix).toBe(prefix);
  });
});

describe("a pattern that RE2 refuses", () => {
  it.each([
    ["a(b", "error parsing regexp: missing closing ): `a(b`"],
    ["a)", "error parsing regexp: unexpected ): `a)`"],
    ["*", "error parsing regexp: missing argument to repetition operator: `*`"],
    ["a**", "error parsing regexp: invalid nested repetition operator: `**`"],
    ["[b-a]", "error parsing regexp: invalid character class range: `b-a`"],
    ["[a", "error parsing regexp: missing closing ]: `[a`"],
    ["a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"],
    ["(a)\\1", "error parsing regexp: invalid escape sequence: `\\1`"],
    ["a(?=b)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"],
    ["(?<!a)b", "error parsing regexp: invalid named capture: `(?<!a)b`"],
    ["\\p{Klingon}", "error parsing regexp: invalid character class range: `\\p{Klingon}`"],
    ["a\\", "error parsing regexp: trailing backslash at end of expression"],
  ])("is refused with RE2's reason: %j", (pattern, error) => {
    expect(errorOf(pattern)).toBe(error);
  });

  it.each(["(a|b)*a(a|b){14}", "\\pL{200}", "(a*b?){90}".repeat(8)])(
    "is refused if it needs too large an automaton, soon: %j",
    (pattern) => {
      const begin = performance.now();
      expect(errorOf(pattern)).toMatch(/too complex/);
      expect(performance.now() - begin).toBeLessThan(10_000);
    },
  );

  it.each([".{0,1000}", "x{1000}y{1000}z{1000}", "(\\w+\\b ?){500}"])(
    "is accepted if it is long but simple: %j",
    (pattern) => {
      expect(errorOf(pattern)).toBe("(accepted)");
    },
  );

  it("is refused if it is too long to look at", () => {
    expect(errorOf("a".repeat(65537))).toMatch(/longer than 65536/);
  });
});

describe("the cache", () => {
  it("returns the same table for the same pattern", () => {
    expect(compileRegex("cached.*")).toBe(compileRegex("cached.*"));
  });
});
