// Latency of ten good clients of each protocol at a fixed rate, alone and beside a thousand hostile
// connections: garbage, half frames, wrong lengths, hostile strings, slow senders, clients that never read.
import { HostileWorld } from "../../envoy/hostile/hostile-world.js";
import type { LoadResult } from "../../envoy/support/load.js";

const CONNECTIONS = 1000;
const SECONDS = 8;
/** Requests per second of each protocol. */
const RATE = 1000;
const PROTOCOLS = ["dubbo", "thrift"] as const;

export interface HostileResult {
  readonly protocol: string;
  /** One for each round, as are those of `attacked`. */
  readonly alone: readonly LoadResult[];
  readonly attacked: readonly LoadResult[];
}

async function measure(world: HostileWorld, isAttacked: boolean): Promise<Map<string, LoadResult>> {
  const serving = world.serveGood(SECONDS, RATE);
  if (isAttacked) await world.attack(CONNECTIONS);
  const results = new Map<string, LoadResult>(await serving);
  await world.retreat();
  return results;
}

function resultsOf(rounds: readonly ReadonlyMap<string, LoadResult>[], protocol: string) {
  return rounds.flatMap((round) => round.get(protocol) ?? []);
}

export async function benchHostile(rounds: number): Promise<HostileResult[]> {
  const alone: Map<string, LoadResult>[] = [];
  const attacked: Map<string, LoadResult>[] = [];
  const world = await HostileWorld.start();
  try {
    for (let round = 1; round <= rounds; round++) {
      alone.push(await measure(world, false));
      attacked.push(await measure(world, true));
    }
  } finally {
    await world.stop();
  }
  return PROTOCOLS.map((protocol) => ({
    protocol,
    alone: resultsOf(alone, protocol),
    attacked: resultsOf(attacked, protocol),
  }));
}
