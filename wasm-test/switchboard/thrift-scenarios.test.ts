// The scenarios that also run in a real Envoy (wasm-test/envoy/switchboard-*.test.ts).
import { afterEach, describe } from "vitest";
import { EmulatedWorld } from "./scenarios/emulated-world.js";
import { thriftScenarios, thriftSmokeScenarios } from "./scenarios/thrift-scenarios.js";

const world = new EmulatedWorld();

afterEach(() => world.close());

describe("Thrift in the emulator", () => {
  thriftSmokeScenarios(world);
  thriftScenarios(world);
});
