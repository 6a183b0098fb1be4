// What a module costs before the first request: bytes of code, memory of each worker's VM, CPU at rest.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import asconfig from "../../asconfig.json" with { type: "json" };
import { compile, describedFrame } from "../codecs/protocols/descriptions.js";
import { pause } from "../envoy/support/deadline.js";
import type { Ports } from "./bootstrap.js";
import { BASELINE, resting, type Contender, type ModuleCode } from "./contenders.js";
import { startBenchEnvoy } from "./processes.js";
import { spreadOf, type Spread } from "./summary.js";

export interface ModuleFigures {
  /** Its name. */
  readonly module: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** What Envoy's resident memory grows by with each further worker, beyond what it grows by anyway. */
  readonly vmBytes: Spread;
  /** What it takes once: the compiled code, the VMs of the main thread. */
  readonly baseBytes: Spread;
  /** CPU of an Envoy with one worker and nothing to do, beyond one without it; microseconds a second. */
  readonly restUs: Spread;
  /** What the start of an Envoy with one worker takes longer; milliseconds. */
  readonly startMs: Spread;
}

/** Those of protocols by name; what is in a folder of build/ is for tests and tools. */
const MODULES = Object.entries(asconfig.targets)
  .filter(([name, { entry }]) => entry.startsWith("assembly/modules/") && !name.includes("/"))
  .map(([name]) => name);
/** Executes descriptions of protocols; without one it does not start. */
const FRAME_MODULE = "frame";
const DESCRIBED = "courier";
const MOST_WORKERS = 4;
const REST_MS = 1000;

/** An Envoy that has just started: resident bytes, CPU in a second, and how long the start took. */
interface AtRest {
  readonly bytes: number;
  readonly restUs: number;
  readonly startMs: number;
}

/** CPU time of all threads; exact, where /proc/PID/stat counts in steps of 10 ms. */
export function cpuUs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce((sum, task) => {
    const [nanoseconds = "0"] = readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ");
    return sum + Number(nanoseconds) / 1000;
  }, 0);
}

async function atRest(ports: Ports, contender: Contender, workers: number): Promise<AtRest> {
  const begin = performance.now();
  const envoy = await startBenchEnvoy([contender], ports, workers);
  const startMs = performance.now() - begin;
  try {
    const before = cpuUs(envoy.pid);
    await pause(REST_MS);
    return {
      bytes: envoy.residentBytes(),
      restUs: ((cpuUs(envoy.pid) - before) * 1000) / REST_MS,
      startMs,
    };
  } finally {
    await envoy.stop();
  }
}

interface Samples {
  readonly code: ModuleCode;
  readonly vms: number[];
  readonly bases: number[];
  readonly rests: number[];
  readonly starts: number[];
}

function codeOf(name: string): ModuleCode {
  if (name !== FRAME_MODULE) return { name };
  const { table } = compile(describedFrame(DESCRIBED));
  return { name, codecConfiguration: Buffer.from(table).toString("base64") };
}

async function measureRound(ports: Ports, modules: readonly Samples[]): Promise<void> {
  const onlyOne = await atRest(ports, BASELINE, 1);
  const onlyFour = await atRest(ports, BASELINE, MOST_WORKERS);
  for (const { code, vms, bases, rests, starts } of modules) {
    const one = await atRest(ports, resting(code), 1);
    const four = await atRest(ports, resting(code), MOST_WORKERS);
    const vm = (four.bytes - one.bytes - (onlyFour.bytes - onlyOne.bytes)) / (MOST_WORKERS - 1);
    vms.push(vm);
    bases.push(one.bytes - onlyOne.bytes - vm);
    rests.push(one.restUs - onlyOne.restUs);
    starts.push(one.startMs - onlyOne.startMs);
  }
}

/** @param rounds 0 leaves all of it out. */
export async function measureModules(
  ports: Ports,
  rounds: number,
  onProgress: (line: string) => void,
): Promise<ModuleFigures[]> {
  if (rounds === 0) return [];
  const modules = MODULES.toSorted().map((name): Samples => {
    return { code: codeOf(name), vms: [], bases: [], rests: [], starts: [] };
  });
  for (let round = 1; round <= rounds; round++) {
    onProgress(`modules: round ${round}`);
    await measureRound(ports, modules);
  }
  return modules.map(({ code: { name }, vms, bases, rests, starts }) => {
    const code = readFileSync(fileURLToPath(new URL(`../../build/${name}.wasm`, import.meta.url)));
    return {
      module: name,
      bytes: code.length,
      gzipBytes: gzipSync(code, { level: 9 }).length,
      vmBytes: spreadOf(vms),
      baseBytes: spreadOf(bases),
      restUs: spreadOf(rests),
      startMs: spreadOf(starts),
    };
  });
}
