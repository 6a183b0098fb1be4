// The Envoys of the bench, the echo servers, and the servers that filters call.
import { fileURLToPath } from "node:url";
import { Envoy } from "../envoy/support/envoy.js";
import { startEchoServer } from "../envoy/support/load.js";
import { missingOtelCollector, OtelCollector } from "../envoy/support/otel-collector.js";
import { missingRateLimitService, RateLimitService } from "../envoy/support/rate-limit-service.js";
import { benchBootstrap, listenerName, type Ports } from "./bootstrap.js";
import type { Contender } from "./contenders.js";
import { RATE_LIMITS, type Sink } from "./policies.js";

/** Longer than any plan takes. */
const SERVER_SECONDS = 3 * 3600;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** An Envoy with these contenders and no others. */
export function startBenchEnvoy(
  contenders: readonly Contender[],
  ports: Ports,
  workers = 1,
): Promise<Envoy> {
  const bootstrap = benchBootstrap(contenders, ports);
  return Envoy.start({ bootstrap, concurrency: workers, cwd: ROOT, logLevel: "error" });
}

/** Those whose servers are there. */
export function available(contenders: readonly Contender[], ports: Ports): Contender[] {
  return contenders.filter(({ sinks = [] }) => sinks.every((sink) => ports[sink] !== undefined));
}

/**
 * Envoys with contenders: one for all of Envoy's own, and one for each of ours, since a VM needs CPU
 * by itself, and that of its process is what is counted. Only one of them runs at a time.
 */
export class BenchEnvoys {
  private running: Envoy | undefined;

  private constructor(private readonly envoys: ReadonlyMap<Contender, Envoy>) {}

  static async start(
    contenders: readonly Contender[],
    ports: Ports,
    workers: number,
  ): Promise<BenchEnvoys> {
    const own = contenders.filter(({ module }) => module !== undefined);
    const others = contenders.filter(({ module }) => module === undefined);
    const envoys = new Map<Contender, Envoy>();
    try {
      for (const group of [others, ...own.map((one) => [one])]) {
        if (group.every(({ kind }) => kind === "direct")) continue;
        const envoy = await startBenchEnvoy(group, ports, workers);
        for (const contender of group) envoys.set(contender, envoy);
        setRunning(envoy, false);
      }
    } catch (error) {
      await new BenchEnvoys(envoys).kill();
      throw error;
    }
    return new BenchEnvoys(envoys);
  }

  /** The Envoy of a contender, and the port of its listener; all others stand still. */
  async wake(contender: Contender): Promise<{ readonly pid: number; readonly port: number }> {
    const envoy = this.envoys.get(contender);
    if (envoy === undefined) throw new Error(`${contender.name} has no Envoy`);
    if (this.running !== envoy) {
      if (this.running !== undefined) setRunning(this.running, false);
      setRunning(envoy, true);
      this.running = envoy;
    }
    return { pid: envoy.pid, port: await envoy.listenerPort(listenerName(contender)) };
  }

  failures(): string[] {
    return [...new Set(this.envoys.values())].flatMap((envoy) => envoy.failures());
  }

  async kill(): Promise<void> {
    await Promise.all([...new Set(this.envoys.values())].map((envoy) => envoy.kill()));
  }
}

function setRunning(envoy: Envoy, isRunning: boolean): void {
  process.kill(envoy.pid, isRunning ? "SIGCONT" : "SIGSTOP");
}

/** Runs something with an echo server for each protocol. */
export async function withEchoServers<T>(run: (ports: Ports) => Promise<T>): Promise<T> {
  const dubbo = await startEchoServer({ protocol: "dubbo", seconds: SERVER_SECONDS });
  const thrift = await startEchoServer({ protocol: "thrift", seconds: SERVER_SECONDS });
  try {
    return await run({ dubbo: dubbo.port, thrift: thrift.port });
  } finally {
    await dubbo.stop();
    await thrift.stop();
  }
}

interface SinkServer {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

const SINK_SERVERS: Readonly<
  Record<Sink, { missing: () => string | undefined; start: () => Promise<SinkServer> }>
> = {
  collector: { missing: missingOtelCollector, start: () => OtelCollector.start() },
  ratelimit: {
    missing: missingRateLimitService,
    start: () => RateLimitService.start([RATE_LIMITS]),
  },
};

/**
 * Runs something with those of the sinks that can be started.
 *
 * @param onMissing told why one cannot.
 */
export async function withSinks<T>(
  ports: Ports,
  sinks: readonly Sink[],
  onMissing: (line: string) => void,
  run: (ports: Ports) => Promise<T>,
): Promise<T> {
  const started = new Map<Sink, SinkServer>();
  try {
    for (const sink of sinks) {
      const missing = SINK_SERVERS[sink].missing();
      if (missing === undefined) started.set(sink, await SINK_SERVERS[sink].start());
      else onMissing(missing);
    }
    const entries = [...started].map(([sink, server]) => [sink, server.port]);
    return await run({ ...ports, ...(Object.fromEntries(entries) as Partial<Ports>) });
  } finally {
    for (const server of started.values()) await server.stop();
  }
}
