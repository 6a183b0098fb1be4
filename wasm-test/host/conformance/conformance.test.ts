// The test host against what real Envoys were seen to do: the transcripts that
// wasm-test/envoy/host-conformance.test.ts records and checks.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { PROBE_MODULE } from "../testing/probe-host.js";
import { runEmulatedHttp } from "./emulated-http.js";
import { runEmulated } from "./emulated.js";
import { OVERFULL_READ_BUFFER, SCENARIOS, mostBytesSeen } from "./scenarios.js";
import { HTTP_SCENARIOS } from "./http-scenarios.js";
import { parseTranscripts } from "./transcript.js";

describe.each(["1.36", "1.40"] as const)("as Envoy %s", (version) => {
  const file = new URL(`./transcripts/envoy-${version}.txt`, import.meta.url);
  const transcripts = parseTranscripts(readFileSync(file, "utf8"));

  test.each(SCENARIOS)("$title", (scenario) => {
    expect(runEmulated(scenario, PROBE_MODULE, version)).toEqual(transcripts.get(scenario.title));
  });

  test.each(HTTP_SCENARIOS)("$title", (scenario) => {
    expect(runEmulatedHttp(scenario, PROBE_MODULE)).toEqual(transcripts.get(scenario.title));
  });

  test(OVERFULL_READ_BUFFER.title, () => {
    const most = mostBytesSeen(runEmulated(OVERFULL_READ_BUFFER, PROBE_MODULE, version));
    expect(most).toBe(1024 * 1024 + 16 * 1024);
  });
});
