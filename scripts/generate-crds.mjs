// Writes the CustomResourceDefinitions into the Helm chart. With --check nothing is written: a difference is an error.
// Runs by `node --import tsx`: they come from the sources.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { customResourceDefinitions } from "../controlplane/api/reference/custom-resources.ts";

const FILE = "charts/metaproto/crds/metaproto.yaml";

const target = fileURLToPath(new URL(`../${FILE}`, import.meta.url));
const text = customResourceDefinitions()
  .map(({ document }) => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }))
  .join("---\n");

if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (readFileSync(target, "utf8") !== text) {
  console.error(`${FILE} is not what the kinds of resources are: run \`npm run gen\``);
  process.exitCode = 1;
}
