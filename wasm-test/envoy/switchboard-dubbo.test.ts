// Dubbo through the switchboard in a stock Envoy; the rest is in switchboard-dubbo.smoke.test.ts.
import { afterEach, describe } from "vitest";
import { dubboBytesScenarios } from "../switchboard/scenarios/dubbo-bytes-scenarios.js";
import { dubboRoutesScenarios } from "../switchboard/scenarios/dubbo-routes-scenarios.js";
import { dubboScenarios } from "../switchboard/scenarios/dubbo-scenarios.js";
import { EnvoyWorld } from "./support/envoy-world.js";

const world = new EnvoyWorld();

afterEach(() => world.close());

describe(`Dubbo in Envoy ${world.name}`, () => {
  dubboScenarios(world);
  dubboBytesScenarios(world);
  dubboRoutesScenarios(world);
});
