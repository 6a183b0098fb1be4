// The load generator and echo server of wasm-test/bench/load, for tests that need more than a library
// gives: many connections, many requests in flight, every answer checked.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ChildProcess } from "./child-process.js";
import { waitUntil } from "./deadline.js";

const CACHE =
  process.env["METAPROTO_CACHE"] ?? fileURLToPath(new URL("../../../.cache", import.meta.url));

export type LoadProtocol = "dubbo" | "thrift";

/** Why they cannot be used here, or undefined. */
export function missingLoad(): string | undefined {
  if (existsSync(`${CACHE}/bench/load`)) return undefined;
  return "the load generator was not built: run scripts/setup, it says which tool it lacks";
}

/** What to send. */
export interface LoadOptions {
  readonly protocol: LoadProtocol;
  readonly port: number;
  /** Default 1. */
  readonly connections?: number;
  /** Requests in flight per connection; default 1. */
  readonly inFlight?: number;
  /** Bytes of ASCII text, at least 16; default 100. */
  readonly payload?: number;
  /** Time of measurement; default 5. */
  readonly seconds?: number;
  /** Time before it, with the same load, once all connections are open; default 1. */
  readonly warmupSeconds?: number;
  /** Longest wait for missing answers after the end; default 5. */
  readonly drainSeconds?: number;
  /** Requests per second of an open loop; default a closed loop. */
  readonly rate?: number;
  /** Thrift only: also take answers in another order than that of the requests. */
  readonly isAnyOrder?: boolean;
  /** Default "echo" of Dubbo, "big" of Thrift. */
  readonly method?: string;
  /** Dubbo interface; default "demo.Greeter". */
  readonly service?: string;
  /** A process whose use of CPU and memory is told in the result. */
  readonly watchPid?: number;
}

/** What came of it; times in microseconds. */
export interface LoadResult {
  /** Answers within the time of measurement. */
  readonly requests: number;
  readonly rps: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly p999_us: number;
  readonly max_us: number;
  readonly mean_us: number;
  /** Answers that are an error, and requests that got none. */
  readonly errors: number;
  /** Answers that are not the one to an open request of their connection, or not with its payload. */
  readonly mismatched: number;
  /** Connections that ended. */
  readonly closed: number;
  readonly unanswered: number;
  /** Time of measurement as it was, in seconds. */
  readonly seconds: number;
  /** CPU time of the load itself during the measurement. */
  readonly own_cpu_us: number;
  /** CPU time of the watched process during the measurement, all threads. */
  readonly watched_cpu_us: number;
  /** Resident bytes of the watched process at the end of the measurement, all connections open. */
  readonly watched_rss: number;
  /** Why the first mismatched one was. */
  readonly fault: string | null;
}

/** A running load; `stop` ends it early and without a result. */
export interface RunningLoad {
  readonly result: Promise<LoadResult>;
  readonly stop: () => Promise<void>;
}

/** Connections that stay open and send nothing any more. */
export interface IdleConnections {
  readonly stop: () => Promise<void>;
}

/** Starts a load. Its result says what went wrong; only a load that could not run rejects. */
export function startLoad(options: LoadOptions): RunningLoad {
  const process = spawnLoad(options);
  let line: string | undefined;
  process.onStdout((text) => (line = text));
  const result = process.exited.then(() => {
    if (line === undefined) throw new Error(`load did not run: ${process.tail()}`);
    return JSON.parse(line) as LoadResult;
  });
  return {
    result,
    stop: async () => {
      result.catch(() => undefined);
      await process.stop("SIGKILL");
    },
  };
}

/**
 * Opens connections that send some requests each, and then nothing; returns when all are answered.
 *
 * @param requests of each connection; may be 0.
 * @throws Error when not all could be opened.
 */
export async function openIdleConnections(
  options: Pick<LoadOptions, "protocol" | "port" | "connections">,
  requests: number,
): Promise<IdleConnections> {
  const process = spawnLoad({ ...options, seconds: LONGEST_IDLE_SECONDS }, [
    "--idle",
    String(requests),
  ]);
  let isIdle = false;
  process.onStdout(() => (isIdle = true));
  await waitUntil("connections idle", () => isIdle, {
    timeoutMs: 30_000,
    abandonIf: () => (process.exitStatus === undefined ? undefined : process.tail()),
  });
  return {
    stop: async () => {
      await process.stop("SIGKILL");
    },
  };
}

const LONGEST_IDLE_SECONDS = 600;

function spawnLoad(options: LoadOptions, further: readonly string[] = []): ChildProcess {
  const missing = missingLoad();
  if (missing !== undefined) throw new Error(missing);
  const numbers: Record<string, number | undefined> = {
    port: options.port,
    connections: options.connections,
    inflight: options.inFlight,
    payload: options.payload,
    seconds: options.seconds,
    warmup: options.warmupSeconds,
    drain: options.drainSeconds,
    rate: options.rate,
    watch: options.watchPid,
  };
  const texts: Record<string, string | undefined> = {
    protocol: options.protocol,
    match: options.isAnyOrder === true ? "id" : undefined,
    method: options.method,
    service: options.service,
  };
  const args = Object.entries({ ...numbers, ...texts }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );
  return new ChildProcess({
    name: "load",
    command: `${CACHE}/bench/load`,
    args: [...args, ...further],
  });
}

/** Runs a load to its end. */
export function runLoad(options: LoadOptions): Promise<LoadResult> {
  return startLoad(options).result;
}

/** A running echo server. */
export interface EchoServer {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Starts an echo server; it listens when this returns. */
export async function startEchoServer(options: {
  readonly protocol: LoadProtocol;
  /** Default a free one. */
  readonly port?: number;
  /** Default 1. */
  readonly threads?: number;
  /** Time by which each answer is held back; default 0. */
  readonly latencyUs?: number;
  /** It ends by itself after this time; default 600. */
  readonly seconds?: number;
}): Promise<EchoServer> {
  const missing = missingLoad();
  if (missing !== undefined) throw new Error(missing);
  const args = ["--protocol", options.protocol, "--port", String(options.port ?? 0)];
  args.push("--threads", String(options.threads ?? 1));
  args.push("--latency-us", String(options.latencyUs ?? 0));
  args.push("--seconds", String(options.seconds ?? 600));
  const process = new ChildProcess({ name: "serve", command: `${CACHE}/bench/serve`, args });
  let port: number | undefined;
  process.onStdout((line) => {
    ({ port } = JSON.parse(line) as { port: number });
  });
  const bound = await waitUntil("echo server listening", () => port, {
    abandonIf: () => (process.exitStatus === undefined ? undefined : process.tail()),
  });
  return {
    port: bound,
    stop: async () => {
      await process.stop("SIGKILL");
    },
  };
}
