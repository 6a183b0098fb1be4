// Thrift through the switchboard in a stock Envoy; the rest is in switchboard-thrift.smoke.test.ts.
import { afterEach, describe } from "vitest";
import { thriftScenarios } from "../switchboard/scenarios/thrift-scenarios.js";
import { EnvoyWorld } from "./support/envoy-world.js";

const world = new EnvoyWorld();

afterEach(() => world.close());

describe(`Thrift in Envoy ${world.name}`, () => {
  thriftScenarios(world);
});
