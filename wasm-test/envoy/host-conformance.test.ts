// The scenarios of wasm-test/host/conformance in a real Envoy: what it does must be what the recorded
// transcript says, to which the test host is held as well.
// METAPROTO_RECORD=1 writes the transcripts anew; the diff then is what an Envoy version has changed.

import { readFileSync, writeFileSync } from "node:fs";
import { createServer, connect, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { buildWasm } from "../../scripts/build-wasm.mjs";
import { closesItself } from "../host/conformance/emulated.js";
import {
  OVERFULL_READ_BUFFER,
  SCENARIOS,
  mostBytesSeen,
  serverAction,
  type Scenario,
  type Step,
} from "../host/conformance/scenarios.js";
import {
  formatTranscripts,
  normalize,
  parseTranscripts,
  type Transcript,
} from "../host/conformance/transcript.js";
import { probeBootstrap } from "./host-conformance-bootstrap.js";
import { pause } from "./support/deadline.js";
import { Envoy } from "./support/envoy.js";
import { freePort } from "./support/ports.js";

const RECORDS = process.env["METAPROTO_RECORD"] !== undefined;
/** Envoy's default, and the least it reads at once. */
const BUFFER_LIMIT_BYTES = 1024 * 1024;
const READ_SLICE_BYTES = 16 * 1024;
/** Long enough for everything a step causes on one machine, connect timeouts apart. */
const STEP_MS = 100;
/** Before it: name, root_id and, except for a root context, vm_id of the plugin. */
const MARKER = /wasm log(?: probe)+: (.*)$/;

/** The scripted server of the scenarios. */
class ProbeServer {
  seen: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#accept(socket);
    });
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  }

  /** Ends what a scenario has left open, so that the next one starts with nothing. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.seen = [];
  }

  close(): void {
    this.reset();
    this.#server.close();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.on("end", () => socket.end());
    socket.on("data", (bytes) => {
      this.#answer(socket, bytes.toString());
    });
  }

  #answer(socket: Socket, text: string): void {
    this.seen.push(`received ${text}`);
    const action = serverAction(text);
    if (action === "echo") socket.write(`echo:${text}`);
    if (action === "end") socket.end();
    if (action === "reset") socket.resetAndDestroy();
  }
}

/** A client of the listener, and what it has seen. */
class ProbeClient {
  received = "";
  closed = false;
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (bytes) => (this.received += bytes.toString()));
    this.#socket.on("close", () => (this.closed = true));
    this.#socket.on("error", () => undefined);
  }

  async apply(step: Step): Promise<void> {
    if ("send" in step) this.#socket.write(step.send);
    else if ("sendZeros" in step) this.#socket.write(Buffer.alloc(step.sendZeros, "0"));
    else if ("waitMs" in step) await pause(step.waitMs);
    else if ("end" in step) this.#socket.end();
    else this.#socket.resetAndDestroy();
    await pause(STEP_MS);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

describe.each(["1.36.2", "1.40.0"])("Envoy %s", (version) => {
  const file = new URL(
    `../host/conformance/transcripts/envoy-${version.slice(0, 4)}.txt`,
    import.meta.url,
  );
  const recorded = RECORDS ? new Map() : parseTranscripts(readFileSync(file, "utf8"));
  const seen = new Map<string, Transcript>();
  const server = new ProbeServer();
  let envoy: Envoy;
  let port: number;

  beforeAll(async () => {
    const module = await buildWasm("test/host-probe");
    const serverPort = await server.listen();
    const refusedPort = await freePort();
    const bootstrap = probeBootstrap({ module, serverPort, refusedPort });
    const args = ["--component-log-level", "wasm:info"];
    envoy = await Envoy.start({ bootstrap, version, logLevel: "warning", args });
    port = await envoy.listenerPort("probe");
  });

  afterAll(async () => {
    server.close();
    await envoy.stop();
    if (RECORDS) writeFileSync(file, formatTranscripts(seen));
  });

  async function runReal(scenario: Scenario): Promise<Transcript> {
    const client = new ProbeClient(port);
    await pause(STEP_MS);
    const logged = envoy.log().length;
    for (const step of scenario.steps) await client.apply(step);
    await pause(STEP_MS);
    const lines = envoy.log().slice(logged);
    const transcript = {
      module: normalize(lines.flatMap((line) => MARKER.exec(line)?.[1] ?? [])),
      client: [
        ...(client.received === "" ? [] : [`received ${client.received}`]),
        ...(client.closed && !closesItself(scenario) ? ["closed"] : []),
      ],
      server: server.seen,
    };
    client.destroy();
    server.reset();
    await pause(STEP_MS);
    return transcript;
  }

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
