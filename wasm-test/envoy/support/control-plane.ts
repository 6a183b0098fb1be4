// The `metaproto` command under test: `serve` on a directory of its own, edited as an operator would,
// killed and restarted; and every other command run against it.
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ChildProcess } from "./child-process.js";
import { type WaitOptions, waitUntil } from "./deadline.js";
import { freePort } from "./ports.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const COMMAND = `${ROOT}controlplane/dist/cli/main.js`;
const MODULES = [
  "awesomerpc",
  "bolt",
  "brpc",
  "dubbo",
  "frame",
  "kafka",
  "redis",
  "tars",
  "thrift",
  "trpc",
  "zookeeper",
];

/** What a command printed and how it ended. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `metaproto` to its end. */
export function metaproto(...args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [COMMAND, ...args], (error, stdout, stderr) => {
      if (child.exitCode === null)
        reject(new Error(`metaproto ${args.join(" ")}`, { cause: error }));
      else resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

/** What /debug/proxies tells of one resource type of one stream. */
export interface TypeStatus {
  readonly type: string;
  readonly state: "synced" | "pending" | "refused";
  readonly resources: readonly { readonly name: string; readonly acceptedVersion?: string }[];
  readonly missing: readonly string[];
}

/** One stream of a proxy: its own, or that of a module in one of its workers. */
export interface StreamStatus {
  readonly role: "proxy" | "module";
  readonly types: readonly TypeStatus[];
}

/** A connected proxy. */
export interface ProxyStatus {
  readonly node: string;
  readonly streams: readonly StreamStatus[];
}

/** A running `metaproto serve`. Call `stop` in the test's clean-up, always. */
export class ControlPlane {
  private process: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    /** Fixed, so that proxies find it again after a restart. */
    private readonly xdsPort: number,
    private readonly adminPort: number,
    private readonly serveArgs: readonly string[],
  ) {}

  /**
   * Starts it with these files in its directory, and with copies of the built modules, so that a
   * build that runs meanwhile replaces nothing.
   *
   * @param serveArgs further arguments of `metaproto serve`.
   */
  static async start(
    files: Readonly<Record<string, string>>,
    serveArgs: readonly string[] = [],
  ): Promise<ControlPlane> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-control-plane-"));
    const controlPlane = new ControlPlane(folder, await freePort(), await freePort(), serveArgs);
    mkdirSync(controlPlane.configFolder);
    mkdirSync(controlPlane.modulesFolder);
    for (const name of MODULES) {
      const built = `${ROOT}build/${name}.wasm`;
      if (existsSync(built)) cpSync(built, controlPlane.modulePath(name));
    }
    for (const [name, text] of Object.entries(files)) controlPlane.write(name, text);
    try {
      await controlPlane.serve();
    } catch (error) {
      await controlPlane.stop();
      throw error;
    }
    return controlPlane;
  }

  get configFolder(): string {
    return join(this.folder, "config");
  }

  get modulesFolder(): string {
    return join(this.folder, "modules");
  }

  /** `127.0.0.1:<port>`, for `--admin-address`. */
  get adminAddress(): string {
    return `127.0.0.1:${String(this.adminPort)}`;
  }

  get xdsAddress(): string {
    return `127.0.0.1:${String(this.xdsPort)}`;
  }

  modulePath(name: string): string {
    return join(this.modulesFolder, `${name}.wasm`);
  }

  /** Bootstrap of a proxy, as the command prints it. */
  async bootstrap(nodeId: string): Promise<string> {
    const args = ["bootstrap", "--node-id", nodeId, "--xds-address", this.xdsAddress];
    const { code, stdout, stderr } = await metaproto(...args);
    if (code !== 0) throw new Error(`metaproto bootstrap: ${stderr}`);
    return stdout;
  }

  /** A command that asks this control plane. */
  command(...args: readonly string[]): Promise<CommandResult> {
    return metaproto(...args, "--admin-address", this.adminAddress);
  }

  /** Replaces a file of the configuration, or of the modules by an absolute path, at once. */
  write(name: string, content: string | Uint8Array): void {
    const path = name.startsWith("/") ? name : join(this.configFolder, name);
    writeFileSync(`${path}.partial`, content);
    renameSync(`${path}.partial`, path);
  }

  remove(name: string): void {
    rmSync(join(this.configFolder, name));
  }

  /**
   * Replaces a file whose new content makes a difference to proxies, and waits until each of them has
   * accepted what there is.
   */
  async edit(name: string, content: string | Uint8Array): Promise<void> {
    const before = await this.snapshotVersion();
    this.write(name, content);
    await waitUntil(
      `another snapshot after the edit of ${name}`,
      async () => (await this.snapshotVersion()) !== before,
      { abandonIf: this.ended },
    );
    await this.waitUntilSynced();
  }

  /** Version of everything that is served. */
  async snapshotVersion(): Promise<string> {
    const { body } = await this.admin("/debug/snapshot?type=none");
    return (JSON.parse(body) as { version: string }).version;
  }

  async proxies(): Promise<readonly ProxyStatus[]> {
    const { body } = await this.admin("/debug/proxies");
    return (JSON.parse(body) as { proxies: readonly ProxyStatus[] }).proxies;
  }

  /** Faults of the resources, one line each. */
  async faults(): Promise<readonly string[]> {
    const { body } = await this.admin("/debug/resources");
    return (JSON.parse(body) as { faults: readonly string[] }).faults;
  }

  /** Waits until at least one proxy is connected and all have accepted everything. */
  async waitUntilSynced(options: WaitOptions = {}): Promise<void> {
    await waitUntil(
      "every proxy in step with the control plane",
      async () => {
        const streams = (await this.proxies()).flatMap((proxy) => proxy.streams);
        const types = streams.flatMap((stream) => stream.types);
        return types.length > 0 && types.every(({ state }) => state === "synced");
      },
      { timeoutMs: 20_000, abandonIf: this.ended, ...options },
    );
  }

  /** Status and body of an admin path. */
  async admin(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`http://${this.adminAddress}${path}`, {
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, body: await response.text() };
  }

  /** Of the running process; 0 when there is none. */
  get pid(): number {
    return this.process?.pid ?? 0;
  }

  log(): readonly string[] {
    return this.process?.output() ?? [];
  }

  /** Kills it, as a crash would. The configuration stays. */
  async kill(): Promise<void> {
    await this.process?.stop("SIGKILL");
    this.process = undefined;
  }

  /** Starts it again after `kill`, at the same addresses. */
  async restart(): Promise<void> {
    await this.serve();
  }

  /** Ends it and removes its files. */
  async stop(): Promise<void> {
    await this.process?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async serve(): Promise<void> {
    if (!existsSync(COMMAND)) throw new Error(`${COMMAND} was not built: run scripts/setup`);
    const child = new ChildProcess({
      name: "metaproto serve",
      command: process.execPath,
      args: [
        ...[COMMAND, "serve", "--config", this.configFolder, "--modules", this.modulesFolder],
        ...["--xds-address", this.xdsAddress, "--admin-address", this.adminAddress],
        ...["--bind", "127.0.0.1", ...this.serveArgs],
      ],
    });
    this.process = child;
    // Its log says it last, when proxies can connect too.
    await waitUntil(
      "control plane serving",
      () => child.output().some((line) => line.includes("serving xDS on")),
      { timeoutMs: 30_000, abandonIf: () => this.ended() && child.tail() },
    );
  }

  private readonly ended = (): string | undefined =>
    this.process?.exitStatus === undefined ? undefined : "the control plane has ended";
}
