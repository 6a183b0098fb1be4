// Thrift through the switchboard in a stock Envoy: what must hold in every supported version.
import { afterEach, describe } from "vitest";
import { thriftSmokeScenarios } from "../switchboard/scenarios/thrift-scenarios.js";
import { EnvoyWorld } from "./support/envoy-world.js";

const world = new EnvoyWorld();

afterEach(() => world.close());

describe(`Thrift in Envoy ${world.name}`, () => {
  thriftSmokeScenarios(world);
});
