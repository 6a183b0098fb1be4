// The disturbances, one at a time.
import { readFileSync } from "node:fs";
import { waitUntil } from "../envoy/support/deadline.js";
import { listenerOf } from "../envoy/support/resources.js";
import type { Deeds } from "./bad-server.js";
import type { CheckedLoad } from "./checked-load.js";
import { CROWD_SCENARIOS } from "./crowd-scenarios.js";
import { filtersUnder } from "./filter-scenario.js";
import type { Round, Scenario } from "./scenario.js";
import type { ChaosWorld } from "./world.js";

/** The same module with one more custom section: other bytes, equal behaviour. */
function variantOf(module: Buffer): Buffer {
  return Buffer.concat([module, Buffer.from([0, 2, 1, 0x78])]);
}

async function killServers(world: ChaosWorld, round: Round): Promise<void> {
  await round.every(150, async () => {
    const server = round.of(world.servers);
    if (server.isRunning) await server.kill();
    else await server.restart();
  });
}

/** All of them killed, or all of them taken out of the configuration; and back. */
async function allGone(world: ChaosWorld, round: Round): Promise<void> {
  let isByConfiguration = false;
  await round.every(200, async () => {
    isByConfiguration = !isByConfiguration;
    for (const side of world.sides) {
      if (isByConfiguration) world.write(side.serviceOf([]));
      else for (const server of side.servers) await server.kill();
    }
    await round.pause(300);
    for (const side of world.sides) {
      if (isByConfiguration) world.write(side.service);
      else for (const server of side.servers) await server.restart();
    }
  });
}

async function changeEndpoints(world: ChaosWorld, round: Round): Promise<void> {
  await round.every(500, () => {
    for (const side of world.sides) {
      const kept = side.servers.filter(() => round.below(2) === 0);
      world.write(side.serviceOf(kept.length > 0 ? kept : [round.of(side.servers)]));
    }
  });
}

/** Nothing but dead servers, which another scenario kills, excuses clients that get no answers. */
async function answersContinue(world: ChaosWorld, load: CheckedLoad): Promise<void> {
  const isExcused = (): boolean => world.servers.some(({ isRunning }) => !isRunning);
  const before = load.latest?.answered ?? 0;
  await load.until("100 more answers", ({ answered }) => answered >= before + 100 || isExcused());
}

async function killControlPlane(world: ChaosWorld, round: Round): Promise<void> {
  await round.every(500, async () => {
    await world.killControlPlane();
    for (const load of round.loads) await answersContinue(world, load);
    for (const side of world.sides)
      world.write(side.serviceOf(side.servers, round.of(["v1", "v2"])));
    await world.reviveControlPlane();
  });
}

/** The listener goes, drains and closes; another one takes its place and its port. */
async function replaceListeners(world: ChaosWorld, round: Round): Promise<void> {
  await round.every(500, async () => {
    const side = round.of(world.sides);
    const name = listenerOf(side.service);
    world.remove(side.service);
    await waitUntil("the listener is gone", async () => {
      return !(await world.envoy.admin("/listeners")).includes(name);
    });
    world.write(side.service);
    await world.envoy.listenerPort(name);
    await round.pause(500);
  });
}

async function upgradeModules(world: ChaosWorld, round: Round): Promise<void> {
  const { controlPlane } = world;
  const modules = world.sides.map(({ protocol }) => controlPlane.modulePath(protocol));
  const originals = modules.map((path) => readFileSync(path));
  let upgrades = 0;
  await round.every(1000, async () => {
    const isVariant = ++upgrades % 2 === 1;
    for (const [index, original] of originals.entries()) {
      const code = isVariant ? variantOf(original) : original;
      await controlPlane.edit(modules[index] as string, code);
    }
  });
  for (const [index, original] of originals.entries()) {
    if (upgrades % 2 === 1) await controlPlane.edit(modules[index] as string, original);
  }
}

async function flipRoutes(world: ChaosWorld, round: Round): Promise<void> {
  let flips = 0;
  await round.every(50, () => {
    const version = flips++ % 2 === 0 ? "v1" : "v2";
    for (const side of world.sides) world.write(side.serviceOf(side.servers, version));
  });
}

function misbehaving(deeds: Deeds, ofDubbo: Deeds = {}) {
  return async (world: ChaosWorld, round: Round): Promise<void> => {
    for (const server of world.servers) {
      server.misbehave(server.protocol === "dubbo" ? { ...deeds, ...ofDubbo } : deeds);
    }
    await round.pause(Number.MAX_SAFE_INTEGER);
  };
}

/** Requests that nobody answers hold their place on a connection until it ends. */
const renewServers = (world: ChaosWorld): Promise<void> => world.renewServers();

const KILLED: Scenario = {
  name: "servers-killed",
  about: "servers are killed and restarted at random",
  disturb: killServers,
};

const FLIPPED: Scenario = {
  name: "routes-flipped",
  about: "routes are changed 20 times a second",
  disturb: flipRoutes,
};

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "calm",
    about: "nothing happens",
    disturb: (_, round) => round.pause(Number.MAX_SAFE_INTEGER),
  },
  KILLED,
  {
    name: "servers-late",
    about: "a third of the answers is late, in another order than that of the requests",
    disturb: misbehaving({ late: 333 }),
  },
  {
    name: "servers-silent",
    about: "one of a hundred requests is never answered",
    disturb: misbehaving({ never: 10 }),
    recover: renewServers,
  },
  {
    name: "servers-mad",
    about:
      "servers answer garbage, half, twice (Dubbo), under other ids, hang up, reset, and are late",
    // Thrift's answers are told by their connection, not by their ids (docs/adr/0004-ordered-answers.md): a second
    // one that comes when the next call is under way is taken for its answer, as by any client of such a server.
    disturb: misbehaving(
      { garbage: 3, half: 3, hangup: 3, reset: 3, unknown: 3, late: 100, never: 2 },
      { twice: 10 },
    ),
    recover: renewServers,
  },
  {
    name: "endpoints-gone",
    about: "all servers are gone and back, killed or taken out of the configuration",
    disturb: allGone,
  },
  {
    name: "endpoints-changed",
    about: "endpoints are added and removed through the control plane twice a second",
    disturb: changeEndpoints,
  },
  {
    name: "control-plane-killed",
    about: "the control plane is killed and comes back with other routes",
    disturb: killControlPlane,
  },
  {
    name: "listeners-replaced",
    about: "listeners are removed, drain, and are replaced by others at the same port",
    load: () => ({ lifetime: 30 }),
    mayTurnAway: true,
    disturb: replaceListeners,
  },
  {
    name: "modules-upgraded",
    about: "the modules are replaced back and forth",
    load: () => ({ lifetime: 30 }),
    disturb: upgradeModules,
  },
  FLIPPED,
  ...CROWD_SCENARIOS,
  filtersUnder([KILLED, FLIPPED]),
];

/** @throws Error when there is none of that name. */
export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found !== undefined) return found;
  throw new Error(`no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(" ")}`);
}
