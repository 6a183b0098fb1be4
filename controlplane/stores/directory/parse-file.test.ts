import { describe, expect, it } from "vitest";
import { type ParsedDocument, parseFile } from "./parse-file.js";

function documentsOf(text: string): readonly ParsedDocument[] {
  const parsed = parseFile(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.documents;
}

function faultsOf(text: string) {
  const parsed = parseFile(text);
  return parsed.ok ? [] : parsed.faults;
}

describe("a file", () => {
  it("has many documents, each with the lines of its fields", () => {
    const documents = documentsOf(`# a comment
kind: A
spec:
  hosts: [a,
    b]
  "x.y": 1
---
kind: B
spec:
  - name: a
    on: true
  - - 1
`);
    expect(documents.map(({ value }) => value)).toEqual([
      { kind: "A", spec: { hosts: ["a", "b"], "x.y": 1 } },
      { kind: "B", spec: [{ name: "a", on: true }, [1]] },
    ]);
    expect(Object.fromEntries(documents[0]?.lines ?? [])).toEqual({
      "": 2,
      kind: 2,
      spec: 3,
      "spec.hosts": 4,
      "spec.hosts[0]": 4,
      "spec.hosts[1]": 5,
      'spec["x.y"]': 6,
    });
    expect(Object.fromEntries(documents[1]?.lines ?? [])).toEqual({
      "": 8,
      kind: 8,
      spec: 9,
      "spec[0]": 10,
      "spec[0].name": 10,
      "spec[0].on": 11,
      "spec[1]": 12,
      "spec[1][0]": 12,
    });
  });

  it("may be JSON, indented with tabs too", () => {
    const [document] = documentsOf('{\n\t"kind": "A",\n\t"spec": {\n\t\t"hosts": ["a"]\n\t}\n}\n');
    expect(document?.value).toEqual({ kind: "A", spec: { hosts: ["a"] } });
    expect(document?.lines.get("spec.hosts")).toBe(4);
  });

  it.each(["", "\n", "# only a comment\n", "---\n---\n", "null\n", "\ufeff"])(
    "without content has no documents: %j",
    (text) => {
      expect(documentsOf(text)).toEqual([]);
    },
  );

  it("may use anchors, aliases and merges", () => {
    const [document] = documentsOf("a: &a { x: 1 }\nb: *a\nc: { <<: *a, y: 2 }\n");
    expect(document?.value).toEqual({ a: { x: 1 }, b: { x: 1 }, c: { x: 1, y: 2 } });
  });

  it("may hold a list as kubectl prints it", () => {
    const documents = documentsOf(`apiVersion: v1
kind: List
items:
- kind: A
  spec: {}
- kind: B
`);
    expect(documents.map(({ value }) => value)).toEqual([{ kind: "A", spec: {} }, { kind: "B" }]);
    expect(Object.fromEntries(documents[0]?.lines ?? [])).toEqual({ "": 4, kind: 4, spec: 5 });
    expect(Object.fromEntries(documents[1]?.lines ?? [])).toEqual({ "": 6, kind: 6 });
  });

  it.each([
    ["a: [1\nb: 2\n", 2],
    ["a: 1\na: 2\n", 2],
    ["a: 1\n b: 2\n", 1],
    ["kind: A\nspec: {\n", 3],
    ["a: *nobody\n", 1],
    ["a: 'x\n", 2],
    ['{ "a": 1,,\n}', 1],
  ])("that is not YAML is refused with a line: %j", (text, line) => {
    expect(faultsOf(text)[0]?.line).toBe(line);
    expect(faultsOf(text)[0]?.message).not.toBe("");
  });

  it("is refused as a whole if one document is bad", () => {
    expect(faultsOf("a: 1\n---\nb: [\n---\nc: 1\n").length).toBeGreaterThan(0);
  });

  it("is refused if its aliases multiply without end", () => {
    const levels = Array.from({ length: 30 }, (_, n) => `l${n + 1}: &l${n + 1} [*l${n}, *l${n}]`);
    expect(faultsOf(["l0: &l0 [x]", ...levels].join("\n"))[0]?.message).toMatch(/alias/i);
  });
});
