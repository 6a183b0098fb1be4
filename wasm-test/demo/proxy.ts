// The control plane and a stock Envoy, as a user would start them.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ChildProcess } from "../envoy/support/child-process.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { Envoy } from "../envoy/support/envoy.js";

const COMMAND = fileURLToPath(new URL("../../controlplane/dist/cli/main.js", import.meta.url));
const SERVING = /serving xDS on (\S+), admin on http:\/\/(\S+)/;

export class DemoProxy {
  private constructor(
    private readonly controlPlane: ChildProcess,
    private readonly envoy: Envoy,
    /** Of the control plane. */
    readonly adminAddress: string,
  ) {}

  /** Returns when the listeners of these names are bound. */
  static async start(config: string, listeners: readonly string[]): Promise<DemoProxy> {
    const any = "127.0.0.1:0";
    const controlPlane = new ChildProcess({
      name: "metaproto serve",
      command: process.execPath,
      args: [COMMAND, "serve", "--config", config, "--xds-address", any, "--admin-address", any],
    });
    const serving = await waitUntil(
      "the control plane to serve",
      () => SERVING.exec(controlPlane.output().join("\n")) ?? undefined,
      {
        abandonIf: () => (controlPlane.exitStatus === undefined ? undefined : controlPlane.tail()),
      },
    );
    const [, xdsAddress = "", adminAddress = ""] = serving;
    const bootstrap = execFileSync(
      process.execPath,
      [COMMAND, "bootstrap", "--node-id", "demo", "--xds-address", xdsAddress],
      { encoding: "utf8" },
    );
    const envoy = await Envoy.start({ bootstrap, logLevel: "warning" });
    for (const name of listeners) await envoy.listenerPort(name);
    return new DemoProxy(controlPlane, envoy, adminAddress);
  }

  get envoyAdminPort(): number {
    return this.envoy.adminPort;
  }

  /** Client connections that Envoy has accepted, and those that have ended. Clients still run. */
  async downstreamConnections(): Promise<{ opened: number; lost: number }> {
    const stats = await this.envoy.stats(
      "^listener\\.127\\.0\\.0\\.1_\\d+\\.downstream_cx_(total|active)$",
    );
    let opened = 0;
    let active = 0;
    for (const [name, value] of stats) {
      if (name.endsWith("_total")) opened += value;
      else active += value;
    }
    return { opened, lost: opened - active };
  }

  async stop(): Promise<void> {
    await this.envoy.stop();
    await this.controlPlane.stop("SIGTERM");
  }
}
