// `metaproto controller` on a cluster of the rig.
import { fileURLToPath } from "node:url";
import { ChildProcess } from "../../envoy/support/child-process.js";
import { metaproto } from "../../envoy/support/control-plane.js";
import { waitUntil } from "../../envoy/support/deadline.js";
import { freePort } from "../../envoy/support/ports.js";
import type { ApiServer } from "./api-server.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const COMMAND = `${ROOT}controlplane/dist/cli/main.js`;

export const CONTROLLER_NAMESPACE = "metaproto-system";

/**
 * @property host IP address at which it listens and by which proxies find it
 * @property modules folder
 */
export interface ControllerPlace {
  readonly server: ApiServer;
  readonly host: string;
  readonly modules: string;
}

/** Call `stop` in the test's clean-up, always. */
export class Controller {
  private constructor(
    readonly xdsPort: number,
    private readonly adminPort: number,
    private readonly spawn: () => ChildProcess,
    private process: ChildProcess,
  ) {}

  /** Resolves when it is ready. */
  static start(server: ApiServer, ...args: readonly string[]): Promise<Controller> {
    return Controller.startAt({ server, host: "127.0.0.1", modules: `${ROOT}build` }, ...args);
  }

  /** The same, for proxies that find it at another address. */
  static async startAt(
    { server, host, modules }: ControllerPlace,
    ...args: readonly string[]
  ): Promise<Controller> {
    const [xdsPort, adminPort] = [await freePort(), await freePort()];
    const spawn = (): ChildProcess =>
      new ChildProcess({
        name: "metaproto controller",
        command: process.execPath,
        args: [
          COMMAND,
          "controller",
          `--kubeconfig=${server.kubeconfig}`,
          `--namespace=${CONTROLLER_NAMESPACE}`,
          `--modules=${modules}`,
          `--xds-address=${host}:${String(xdsPort)}`,
          `--admin-address=127.0.0.1:${String(adminPort)}`,
          `--service-host=${host}`,
          ...args,
        ],
      });
    const controller = new Controller(xdsPort, adminPort, spawn, spawn());
    try {
      await controller.ready();
      return controller;
    } catch (error) {
      await controller.stop();
      throw error;
    }
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
  }

  async killAndRestart(): Promise<void> {
    await this.kill();
    this.process = this.spawn();
    await this.ready();
  }

  /** By node: of each protocol the digest of what runs there, that of what connections begin with first. */
  async running(protocol: string): Promise<Readonly<Record<string, readonly string[]>>> {
    const page = await fetch(`http://127.0.0.1:${String(this.adminPort)}/debug/proxies`);
    const { proxies } = (await page.json()) as {
      readonly proxies: readonly {
        readonly node: string;
        readonly modules: readonly { readonly protocol: string; readonly sha256?: string }[];
      }[];
    };
    return Object.fromEntries(
      proxies.map(({ node, modules }) => [
        node,
        modules.filter((item) => item.protocol === protocol).map(({ sha256 = "" }) => sha256),
      ]),
    );
  }

  /** What `metaproto status` prints. */
  async status(): Promise<string> {
    const address = `127.0.0.1:${String(this.adminPort)}`;
    const { code, stdout, stderr } = await metaproto("status", "--admin-address", address);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  /** @param series with its labels, as `/metrics` has it. */
  readonly metric = async (series: string): Promise<number> =>
    valueOf(await this.metricsPage(), series);

  /** Of all of these; the page is asked for once. */
  async sumOf(series: readonly string[]): Promise<number> {
    const page = await this.metricsPage();
    return series.reduce((sum, name) => sum + valueOf(page, name), 0);
  }

  private async metricsPage(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${String(this.adminPort)}/metrics`)).text();
  }

  /** For `--admin-address`. */
  get adminAddress(): string {
    return `127.0.0.1:${String(this.adminPort)}`;
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get log(): string {
    return this.process.tail();
  }

  async stop(): Promise<void> {
    await this.process.stop("SIGTERM", 5_000);
  }

  private async ready(): Promise<void> {
    const page = `http://127.0.0.1:${String(this.adminPort)}/readyz`;
    const isReady = async (): Promise<boolean> => {
      const answer = await fetch(page);
      if (!answer.ok) throw new Error(`${await answer.text()}\n${this.process.tail()}`);
      return true;
    };
    await waitUntil("the controller is ready", isReady, {
      timeoutMs: 60_000,
      intervalMs: 100,
      abandonIf: () => (this.process.exitStatus === undefined ? undefined : this.process.tail()),
    });
  }
}

function valueOf(page: string, series: string): number {
  const line = page.split("\n").find((item) => item.startsWith(`${series} `));
  return Number(line?.slice(series.length));
}
