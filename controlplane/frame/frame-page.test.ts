// Blocks of docs/protocol-owners/frame.md between `<!-- name -->` and `<!-- end -->` are written anew with
// UPDATE_GOLDEN=1.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { validateResource } from "../api/kinds.js";
import { frameDescription } from "../api/frame/description.js";
import { ERROR_KINDS } from "../api/frame/reply.js";
import { fieldTable, titledObjects } from "../api/reference/field-table.js";
import { compileFrame } from "./compile.js";

const PAGE = join(import.meta.dirname, "../../docs/protocol-owners/frame.md");
const BLOCK = /<!-- (?!end)([^>]+) -->\n(.*?)<!-- end -->/gs;

const BLOCKS: ReadonlyMap<string, string> = new Map([
  ...titledObjects(frameDescription.shape).map(
    (shape) => [`fields ${shape.title}`, fieldTable(shape)] as const,
  ),
  ["error kinds", ERROR_KINDS.map((kind) => `\`${kind}\``).join(", ")],
]);

it("every block of the page is what the control plane reads by, and none is left out", async () => {
  const page = readFileSync(PAGE, "utf8");
  const names = [...page.matchAll(BLOCK)].map(([, name = ""]) => name);
  expect(names.sort()).toEqual([...BLOCKS.keys()].sort());
  const written = page.replaceAll(
    BLOCK,
    (_, name: string) => `<!-- ${name} -->\n\n${BLOCKS.get(name) ?? ""}\n\n<!-- end -->`,
  );
  const expected = await format(written, { parser: "markdown", printWidth: 100 });
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(PAGE, expected);
  expect(readFileSync(PAGE, "utf8")).toBe(expected);
});

it("resources of the page are valid, and their descriptions compile", () => {
  const page = readFileSync(PAGE, "utf8");
  const resources = [...page.matchAll(/^```yaml\n(apiVersion.*?)^```$/gms)].flatMap(
    ([, yaml = ""]) => parseAllDocuments(yaml).map((document) => document.toJS() as unknown),
  );
  expect(resources.length).toBeGreaterThan(0);
  for (const document of resources) {
    const validation = validateResource(document);
    expect(validation).toMatchObject({ outcome: "valid", warnings: [] });
    if (validation.outcome !== "valid" || validation.resource.kind !== "ApplicationProtocol")
      continue;
    const { frame } = validation.resource.spec;
    if (frame !== undefined) expect(compileFrame(frame)).toMatchObject({ outcome: "compiled" });
  }
});
