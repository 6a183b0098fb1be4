// The command line of the bench.
import { parseArgs } from "node:util";
import { CONTENDERS, type Contender } from "./contenders.js";
import { FILTER_PLAN, FULL_PLAN, parseCase, QUICK_PLAN, type Case } from "./cases.js";

export const USAGE = `npm run bench -- [options]
  --quick           what the targets are about, one short round: under four minutes
  --only LIST       some parts: cases such as dubbo:4x1, thrift:64x1:64KiB or dubbo:64x64:w2:open, also
                    such as are in no plan; filters; memory; modules
  --rounds N        default 3, with --quick 1
  --seconds S       of a measurement in a closed loop; an open loop takes half as long again
  --write           write tables, plots and results.json into docs/bench
  --json FILE       write results there`;

export interface BenchOptions {
  readonly plan: readonly Case[];
  readonly rounds: number;
  readonly closedSeconds: number;
  readonly openSeconds: number;
  /** Loads with which each filter is measured by itself. */
  readonly filterPlan: readonly Case[];
  readonly filterRounds: number;
  readonly filterSeconds: number;
  /** Whose memory of connections is measured. */
  readonly memoryOf: readonly Contender[];
  /** Rounds of the module's figures; 0 leaves them out. */
  readonly moduleRounds: number;
  readonly isWriting: boolean;
  readonly jsonFile?: string;
}

const FILTERS = "filters";
const MEMORY = "memory";
const MODULES = "modules";
const PARTS: readonly string[] = [FILTERS, MEMORY, MODULES];

const FULL = { plan: FULL_PLAN, rounds: "3", seconds: "1.2" };
const QUICK = { plan: QUICK_PLAN, rounds: "1", seconds: "0.7" };

/** @throws Error for what is no option, or no case. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      write: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const only = values.only?.split(",");
  const has = (part: string): boolean => only === undefined || only.includes(part);
  const loads = only?.filter((part) => !PARTS.includes(part));
  const usual = values.quick ? QUICK : FULL;
  const closedSeconds = positive(values.seconds ?? usual.seconds, "--seconds");
  const rounds = positive(values.rounds ?? usual.rounds, "--rounds");
  return {
    plan: loads?.map(parseCase) ?? usual.plan,
    rounds,
    closedSeconds,
    openSeconds: Number((1.5 * closedSeconds).toFixed(2)),
    filterPlan: has(FILTERS) ? FILTER_PLAN.slice(0, values.quick ? 1 : undefined) : [],
    // What a filter adds is little: more rounds, shorter ones, with the same time for all of them.
    filterRounds: 2 * rounds + 1,
    filterSeconds: Number((closedSeconds / 2).toFixed(2)),
    memoryOf: has(MEMORY) ? CONTENDERS.filter(({ kind }) => !values.quick || kind === "ours") : [],
    moduleRounds: has(MODULES) ? Number(usual.rounds) : 0,
    isWriting: values.write,
    ...(values.json === undefined ? {} : { jsonFile: values.json }),
  };
}

function positive(text: string, name: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} ${text} is no positive number\n${USAGE}`);
  return value;
}
