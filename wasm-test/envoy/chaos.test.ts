// Every disturbance for a moment, under load, in a stock Envoy: no request is lost, no answer is someone
// else's, none comes twice, and afterwards nothing is left. `npm run chaos` does the same for minutes.
import { afterAll, expect, test } from "vitest";
import { missingChaosPrograms } from "../chaos/checked-load.js";
import { MIXED } from "../chaos/mixed-scenario.js";
import { ScenarioRun, memoryFaults } from "../chaos/run-scenario.js";
import { SCENARIOS } from "../chaos/scenarios.js";
import { describeWith } from "./support/describe-with.js";

const SHORT = { rounds: 2, mostRounds: 8, seconds: 1, seed: 1 };

describeWith("requests and answers stay together", [missingChaosPrograms()], () => {
  const run = new ScenarioRun();

  // Also looks whether Envoy is still there and has logged no failure.
  afterAll(() => run.stop());

  test.each([...SCENARIOS, MIXED].map((scenario) => [scenario.name, scenario] as const))(
    "%s",
    async (_, scenario) => {
      const results = await run.scenario(scenario, SHORT);
      expect(results.flatMap(({ faults }) => faults)).toEqual([]);
      expect(memoryFaults(scenario, results)).toEqual([]);
    },
  );
});
