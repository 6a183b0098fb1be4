// Everything that can happen together, in random pairs: something to the servers, something to the
// configuration.
import { Round, type Scenario } from "./scenario.js";
import { scenarioOf } from "./scenarios.js";

const OF_SERVERS = ["calm", "servers-killed", "servers-late", "servers-silent", "servers-mad"];
const OF_CONFIGURATION = [
  ...["calm", "endpoints-changed", "control-plane-killed", "listeners-replaced"],
  ...["modules-upgraded", "routes-flipped"],
];
/** It does something to both. */
const ALONE = "endpoints-gone";

const DISTURBED_SECONDS = 8;
const CALM_MS = 4000;

export const MIXED: Scenario = {
  name: "mixed",
  about: "pairs of disturbances at random, one of servers and one of the configuration",
  // They come and go, sooner than a drained listener closes on them; some leave with requests outstanding.
  load: () => ({ connections: 200, inFlight: 4, lifetime: 5 }),
  mayTurnAway: true,
  // A round with an upgrade has two VMs for a while where one without has one.
  levelRounds: 10,
  disturb: async (world, round) => {
    do {
      const names =
        round.below(6) === 0 ? [ALONE] : [round.of(OF_SERVERS), round.of(OF_CONFIGURATION)];
      const part = new Round(
        round.loads,
        Math.min(DISTURBED_SECONDS, round.secondsLeft),
        round.below(1e6),
      );
      await Promise.all(names.map((name) => scenarioOf(name).disturb(world, part)));
      await world.restore();
      await round.pause(CALM_MS);
    } while (!round.isOver);
  },
  recover: (world) => world.renewServers(),
};
