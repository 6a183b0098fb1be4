// npm run bench [-- --quick] [--only CASE[,CASE...]] [--rounds N] [--seconds S]: Envoy's own filters and ours side
// by side, in one Envoy. --only takes any case, such as dubbo:4x1:64KiB, also one that is in no plan.
import { runCampaign } from "./campaign.js";
import { FULL_PLAN, parseCase, QUICK_PLAN } from "./cases.js";
import { resultTable } from "./tables.js";

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : undefined;
}

const isQuick = process.argv.includes("--quick");
const only = option("only");
const plan = only?.split(",").map(parseCase) ?? (isQuick ? QUICK_PLAN : FULL_PLAN);
const results = await runCampaign({
  plan,
  rounds: Number(option("rounds") ?? (isQuick ? 1 : 3)),
  seconds: Number(option("seconds") ?? 1.5),
  warmupSeconds: 0.4,
  onProgress: (line) => console.error(line),
});
console.log(resultTable(results));
