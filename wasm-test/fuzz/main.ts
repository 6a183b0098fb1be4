// `npm run fuzz`: for as long as one likes. The copy of the module that counts branches finds inputs
// that reach new ones; the optimised one is run on inputs made from them.
//
//   npm run fuzz -- --seconds 600 --target dubbo,thrift --seed 7
//   npm run fuzz -- --seconds 60 --missed     what was not reached, function by function
//   npm run fuzz -- --seconds 600 --write     keeps what reaches more than the seeds do
import { parseArgs } from "node:util";
import { readInputs, writeInputs } from "./corpus-file.js";
import { coverageByFile, describeCoverage } from "./coverage.js";
import { loadCovered, loadFuelled } from "./fuzz-module.js";
import { FuzzRunner } from "./runner.js";
import { type FuzzTarget, targetNamed, TARGETS } from "./targets.js";

const SLICE_MS = 5_000;
const GUIDED_BATCH = 20_000;
const PLAIN_BATCH = 50_000;
const MAX_KEPT_BYTES = 2048;

interface Options {
  readonly seconds: number;
  readonly targets: readonly FuzzTarget[];
  readonly seed: number;
  readonly isMissedShown: boolean;
  readonly isWritten: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      target: { type: "string", default: TARGETS.map(({ name }) => name).join(",") },
      seed: { type: "string" },
      missed: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  const seconds = Number(values.seconds);
  if (!(seconds > 0) || !Number.isInteger(seed))
    throw new Error("--seconds and --seed are numbers");
  return {
    seconds,
    targets: values.target.split(",").map(targetNamed),
    seed,
    isMissedShown: values.missed,
    isWritten: values.write,
  };
}

/** One target, guided by branches and in bulk by turns. */
class Campaign {
  private guidedIndex = 0;
  private plainIndex = 0;

  private constructor(
    private readonly target: FuzzTarget,
    private readonly seed: number,
    readonly guided: FuzzRunner,
    private readonly plain: FuzzRunner,
    private readonly covered: Awaited<ReturnType<typeof loadCovered>>,
  ) {}

  static async start(target: FuzzTarget, seed: number): Promise<Campaign> {
    const covered = await loadCovered(target.unit);
    const guided = await FuzzRunner.create(target, covered);
    const plain = await FuzzRunner.create(target, await loadFuelled(target.unit));
    for (const input of [...guided.corpus]) guided.runForNews(input);
    for (const input of readInputs("crashers", target.name)) await plain.runInput(input);
    return new Campaign(target, seed, guided, plain, covered);
  }

  async runFor(ms: number): Promise<void> {
    const middle = performance.now() + ms / 2;
    while (performance.now() < middle) {
      const before = this.guidedIndex;
      this.guidedIndex += await this.guided.runUntilNew(this.seed, before, GUIDED_BATCH);
      if (this.guidedIndex - before === GUIDED_BATCH) continue;
      const found = this.guided.input();
      if (found.length > MAX_KEPT_BYTES) continue;
      this.guided.add(found);
      this.plain.add(found);
    }
    for (const end = middle + ms / 2; performance.now() < end; this.plainIndex += PLAIN_BATCH) {
      await this.plain.run(this.seed, this.plainIndex, PLAIN_BATCH);
    }
  }

  report(isMissedShown: boolean): void {
    const { name, files } = this.target;
    const { exports } = this.guided;
    const map = new Uint8Array(
      exports.memory.buffer,
      exports.knownBranches(),
      this.covered.branches.length,
    );
    const coverage = coverageByFile(this.covered.branches, map);
    const own = coverage.filter(({ file }) => files.test(file));
    const inputs = this.guided.counts().inputs + this.plain.counts().inputs;
    const steps = this.plain.counts().worstStepsPerByte;
    console.log(`\n${name}: ${inputs.toLocaleString("en")} inputs, at most ${steps} steps a byte`);
    for (const line of describeCoverage(own, isMissedShown)) console.log(`  ${line}`);
  }

  /** Of the inputs that were found, the shortest ones that together reach what all do. */
  async keep(): Promise<void> {
    const seeds = this.target.seeds();
    const runner = await FuzzRunner.createWith(this.target, this.covered, seeds);
    for (const seed of seeds) runner.runForNews(seed);
    const found = this.guided.corpus.slice().sort((a, b) => a.length - b.length);
    const kept = found.filter((input) => runner.runForNews(input));
    writeInputs(this.target.name, kept);
    console.log(`  ${kept.length} inputs are kept`);
  }
}

async function main(): Promise<void> {
  const { seconds, targets, seed, isMissedShown, isWritten } = readOptions();
  console.log(`seed ${seed}, ${seconds} s, ${targets.map(({ name }) => name).join(", ")}`);
  const campaigns = await Promise.all(targets.map((target) => Campaign.start(target, seed)));
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    for (const campaign of campaigns) {
      const left = Math.max(0, end - performance.now());
      await campaign.runFor(Math.min(SLICE_MS, Math.ceil(left / campaigns.length)));
    }
  }
  for (const campaign of campaigns) {
    campaign.report(isMissedShown);
    if (isWritten) await campaign.keep();
  }
}

await main();
