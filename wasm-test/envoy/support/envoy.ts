// A stock Envoy under test: started from a bootstrap, watched through its admin interface, stopped.
// A crash, a critical log line or a failed wasm VM fails the test that stops it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { ChildProcess } from "./child-process.js";
import { type WaitOptions, waitUntil } from "./deadline.js";
import { envoyBinary } from "./envoy-binary.js";
import { failuresInLog } from "./envoy-log.js";

/** How to start an Envoy. */
export interface EnvoyOptions {
  /** envoy.config.bootstrap.v3.Bootstrap as an object or YAML; its admin address is replaced. */
  readonly bootstrap: object | string;
  /** Exact version, see `envoyBinary`. */
  readonly version?: string;
  /** Worker threads; default 1. */
  readonly concurrency?: number;
  /** Envoy's --log-level; default "info". */
  readonly logLevel?: string;
  /** Further arguments. */
  readonly args?: readonly string[];
  /** Working directory: relative file names in the bootstrap are resolved against it. */
  readonly cwd?: string;
  /** Time until the server is live; default 20 000 ms. Without `waitUntilLive` only admin is awaited. */
  readonly timeoutMs?: number;
  /** Default true. False for an Envoy whose control plane comes later. */
  readonly waitUntilLive?: boolean;
  /** Log lines that the test expects and that must not fail it. */
  readonly expectedFailures?: RegExp;
}

interface ListenerStatus {
  readonly name: string;
  readonly local_address?: { readonly socket_address?: { readonly port_value?: number } };
}

/** Clock ticks per second of /proc/PID/stat: USER_HZ is 100 on every Linux that runs Envoy. */
const TICKS_PER_SECOND = 100;

