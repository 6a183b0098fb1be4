// Real Redis servers on free ports, in memory only, and what else of Redis is at hand.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ChildProcess } from "./child-process.js";
import { waitUntil } from "./deadline.js";
import { missingPeer, type PeerPlace, peerArtifact, placed } from "./peer-process.js";
import { freePort } from "./ports.js";

const SERVER = "redis/redis-server";
const CLI = "redis/redis-cli";
const BENCHMARK = "redis-benchmark/redis-benchmark";
const run = promisify(execFile);

/** Why a server cannot be used here, or undefined. */
export function missingRedis(): string | undefined {
  return missingPeer(SERVER) ?? missingPeer(CLI);
}

export function missingRedisBenchmark(): string | undefined {
  return missingPeer(BENCHMARK);
}

/** Where a server runs that is not one of 127.0.0.1 on a free port. */
export interface RedisPlace {
  /** IP address. */
  readonly host: string;
  readonly port: number;
  readonly place?: PeerPlace;
}

/** A running redis-server, by default on 127.0.0.1. Call `stop` in the test's clean-up, always. */
export class RedisServer {
  private process: ChildProcess;

  private constructor(
    private readonly at: RedisPlace,
    private readonly folder: string,
    private readonly args: readonly string[],
  ) {
    this.process = spawnServer(at, folder, args);
  }

  /** Resolves when it answers. `args`: further ones, such as `--requirepass`. */
  static async start(...args: readonly string[]): Promise<RedisServer> {
    return RedisServer.startAt({ host: "127.0.0.1", port: await freePort() }, ...args);
  }

  static async startAt(at: RedisPlace, ...args: readonly string[]): Promise<RedisServer> {
    const missing = missingRedis();
    if (missing !== undefined) throw new Error(missing);
    const folder = mkdtempSync(join(tmpdir(), "metaproto-redis-"));
    const server = new RedisServer(at, folder, args);
    await server.ready();
    return server;
  }

  get port(): number {
    return this.at.port;
  }

  /** Of one command, as redis-cli prints it; it does not go through any proxy. */
  async command(...command: readonly string[]): Promise<string> {
    const socket = ["-s", join(this.folder, "redis.sock")];
    const { stdout } = await run(peerArtifact(CLI), [...socket, ...command]);
    return stdout.trimEnd();
  }

  /** Kills it, as a crash would. */
  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
  }

  /** Starts it again after `kill`, empty, at the same port. */
  async restart(): Promise<void> {
    this.process = spawnServer(this.at, this.folder, this.args);
    await this.ready();
  }

  async stop(): Promise<void> {
    await this.process.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    try {
      await waitUntil(
        "redis-server answering",
        async () => /^(PONG|NOAUTH)/.test(await this.command("PING")),
        {
          timeoutMs: 30_000,
          abandonIf: () => (this.process.exitStatus === undefined ? undefined : "it has ended"),
        },
      );
    } catch (error) {
      const output = this.process.tail();
      await this.stop();
      throw new Error(`redis-server did not start\n${output}`, { cause: error });
    }
  }
}

function spawnServer(
  { host, port, place }: RedisPlace,
  folder: string,
  args: readonly string[],
): ChildProcess {
  const options = {
    name: `redis-server ${String(port)}`,
    command: peerArtifact(SERVER),
    args: [
      ...["--port", String(port), "--bind", host, "--dir", folder],
      ...["--unixsocket", join(folder, "redis.sock"), "--save", "", "--appendonly", "no", ...args],
    ],
  };
  return new ChildProcess(placed(options, place));
}

/** What redis-cli prints of one command to `host:port`. @param place where it runs. */
export async function redisCli(
  { host, port, place }: RedisPlace,
  ...command: readonly string[]
): Promise<string> {
  const args = ["-h", host, "-p", String(port), ...command];
  const { command: file, args: all } = placed(
    { name: "redis-cli", command: peerArtifact(CLI), args },
    place,
  );
  const { stdout } = await run(file, [...all], { timeout: 30_000 });
  return stdout.trimEnd();
}

/** Runs redis-benchmark against 127.0.0.1; resolves with its lines `"test","requests per second"...`. */
export async function redisBenchmark(port: number, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(
    peerArtifact(BENCHMARK),
    ["-h", "127.0.0.1", "-p", String(port), "--csv", ...args],
    { timeout: 120_000 },
  );
  return stdout + stderr;
}
