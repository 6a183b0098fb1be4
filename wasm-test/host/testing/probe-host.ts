// A test host that runs the probe (testdata/probe), and clients that give it commands.

import { readFileSync } from "node:fs";

import { buildWasm } from "../../../scripts/build-wasm.mjs";
import { TestHost, type Client, type TestHostOptions } from "../index.js";

export class ProbeHost {
  readonly host: TestHost;

  private constructor(host: TestHost) {
    this.host = host;
    this.takeLog();
  }

  static async start(options: Omit<TestHostOptions, "module"> = {}): Promise<ProbeHost> {
    const module = readFileSync(await buildWasm("test/host-probe"));
    return new ProbeHost(new TestHost({ module, pluginName: "probe", ...options }));
  }

  /** A new client connection, after whose opening the log is empty. */
  connect(worker = 0): Client {
    const client = this.host.connect({ worker });
    this.host.runUntilIdle();
    this.takeLog();
    return client;
  }

  /** Runs commands of a new client and everything that follows from them; returns what the probe logged. */
  run(commands: string, client = this.connect()): string[] {
    client.send(Buffer.from(commands));
    this.host.runUntilIdle();
    return this.takeLog().filter((line) => !line.startsWith("data downstream#"));
  }

  takeLog(): string[] {
    const lines = this.host.logged();
    this.host.logs.length = 0;
    return lines;
  }
}
