// Writes what the Helm chart makes with its default values, for users of `kubectl apply`. With --check nothing is written:
// a difference is an error. Needs the helm that `node scripts/build-peers.mjs chart-tools` builds.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE, ROOT } from "./stamp.mjs";

const FILE = "manifests/metaproto.yaml";
const NAMESPACE = "metaproto-system";
const HEAD = `# The Helm chart in charts/metaproto with its default values, by \`npm run gen:manifests\`. The kinds of resources come
# first: kubectl apply --server-side -f charts/metaproto/crds
---
apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

const helm = join(CACHE, "peers/chart-tools/helm");
const chart = join(ROOT, "charts/metaproto");
const args = ["template", "metaproto", chart, "--namespace", NAMESPACE];
const text = HEAD + execFileSync(helm, args, { encoding: "utf8" });
const target = join(ROOT, FILE);

if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (readFileSync(target, "utf8") !== text) {
  console.error(`${FILE} is not what the chart makes: run \`npm run gen:manifests\``);
  process.exitCode = 1;
}
