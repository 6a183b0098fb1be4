// Dubbo through the switchboard in a stock Envoy: what must hold in every supported version.
import { afterEach, describe } from "vitest";
import { dubboRoutesSmokeScenarios } from "../switchboard/scenarios/dubbo-routes-scenarios.js";
import { dubboSmokeScenarios } from "../switchboard/scenarios/dubbo-scenarios.js";
import { EnvoyWorld } from "./support/envoy-world.js";

const world = new EnvoyWorld();

afterEach(() => world.close());

describe(`Dubbo in Envoy ${world.name}`, () => {
  dubboSmokeScenarios(world);
  dubboRoutesSmokeScenarios(world);
});
