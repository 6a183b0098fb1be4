// npm run bench:scale -- [edit] [swap] [lookup] [control-plane] [hostile] [described] [mesh] [--write]: how it behaves with many
// routes, proxies, services and enemies, and what descriptions cost; all of them if none is named. --write puts the figures into docs/bench/scale.md.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { LookupBench } from "../../switchboard/lookup-bench.js";
import { SHAPES } from "../../switchboard/route-shapes.js";
import { benchControlPlane } from "./control-plane.js";
import { benchDescribed } from "./described.js";
import { benchEdits } from "./edit.js";
import { benchHostile } from "./hostile.js";
import { benchMesh } from "./mesh.js";
import {
  controlPlaneReport,
  describedReport,
  editReport,
  hostileReport,
  lookupReport,
  type LookupReport,
  meshReport,
  swapReport,
} from "./report.js";
import { benchSwaps } from "./swap.js";

const PAGE = fileURLToPath(new URL("../../../docs/bench/scale.md", import.meta.url));
const EDITS = 60;
const HOSTILE_ROUNDS = 3;
const DESCRIBED_ROUNDS = 9;
const SWAP_SECONDS = 10;
const CONTROL_PLANE = { services: 1000, proxies: 100, edits: 10 };
const MESH = { services: 1000, routers: 500, proxies: 200, edits: 10 };
const SIZES = [1, 100, 10_000];

async function benchLookups(): Promise<LookupReport> {
  const bench = await LookupBench.load();
  return new Map(
    SHAPES.map((shape) => [
      shape.name,
      new Map(SIZES.map((count) => [count, bench.measure(shape, count)])),
    ]),
  );
}

const BENCHES: Readonly<Record<string, () => Promise<string>>> = {
  edit: async () => editReport(await benchEdits(EDITS)),
  swap: async () => swapReport(await benchSwaps(SWAP_SECONDS)),
  lookup: async () => lookupReport(await benchLookups()),
  "control-plane": async () => controlPlaneReport(await benchControlPlane(CONTROL_PLANE)),
  hostile: async () => hostileReport(await benchHostile(HOSTILE_ROUNDS)),
  mesh: async () => meshReport(await benchMesh(MESH)),
  described: async () => describedReport(await benchDescribed(DESCRIBED_ROUNDS)),
};

/** Replaces what is between the markers of this name. */
async function write(name: string, report: string): Promise<void> {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${PAGE} has no ${begin} ... ${end}`);
  const text = `${page.slice(0, from + begin.length)}\n\n${report}\n\n${page.slice(to)}`;
  const options = await resolveConfig(PAGE);
  writeFileSync(PAGE, await format(text, { ...options, parser: "markdown" }));
}

const names = process.argv.slice(2).filter((argument) => argument !== "--write");
const unknown = names.find((name) => BENCHES[name] === undefined);
if (unknown !== undefined) {
  throw new Error(`no bench ${unknown}; there are ${Object.keys(BENCHES).join(", ")}`);
}
for (const [name, bench] of Object.entries(BENCHES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const report = await bench();
  console.log(`${name}\n\n${report}\n`);
  if (process.argv.includes("--write")) await write(name, report);
}
