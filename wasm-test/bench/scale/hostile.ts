// Latency of ten good clients of each protocol at a fixed rate, alone, beside a thousand hostile connections to
// another Envoy of the same machine, and with these at their own: garbage, half frames, wrong lengths, hostile
// strings, slow senders, clients that never read. The second tells what the machine does to the third.
import { HostileWorld } from "../../envoy/hostile/hostile-world.js";
import type { LoadResult } from "../../envoy/support/load.js";

const CONNECTIONS = 1000;
const SECONDS = 8;
/** Requests per second of each protocol. */
const RATE = 1000;
const PROTOCOLS = ["dubbo", "thrift"] as const;

export const SITUATIONS = ["alone", "beside", "attacked"] as const;
export type Situation = (typeof SITUATIONS)[number];

export interface HostileResult {
  readonly protocol: string;
  /** One for each round. */
  readonly loads: Readonly<Record<Situation, readonly LoadResult[]>>;
}

async function measure(
  served: HostileWorld,
  attacked: HostileWorld | undefined,
): Promise<ReadonlyMap<string, LoadResult>> {
  const serving = served.serveGood(SECONDS, RATE);
  await attacked?.attack(CONNECTIONS);
  const results = await serving;
  await attacked?.retreat();
  return results;
}

export async function benchHostile(rounds: number): Promise<HostileResult[]> {
  const results = PROTOCOLS.map((protocol) => {
    const loads: Record<Situation, LoadResult[]> = { alone: [], beside: [], attacked: [] };
    return { protocol, loads };
  });
  const worlds: HostileWorld[] = [];
  try {
    const own = await HostileWorld.start();
    worlds.push(own);
    const other = await HostileWorld.start();
    worlds.push(other);
    const targets = { alone: undefined, beside: other, attacked: own };
    for (let round = 1; round <= rounds; round++) {
      for (const situation of SITUATIONS) {
        const measured = await measure(own, targets[situation]);
        for (const { protocol, loads } of results) {
          const load = measured.get(protocol);
          if (load !== undefined) loads[situation].push(load);
        }
      }
    }
  } finally {
    for (const world of worlds) await world.stop();
  }
  return results;
}
