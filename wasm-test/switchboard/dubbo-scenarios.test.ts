// The scenarios that also run in a real Envoy (wasm-test/envoy/switchboard-*.test.ts).
import { afterEach, describe } from "vitest";
import { dubboBytesScenarios } from "./scenarios/dubbo-bytes-scenarios.js";
import {
  dubboRoutesScenarios,
  dubboRoutesSmokeScenarios,
} from "./scenarios/dubbo-routes-scenarios.js";
import { dubboScenarios, dubboSmokeScenarios } from "./scenarios/dubbo-scenarios.js";
import { EmulatedWorld } from "./scenarios/emulated-world.js";

const world = new EmulatedWorld();

afterEach(() => world.close());

describe("Dubbo in the emulator", () => {
  dubboSmokeScenarios(world);
  dubboScenarios(world);
  dubboBytesScenarios(world);
  dubboRoutesSmokeScenarios(world);
  dubboRoutesScenarios(world);
});
