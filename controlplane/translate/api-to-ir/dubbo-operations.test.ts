import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import type { DubboOperation } from "../../api/dubbo-authorization-policy.js";
import type { AttributeMatch } from "../../ir/attribute-match.js";
import { dubboOperations } from "./dubbo-operations.js";

type Call = Readonly<Record<string, string>>;

const NOTHING: DubboOperation = { interfaces: [], notInterfaces: [], methods: [], notMethods: [] };

/** As modules match. */
function holds({ name, specifier, invert }: AttributeMatch, call: Call): boolean {
  const value = call[name];
  if (value === undefined) return invert;
  switch (specifier.kind) {
    case "exact":
      return (value === specifier.value) !== invert;
    case "prefix":
      return value.startsWith(specifier.value) !== invert;
    case "regex":
      return RE2JS.compile(specifier.pattern).matches(value) !== invert;
    case "present":
      return !invert;
  }
}

function matches(operation: Partial<DubboOperation>, call: Call): boolean {
  return dubboOperations({ ...NOTHING, ...operation }).some((match) =>
    match.every((item) => holds(item, call)),
  );
}

const call = (service: string, method: string): Call => ({ interface: service, method });

describe("an operation of a DubboAuthorizationPolicy", () => {
  it.each([
    ["a.B", "a.B", true],
    ["a.B", "aXB", false],
    ["a.B", "a.Bc", false],
    ["a.*", "a.B", true],
    ["a.*", "aXB", false],
    ["*.B", "a.B", true],
    ["*.B", "aXB", false],
    ["*.B", "a\n.B", true],
    ["*", "anything", true],
  ])("has the pattern %s, of which %s is %s, alone or with others", (pattern, text, isMatch) => {
    expect(matches({ interfaces: [pattern] }, call(text, "m"))).toBe(isMatch);
    expect(matches({ interfaces: [pattern, "other"] }, call(text, "m"))).toBe(isMatch);
    expect(matches({ interfaces: ["i"], methods: [pattern, "other"] }, call("i", text))).toBe(
      isMatch,
    );
    const both = { interfaces: ["i", "j", "k"], methods: [pattern, "other"] };
    expect(matches(both, call("j", text))).toBe(isMatch);
    expect(matches({ notInterfaces: [pattern] }, call(text, "m"))).toBe(!isMatch);
    expect(matches({ notMethods: ["other", pattern] }, call("i", text))).toBe(!isMatch);
  });

  it("holds if all that it has does", () => {
    const operation = { interfaces: ["a", "b"], methods: ["x", "y"], notMethods: ["y"] };
    expect(matches(operation, call("a", "x"))).toBe(true);
    expect(matches(operation, call("b", "x"))).toBe(true);
    expect(matches(operation, call("a", "y"))).toBe(false);
    expect(matches(operation, call("c", "x"))).toBe(false);
    expect(matches(operation, {})).toBe(false);
  });

  it("does not grow with the product of its lists", () => {
    const many = Array.from({ length: 50 }, (_, index) => `n${index}`);
    const operation = { ...NOTHING, interfaces: [...many, "last"], methods: many };
    const result = dubboOperations(operation);
    expect(result).toHaveLength(51);
    expect(result.every((match) => match.length === 2)).toBe(true);
  });
});
