// envoyproxy/ratelimit with a Redis of its own: what a global rate limit asks in production.
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ChildProcess } from "./child-process.js";
import { waitUntil } from "./deadline.js";
import { GrpcClient } from "./grpc-call.js";
import { missingPeer, peerArtifact } from "./peer-process.js";
import { freePort, freePorts } from "./ports.js";

const SERVICE = "ratelimit/ratelimit";
const REDIS = "redis/redis-server";
const REDIS_CLI = "redis/redis-cli";
const START_TIMEOUT_MS = 30_000;
const run = promisify(execFile);

/** How many requests in a window; windows begin with the second, minute, hour or day of UTC. */
export interface RateLimit {
  readonly unit: "second" | "minute" | "hour" | "day";
  readonly requests_per_unit: number;
}

/** One entry of a descriptor and what may follow it, as the files of ratelimit have it. */
export interface RateLimitRule {
  readonly key: string;
  /** Unset: each value counts for itself. */
  readonly value?: string;
  readonly rate_limit?: RateLimit;
  readonly descriptors?: readonly RateLimitRule[];
  /** Counts, but never refuses. */
  readonly shadow_mode?: boolean;
}

/** The limits of one domain. */
export interface RateLimitDomain {
  readonly domain: string;
  readonly descriptors: readonly RateLimitRule[];
}

/** Why it cannot be used here, or undefined. */
export function missingRateLimitService(): string | undefined {
  return missingPeer(SERVICE) ?? missingPeer(REDIS) ?? missingPeer(REDIS_CLI);
}

/** The service and its Redis, both running. */
export class RateLimitService {
  private constructor(
    /** Of envoy.service.ratelimit.v3.RateLimitService, without TLS, on 127.0.0.1. */
    readonly port: number,
    private readonly folder: string,
    private readonly redis: ChildProcess,
    private readonly service: ChildProcess,
  ) {}

  /** Resolves when it answers. `port`: default a free one. */
  static async start(
    domains: readonly RateLimitDomain[],
    port?: number,
  ): Promise<RateLimitService> {
    const missing = missingRateLimitService();
    if (missing !== undefined) throw new Error(missing);
    const folder = mkdtempSync(join(tmpdir(), "metaproto-ratelimit-"));
    const redis = startRedis(folder);
    // The service ends where it does not find it.
    await waitUntil("the socket of Redis", () => existsSync(redisSocket(folder)), {
      timeoutMs: START_TIMEOUT_MS,
      abandonIf: () => (redis.exitStatus === undefined ? undefined : redis.tail()),
    }).catch(async (error: unknown) => {
      await redis.stop("SIGKILL");
      throw error;
    });
    const [httpPort = 0, debugPort = 0] = await freePorts(2);
    const grpcPort = port ?? (await freePort());
    const service = startService(folder, domains, { grpcPort, httpPort, debugPort });
    const started = new RateLimitService(grpcPort, folder, redis, service);
    try {
      await started.ready(httpPort);
      return started;
    } catch (error) {
      await started.stop();
      const output = `${redis.tail()}\n${service.tail()}`;
      throw new Error(`ratelimit did not start\n${output}`, { cause: error });
    }
  }

  /** How often each descriptor was asked for in its window: the service's own key -> hits. */
  async counters(): Promise<ReadonlyMap<string, number>> {
    const keys = (await this.redisCommand("KEYS", "*")).filter((key) => key !== "");
    if (keys.length === 0) return new Map();
    const values = await this.redisCommand("MGET", ...keys);
    return new Map(keys.map((key, index) => [key, Number(values[index])]));
  }

  /** Forgets what was counted: every limit is whole again. */
  async reset(): Promise<void> {
    await this.redisCommand("FLUSHALL");
  }

  /** Leaves it alive but mute, until `resume`: whoever asks runs into a timeout. Resolves when it is. */
  async pause(): Promise<void> {
    this.service.kill("SIGSTOP");
    const { pid } = this.service;
    await waitUntil("every thread stopped", () => pid !== undefined && isStopped(pid));
  }

  resume(): void {
    this.service.kill("SIGCONT");
  }

  /** Ends both processes; returns when they have gone. */
  async stop(): Promise<void> {
    this.resume();
    await Promise.all([this.service.stop("SIGKILL"), this.redis.stop("SIGKILL")]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async redisCommand(...command: readonly string[]): Promise<string[]> {
    const args = ["-s", redisSocket(this.folder), "--raw", ...command];
    const { stdout } = await run(peerArtifact(REDIS_CLI), args);
    return stdout.replace(/\n$/, "").split("\n");
  }

  private async ready(httpPort: number): Promise<void> {
    await waitUntil(
      "ratelimit healthy",
      async () => (await fetch(`http://127.0.0.1:${String(httpPort)}/healthcheck`)).ok,
      {
        timeoutMs: START_TIMEOUT_MS,
        abandonIf: () =>
          [this.redis, this.service]
            .filter((process) => process.exitStatus !== undefined)
            .map((process) => `${process.name} has ended`)
            .at(0),
      },
    );
    const client = new GrpcClient(this.port);
    try {
      await client.connected();
    } finally {
      client.close();
    }
  }
}

/** The signal reaches each thread of its own accord, and until then it may answer. */
function isStopped(pid: number): boolean {
  const threads = `/proc/${String(pid)}/task`;
  return readdirSync(threads).every((thread) => {
    const stat = readFileSync(join(threads, thread, "stat"), "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
  });
}

function redisSocket(folder: string): string {
  return join(folder, "redis.sock");
}

/** In memory only, reachable by nobody but who can read the folder. */
function startRedis(folder: string): ChildProcess {
  return new ChildProcess({
    name: "redis",
    command: peerArtifact(REDIS),
    args: [
      ...["--port", "0", "--unixsocket", redisSocket(folder), "--dir", folder],
      ...["--save", "", "--appendonly", "no"],
    ],
  });
}

function startService(
  folder: string,
  domains: readonly RateLimitDomain[],
  ports: { readonly grpcPort: number; readonly httpPort: number; readonly debugPort: number },
): ChildProcess {
  const config = join(folder, "runtime", "config");
  mkdirSync(config, { recursive: true });
  for (const domain of domains) {
    // JSON is YAML.
    writeFileSync(join(config, `${domain.domain}.yaml`), JSON.stringify(domain));
  }
  return new ChildProcess({
    name: "ratelimit",
    command: peerArtifact(SERVICE),
    args: [],
    env: {
      USE_STATSD: "false",
      LOG_LEVEL: "warn",
      REDIS_SOCKET_TYPE: "unix",
      REDIS_URL: redisSocket(folder),
      RUNTIME_ROOT: join(folder, "runtime"),
      RUNTIME_SUBDIRECTORY: "",
      RUNTIME_WATCH_ROOT: "false",
      HOST: "127.0.0.1",
      PORT: String(ports.httpPort),
      GRPC_HOST: "127.0.0.1",
      GRPC_PORT: String(ports.grpcPort),
      DEBUG_HOST: "127.0.0.1",
      DEBUG_PORT: String(ports.debugPort),
    },
  });
}
