// A thousand hostile connections of two protocols beside twenty good clients of a stock Envoy with two workers:
// the good ones notice nothing, each hostile one gets what it deserves, and afterwards nothing of it is left.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingLoad } from "../support/load.js";
import type { Casualties } from "./hostile-world.js";
import { HostileWorld, MAX_BUFFERED_BYTES } from "./hostile-world.js";

const CONNECTIONS = 1000;
/** Covers the attack: bounds in time are 3 s at most, see hostile-world.ts. */
const SECONDS = 12;
const MIB = 1 << 20;

function told(fates: Casualties["fates"]): string {
  return [...fates].map(([fate, count]) => `${String(count)} ${fate ?? "undecided"}`).join(", ");
}

const missing = missingLoad();
if (missing !== undefined) console.warn(`skipped: ${missing}`);

describe.skipIf(missing !== undefined)("a thousand hostile connections", () => {
  let world: HostileWorld;

  beforeAll(async () => {
    world = await HostileWorld.start();
  });

  afterAll(() => world.stop());

  async function round(): Promise<Casualties[]> {
    const serving = world.serveGood(SECONDS);
    const casualties = await world.attack(CONNECTIONS);
    expect(world.attackerCount).toBeGreaterThanOrEqual(CONNECTIONS);
    for (const [protocol, result] of await serving) {
      const { requests, errors, mismatched, closed, unanswered, fault } = result;
      expect({ protocol, errors, mismatched, closed, unanswered, fault }).toEqual({
        ...{ protocol, errors: 0, mismatched: 0, closed: 0, unanswered: 0, fault: null },
      });
      expect(requests).toBeGreaterThan(100);
    }
    return casualties;
  }

  async function counted(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const protocol of ["dubbo", "thrift"]) {
      for (const name of ["downstream_decode_error", "downstream_frame_timeout"]) {
        counts.set(`${protocol} ${name}`, await world.stat(protocol, name));
      }
    }
    return counts;
  }

  test("harm nobody, get what they deserve, and leave nothing behind", async () => {
    const casualties = await round();
    const fates = casualties.map((it) => `${it.protocol}, ${it.kind.name}: ${told(it.fates)}`);
    expect(fates).toEqual(
      casualties.map(({ protocol, kind, count }) => {
        return `${protocol}, ${kind.name}: ${told(new Map([[kind.fate, count]]))}`;
      }),
    );
    await world.retreat();
    const expected = new Map<string, number>();
    for (const { protocol, kind, count } of casualties) {
      if (kind.counter === undefined) continue;
      const name = `${protocol} ${kind.counter}`;
      expected.set(name, (expected.get(name) ?? 0) + count);
    }
    expect(Object.fromEntries(await counted())).toEqual(Object.fromEntries(expected));

    // Again: what the first attack has left would be there twice.
    const holdings = async (): Promise<{
      allocated: number;
      memory: number;
      buffered: number;
    }> => ({
      allocated: await world.envoy.stat("server.memory_allocated"),
      memory:
        (await world.stat("dubbo", "memory_bytes")) + (await world.stat("thrift", "memory_bytes")),
      buffered:
        (await world.stat("dubbo", "buffered_bytes")) +
        (await world.stat("thrift", "buffered_bytes")),
    });
    const before = await holdings();
    await round();
    await world.retreat();
    const after = await holdings();
    expect(after.allocated).toBeLessThan(before.allocated + 4 * MIB);
    // Memory of a VM never shrinks: it stays at what was needed at once, within its bound.
    expect(after.memory).toBeLessThan(6 * 2 * MAX_BUFFERED_BYTES);
    expect(after.buffered).toBeLessThan(before.buffered + MIB);
  });
});
