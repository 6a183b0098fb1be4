// What a module costs before the first request: bytes of code, memory of each worker's VM, CPU at rest.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { pause } from "../envoy/support/deadline.js";
import type { Ports } from "./bootstrap.js";
import { CONTENDERS, PROTOCOLS, type Protocol } from "./contenders.js";
import { startBenchEnvoy } from "./processes.js";
import { spreadOf, type Spread } from "./summary.js";

export interface ModuleFigures {
  readonly protocol: Protocol;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** What Envoy's resident memory grows by with each further worker, beyond what it grows by anyway. */
  readonly vmBytes: Spread;
  /** What it takes once: the compiled code, the VMs of the main thread. */
  readonly baseBytes: Spread;
  /** CPU of an Envoy with one worker and nothing to do, beyond one without it; microseconds a second. */
  readonly restUs: Spread;
}

const MOST_WORKERS = 4;
const REST_MS = 1000;

/** An Envoy that has just started: resident bytes, and CPU in a second. */
interface AtRest {
  readonly bytes: number;
  readonly restUs: number;
}

/** CPU time of all threads; exact, where /proc/PID/stat counts in steps of 10 ms. */
export function cpuUs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce((sum, task) => {
    const [nanoseconds = "0"] = readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ");
    return sum + Number(nanoseconds) / 1000;
  }, 0);
}

async function atRest(
  ports: Ports,
  protocol: Protocol,
  kind: "baseline" | "ours",
  workers: number,
): Promise<AtRest> {
  const contenders = CONTENDERS.filter((one) => one.protocol === protocol && one.kind === kind);
  const envoy = await startBenchEnvoy(contenders, ports, workers);
  try {
    const before = cpuUs(envoy.pid);
    await pause(REST_MS);
    return {
      bytes: envoy.residentBytes(),
      restUs: ((cpuUs(envoy.pid) - before) * 1000) / REST_MS,
    };
  } finally {
    await envoy.stop();
  }
}

async function measureModule(
  ports: Ports,
  protocol: Protocol,
  rounds: number,
): Promise<ModuleFigures> {
  const vms: number[] = [];
  const bases: number[] = [];
  const rests: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const onlyOne = await atRest(ports, protocol, "baseline", 1);
    const onlyFour = await atRest(ports, protocol, "baseline", MOST_WORKERS);
    const one = await atRest(ports, protocol, "ours", 1);
    const four = await atRest(ports, protocol, "ours", MOST_WORKERS);
    const vm = (four.bytes - one.bytes - (onlyFour.bytes - onlyOne.bytes)) / (MOST_WORKERS - 1);
    vms.push(vm);
    bases.push(one.bytes - onlyOne.bytes - vm);
    rests.push(one.restUs - onlyOne.restUs);
  }
  const code = readFileSync(
    fileURLToPath(new URL(`../../build/${protocol}.wasm`, import.meta.url)),
  );
  return {
    protocol,
    bytes: code.length,
    gzipBytes: gzipSync(code, { level: 9 }).length,
    vmBytes: spreadOf(vms),
    baseBytes: spreadOf(bases),
    restUs: spreadOf(rests),
  };
}

/** @param rounds 0 leaves all of it out. */
export async function measureModules(
  ports: Ports,
  rounds: number,
  onProgress: (line: string) => void,
): Promise<ModuleFigures[]> {
  const figures: ModuleFigures[] = [];
  if (rounds === 0) return figures;
  for (const protocol of PROTOCOLS) {
    onProgress(`module: ${protocol}`);
    figures.push(await measureModule(ports, protocol, rounds));
  }
  return figures;
}