/** A running Envoy. Call `stop` in the test's clean-up, always. */
export class Envoy {
  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    private readonly expectedFailures: RegExp | undefined,
    /** Port of the admin interface on 127.0.0.1. */
    readonly adminPort: number,
  ) {}

  /** @throws Error with the end of Envoy's log when it does not become live in time. */
  static async start(options: EnvoyOptions): Promise<Envoy> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-envoy-"));
    const process = spawnEnvoy(options, folder);
    try {
      const adminPort = await readAdminPort(process, join(folder, "admin-address"), options);
      const envoy = new Envoy(process, folder, options.expectedFailures, adminPort);
      if (options.waitUntilLive ?? true) await envoy.waitUntilLive(options);
      return envoy;
    } catch (error) {
      await process.stop("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      const cause = error instanceof Error ? error.message : String(error);
      throw new Error(`Envoy did not start: ${cause}\n${process.tail()}`, { cause: error });
    }
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Body of an admin path such as "/clusters". @throws Error on any status but 200. */
  async admin(path: string, method: "GET" | "POST" = "GET"): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${String(this.adminPort)}${path}`, {
      method,
      signal: AbortSignal.timeout(10_000),
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`admin ${path}: ${String(response.status)} ${body}`);
    return body;
  }

  /** /config_dump, parsed. */
  async configDump(query = ""): Promise<unknown> {
    return JSON.parse(await this.admin(`/config_dump${query}`)) as unknown;
  }

  /** Counters and gauges by name. @param filter Envoy's own regular expression (RE2, unanchored). */
  async stats(filter = ""): Promise<Map<string, number>> {
    const query = filter === "" ? "" : `?filter=${encodeURIComponent(filter)}`;
    const values = new Map<string, number>();
    for (const line of (await this.admin(`/stats${query}`)).split("\n")) {
      const match = /^(.*): (\d+)$/.exec(line);
      if (match?.[1] !== undefined) values.set(match[1], Number(match[2]));
    }
    return values;
  }

  /** One counter or gauge; 0 when Envoy does not have it (yet). */
  async stat(name: string): Promise<number> {
    const filter = `^${name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
    return (await this.stats(filter)).get(name) ?? 0;
  }

  /** Waits until `condition` holds for a counter or gauge and returns its value. */
  waitForStat(
    name: string,
    condition: (value: number) => boolean,
    options: WaitOptions = {},
  ): Promise<number> {
    return waitUntil(
      `stat ${name} as expected`,
      async () => {
        const value = await this.stat(name);
        return condition(value) ? value : undefined;
      },
      { abandonIf: this.ended, ...options },
    );
  }

  /** Waits for a listener that is bound and returns its TCP port (also when configured as 0). */
  listenerPort(name: string, options: WaitOptions = {}): Promise<number> {
    return waitUntil(
      `listener ${name} bound`,
      async () => {
        const body: unknown = JSON.parse(await this.admin("/listeners?format=json"));
        const { listener_statuses: statuses = [] } = body as {
          listener_statuses?: readonly ListenerStatus[];
        };
        const listener = statuses.find((status) => status.name === name);
        const port = listener?.local_address?.socket_address?.port_value ?? 0;
        return port > 0 ? port : undefined;
      },
      { abandonIf: this.ended, ...options },
    );
  }

  /** Waits until /ready answers: bootstrap, clusters and listeners are warm. */
  async waitUntilLive(options: WaitOptions = {}): Promise<void> {
    await waitUntil("Envoy live", async () => (await this.admin("/ready")).startsWith("LIVE"), {
      timeoutMs: 20_000,
      abandonIf: this.ended,
      ...options,
    });
  }

  /** CPU time spent by all threads so far, user and system, in milliseconds (10 ms steps). */
  cpuTimeMs(): number {
    const stat = readFileSync(`/proc/${String(this.pid)}/stat`, "utf8");
    // Field 2 is the command in parentheses and may hold blanks; 14 and 15 are utime and stime.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${String(this.pid)}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  }

  /** Calls `listener` for each later line of the log. */
  onLog(listener: (line: string) => void): void {
    this.process.onOutput(listener);
  }

  log(): readonly string[] {
    return this.process.output();
  }

  /** Log lines that fail the test when it stops Envoy. */
  failures(): string[] {
    const failures = failuresInLog(this.log());
    const { expectedFailures } = this;
    return expectedFailures === undefined
      ? failures
      : failures.filter((line) => !expectedFailures.test(line));
  }

  /** Kills the process at once, as a crash of the machine would. */
  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @throws Error when Envoy had ended by itself, or logged a failure that was not expected. */
  async stop(): Promise<void> {
    const early = this.process.exitStatus;
    const status = await this.process.stop();
    rmSync(this.folder, { recursive: true, force: true });
    const failures = this.failures();
    if (early === undefined && status.code === 0 && failures.length === 0) return;
    const ended = `exit code ${String(status.code)}, signal ${String(status.signal)}`;
    const when = early === undefined ? `when stopped (${ended})` : `by itself (${ended})`;
    const reason =
      failures.length > 0 ? `logged a failure:\n${failures.join("\n")}` : `ended ${when}`;
    throw new Error(`Envoy ${reason}\nEnd of its log:\n${this.process.tail()}`);
  }

  private readonly ended = (): string | undefined =>
    this.process.exitStatus === undefined ? undefined : "Envoy has ended";
}

function spawnEnvoy(options: EnvoyOptions, folder: string): ChildProcess {
  const { bootstrap } = options;
  const configuration = (typeof bootstrap === "string" ? parse(bootstrap) : bootstrap) as object;
  const address = { socket_address: { address: "127.0.0.1", port_value: 0 } };
  const file = join(folder, "bootstrap.json");
  writeFileSync(file, JSON.stringify({ ...configuration, admin: { address } }));
  return new ChildProcess({
    name: "envoy",
    command: envoyBinary(options.version),
    args: [
      ...["--config-path", file],
      ...["--admin-address-path", join(folder, "admin-address")],
      ...["--concurrency", String(options.concurrency ?? 1)],
      ...["--log-level", options.logLevel ?? "info"],
      "--disable-hot-restart",
      ...(options.args ?? []),
    ],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}

async function readAdminPort(
  process: ChildProcess,
  file: string,
  options: EnvoyOptions,
): Promise<number> {
  return waitUntil(
    "admin interface up",
    () => {
      const port = Number(/:(\d+)\s*$/.exec(readFileSync(file, "utf8"))?.[1] ?? 0);
      return port > 0 ? port : undefined;
    },
    {
      timeoutMs: options.timeoutMs ?? 20_000,
      // An Envoy that refused its bootstrap is known at once; waiting longer would hide why.
      abandonIf: () => (process.exitStatus === undefined ? undefined : "it ended at once"),
    },
  );
}
