// npm run bench:hostile [-- --rounds N]: latency of ten good clients of each protocol at a fixed rate (open
// loop), alone and beside a thousand hostile connections. To reach: p99 within twice of what it is alone.
import type { LoadResult } from "../support/load.js";
import { HostileWorld } from "./hostile-world.js";

const CONNECTIONS = 1000;
const SECONDS = 8;
const RATE = 1000;
const PROTOCOLS = ["dubbo", "thrift"] as const;

type Situation = "alone" | "attacked";

const at = process.argv.indexOf("--rounds");
const rounds = at > 0 ? Number(process.argv[at + 1]) : 3;
const results: {
  readonly protocol: string;
  readonly situation: Situation;
  readonly load: LoadResult;
}[] = [];

async function measure(world: HostileWorld, situation: Situation): Promise<void> {
  const serving = world.serveGood(SECONDS, RATE);
  if (situation === "attacked") await world.attack(CONNECTIONS);
  for (const [protocol, load] of await serving) results.push({ protocol, situation, load });
  await world.retreat();
}

function median(
  protocol: string,
  situation: Situation,
  value: (load: LoadResult) => number,
): number {
  const values = results
    .filter((it) => it.protocol === protocol && it.situation === situation)
    .map(({ load }) => value(load))
    .sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? Number.NaN;
}

const world = await HostileWorld.start();
try {
  for (let round = 1; round <= rounds; round++) {
    console.error(`round ${String(round)} of ${String(rounds)}`);
    await measure(world, "alone");
    await measure(world, "attacked");
  }
} finally {
  await world.stop();
}
console.log("| Good clients | p50 | p99 | p99.9 | requests/s | errors |");
console.log("| --- | --- | --- | --- | --- | --- |");
for (const protocol of PROTOCOLS) {
  for (const situation of ["alone", "attacked"] as const) {
    const of = (value: (load: LoadResult) => number): string =>
      median(protocol, situation, value).toFixed(0);
    const errors = results
      .filter((it) => it.protocol === protocol && it.situation === situation)
      .reduce((sum, { load }) => sum + load.errors + load.mismatched + load.closed, 0);
    console.log(
      `| ${protocol}, ${situation} | ${of((it) => it.p50_us)} us | ${of((it) => it.p99_us)} us ` +
        `| ${of((it) => it.p999_us)} us | ${of((it) => it.rps)} | ${String(errors)} |`,
    );
  }
}
for (const protocol of PROTOCOLS) {
  const p99 = (situation: Situation): number => median(protocol, situation, (load) => load.p99_us);
  console.log(
    `${protocol}: p99 beside the attack is ${(p99("attacked") / p99("alone")).toFixed(2)}x`,
  );
}
