// Blocks of docs/operators/resources.md between `<!-- name -->` and `<!-- end -->` are written anew with
// UPDATE_GOLDEN=1.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { frameDescription } from "../api/frame/description.js";
import { applicationProtocolKind } from "../api/application-protocol.js";
import { destinationRuleKind } from "../api/destination-rule.js";
import { dubboAuthorizationPolicyKind } from "../api/dubbo-authorization-policy.js";
import { gatewayKind } from "../api/gateway.js";
import { validateResource } from "../api/kinds.js";
import { metaAuthorizationPolicyKind } from "../api/meta-authorization-policy.js";
import { metaRouterKind } from "../api/meta-router.js";
import { fieldTable, markdownTable, titledObjects } from "../api/reference/field-table.js";
import { redisDestinationKind } from "../api/redis-destination.js";
import { redisServiceKind } from "../api/redis-service.js";
import { RETRY_ON } from "../api/retries.js";
import type { Shape } from "../api/schema/schema.js";
import { serviceEntryKind } from "../api/service-entry.js";
import { DEFAULT_ACCESS_LOG_FORMAT } from "../api/telemetry.js";
import { OPERATORS } from "../api/text-format.js";
import { virtualServiceKind } from "../api/virtual-service.js";
import { workloadEntryKind } from "../api/workload-entry.js";
import { FEATURE_FIELDS, SHIPPED_FEATURES } from "./module-features.js";

const PAGE = join(import.meta.dirname, "../../docs/operators/resources.md");
const BLOCK = /<!-- (?!end)([^>]+) -->\n(.*?)<!-- end -->/gs;

const KINDS: readonly { readonly kind: string; readonly shape: Shape }[] = [
  serviceEntryKind,
  workloadEntryKind,
  destinationRuleKind,
  virtualServiceKind,
  gatewayKind,
  metaRouterKind,
  applicationProtocolKind,
  metaAuthorizationPolicyKind,
  dubboAuthorizationPolicyKind,
  redisServiceKind,
  redisDestinationKind,
];

/** On a page of their own. */
const FRAMES = new Set(titledObjects(frameDescription.shape).map(({ title }) => title));

const TITLED = new Map(
  KINDS.flatMap(({ shape }) => titledObjects(shape))
    .filter(({ title }) => !FRAMES.has(title))
    .map((shape) => [shape.title, shape] as const),
);

/** Empty: this version applies everything. */
function notApplied(): string {
  const applied = new Set<string>([...SHIPPED_FEATURES.filters, ...SHIPPED_FEATURES.engine]);
  const missing = Object.entries(FEATURE_FIELDS).filter(([feature]) => !applied.has(feature));
  if (missing.length === 0) return "";
  const items = missing.map(([, fields]) => `- ${fields}`).join("\n");
  return `The modules of this version do not apply these yet; they are checked, and a warning says so:\n\n${items}`;
}

const BLOCKS: ReadonlyMap<string, string> = new Map([
  ...KINDS.map(({ kind, shape }) => [`fields ${kind}`, fieldTable(shape)] as const),
  ...[...TITLED].map(([title, shape]) => [`fields ${title}`, fieldTable(shape)] as const),
  ["not applied", notApplied()],
  ["access log", `\`\`\`\n${DEFAULT_ACCESS_LOG_FORMAT}\n\`\`\``],
  [
    "retryOn",
    markdownTable(
      ["Name", "The request is sent again if"],
      Object.entries(RETRY_ON).map(([name, { doc }]) => [`\`${name}\``, doc]),
    ),
  ],
  [
    "operators",
    markdownTable(
      ["Operator", "Known", "Stands for"],
      Object.entries(OPERATORS).map(([name, { moment, argument, doc }]) => [
        argument === "attribute" ? `\`%${name}(name)%\`` : `\`%${name}%\``,
        moment === "end" ? "at the end" : `with the ${moment}`,
        doc,
      ]),
    ),
  ],
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

it("every field is told of", () => {
  const silent: string[] = [];
  const visit = (shape: Shape, path: string): void => {
    if (shape.kind === "list") visit(shape.items, `${path}[]`);
    if (shape.kind !== "object") return;
    for (const [name, field] of Object.entries(shape.fields)) {
      const inner = field.shape.kind === "list" ? field.shape.items : field.shape;
      if (field.doc === "" && inner.kind !== "object") silent.push(`${path}.${name}`);
      visit(field.shape, `${path}.${name}`);
    }
  };
  for (const { kind, shape } of KINDS) visit(shape, kind);
  // Within what is told of as a whole.
  expect(silent).toEqual(["DestinationRule.workloadSelector.matchLabels"]);
});

it("examples that are parts of resources are valid", () => {
  const page = readFileSync(PAGE, "utf8");
  const parts = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)]
    .map(([, yaml = ""]) => parse(yaml) as Record<string, unknown>)
    .filter((part) => !("apiVersion" in part));
  expect(parts.map((part) => Object.keys(part))).toEqual([["routes"], ["spec"]]);
  for (const { routes, spec = { hosts: ["cart.shop"], routes } } of parts) {
    const validation = validateResource({
      apiVersion: "metaprotocol.aeraki.io/v1alpha1",
      kind: routes === undefined ? "MetaAuthorizationPolicy" : "MetaRouter",
      metadata: { name: "example" },
      spec,
    });
    const { outcome, warnings } = validation;
    expect({ outcome, warnings }).toEqual({
      outcome: "valid",
      warnings: [],
    });
  }
});
