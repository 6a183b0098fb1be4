// A test host that runs the probe (testdata/probe), and clients that give it commands.

import { builtModule } from "../../modules/built-module.js";
import { TestHost, type Client, type TestHostOptions } from "../index.js";

/** The compiled probe. */
export const PROBE_MODULE = await builtModule("test/host-probe");

export class ProbeHost {
  readonly host: TestHost;

  private constructor(host: TestHost) {
    this.host = host;
    this.takeLog();
  }

  static start(options: Omit<TestHostOptions, "module"> = {}): ProbeHost {
    return new ProbeHost(new TestHost({ module: PROBE_MODULE, pluginName: "probe", ...options }));
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
