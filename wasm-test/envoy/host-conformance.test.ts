// The scenarios of wasm-test/host/conformance in a real Envoy: what it does must be what the recorded
// transcript says, to which the test host is held as well.
// METAPROTO_RECORD=1 writes the transcripts anew; the diff then is what an Envoy version has changed.

import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { buildWasm } from "../../scripts/build-wasm.mjs";
import { closesItself } from "../host/conformance/emulated.js";
import {
  OVERFULL_READ_BUFFER,
  SCENARIOS,
  mostBytesSeen,
  type Scenario,
} from "../host/conformance/scenarios.js";
import { HTTP_SCENARIOS, type HttpScenario } from "../host/conformance/http-scenarios.js";
import {
  formatTranscripts,
  normalize,
  parseTranscripts,
  type Transcript,
} from "../host/conformance/transcript.js";
import { ProbeClient, ProbeHttpServer, ProbeServer, sendHttp } from "./host-conformance-peers.js";
import { probeBootstrap } from "./host-conformance-bootstrap.js";
import { waitUntil } from "./support/deadline.js";
import { Envoy } from "./support/envoy.js";
import { freePort } from "./support/ports.js";

const RECORDS = process.env["METAPROTO_RECORD"] !== undefined;
/** Envoy's default, and the least it reads at once. */
const BUFFER_LIMIT_BYTES = 1024 * 1024;
const READ_SLICE_BYTES = 16 * 1024;
/** The last line of the probe about a new connection. */
const ACCEPTED = "set buffer -> 2";
/** Nothing has happened for so long: a step has had its effect. */
const QUIET_MS = 100;
/** A recorded line that has not come by then will not. */
const DEADLINE_MS = 5_000;
/** Before it: name, root_id and, except for a root context, vm_id of the plugin. */
const MARKER = /wasm log(?: probe)+: (.*)$/;

describe.each(["1.36.2", "1.40.0"])("Envoy %s", (version) => {
  const file = new URL(
    `../host/conformance/transcripts/envoy-${version.slice(0, 4)}.txt`,
    import.meta.url,
  );
  const recorded: ReadonlyMap<string, Transcript> = RECORDS
    ? new Map()
    : parseTranscripts(readFileSync(file, "utf8"));
  const seen = new Map<string, Transcript>();
  const server = new ProbeServer();
  const httpServer = new ProbeHttpServer();
  let envoy: Envoy;
  let port: number;
  let httpPort: number;

  beforeAll(async () => {
    const module = await buildWasm("test/host-probe");
    const serverPort = await server.listen();
    const httpServerPort = await httpServer.listen();
    const refusedPort = await freePort();
    const bootstrap = probeBootstrap({ module, serverPort, httpServerPort, refusedPort });
    const args = ["--component-log-level", "wasm:info"];
    envoy = await Envoy.start({ bootstrap, version, logLevel: "warning", args });
    port = await envoy.listenerPort("probe");
    httpPort = await envoy.listenerPort("http");
  });

  afterAll(async () => {
    server.close();
    httpServer.close();
    await envoy.stop();
    if (RECORDS) writeFileSync(file, formatTranscripts(seen));
  });

  /** Lines of the probe from position `from` of Envoy's log on. */
  const probeLines = (from: number): string[] =>
    envoy
      .log()
      .slice(from)
      .flatMap((line) => MARKER.exec(line)?.[1] ?? []);

  /** Resolves when neither Envoy nor the peers have done anything for a while. */
  async function settle(): Promise<void> {
    const activity = () => envoy.log().length + server.activity + httpServer.seen.length;
    let last = activity();
    let since = Date.now();
    await waitUntil("quiet", () => {
      const now = activity();
      if (now !== last) since = Date.now();
      last = now;
      return Date.now() - since >= QUIET_MS;
    });
  }

  /** Also waits for lines that the transcript has and Envoy has not logged yet: the machine may be slow. */
  async function settleAtEnd(title: string, from: number): Promise<void> {
    const expected = recorded.get(title)?.module.length ?? 0;
    const deadline = Date.now() + DEADLINE_MS;
    await waitUntil(
      "the recorded lines",
      () => probeLines(from).length >= expected || Date.now() > deadline,
    );
    await settle();
  }

  async function runReal(scenario: Scenario): Promise<Transcript> {
    const before = envoy.log().length;
    const client = new ProbeClient(port);
    const isAccepted = () => probeLines(before).some((line) => line.endsWith(ACCEPTED));
    await waitUntil("the connection", isAccepted);
    const from = envoy.log().length;
    for (const step of scenario.steps) {
      await client.apply(step);
      await settle();
    }
    await settleAtEnd(scenario.title, from);
    const transcript = {
      module: normalize(probeLines(from)),
      client: [
        ...(client.received === "" ? [] : [`received ${client.received}`]),
        ...(client.closed && !closesItself(scenario) ? ["closed"] : []),
      ],
      server: server.seen,
    };
    client.destroy();
    server.reset();
    await settle();
    return transcript;
  }

  async function runRealHttp(scenario: HttpScenario): Promise<Transcript> {
    httpServer.seen = [];
    const from = envoy.log().length;
    const client = await sendHttp(httpPort, scenario, QUIET_MS / 2);
    await settleAtEnd(scenario.title, from);
    return { module: normalize(probeLines(from)), client: [client], server: httpServer.seen };
  }

  test.each(HTTP_SCENARIOS)("$title", async (scenario) => {
    const transcript = await runRealHttp(scenario);
    seen.set(scenario.title, transcript);
    if (!RECORDS) expect(transcript).toEqual(recorded.get(scenario.title));
  });

  test.each(SCENARIOS)("$title", async (scenario) => {
    const transcript = await runReal(scenario);
    seen.set(scenario.title, transcript);
    if (!RECORDS) expect(transcript).toEqual(recorded.get(scenario.title));
  });

  test(OVERFULL_READ_BUFFER.title, async () => {
    const most = mostBytesSeen(await runReal(OVERFULL_READ_BUFFER));
    expect(most).toBeGreaterThan(BUFFER_LIMIT_BYTES);
    expect(most).toBeLessThanOrEqual(BUFFER_LIMIT_BYTES + READ_SLICE_BYTES);
  });
});
