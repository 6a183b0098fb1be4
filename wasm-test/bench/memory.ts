// Resident memory of Envoy for each connection: busy, and idle by the thousands. A fresh Envoy for each
// figure, since what an allocator has had from the system it rarely gives back.
import { readFileSync } from "node:fs";
import { openIdleConnections, runLoad } from "../envoy/support/load.js";
import { listenerName, type Ports } from "./bootstrap.js";
import { ECHO, type Contender } from "./contenders.js";
import { startBenchEnvoy } from "./processes.js";

/** What connections of one contender take. */
export interface ConnectionMemory {
  readonly contender: Pick<Contender, "name" | "protocol" | "kind">;
  /** Connections that were idle. */
  readonly idle: number;
  /** Bytes for each of them when none has sent anything yet. */
  readonly silentBytes: number;
  /** Bytes for each of them after one request and its answer; none for those that do not answer. */
  readonly idleBytes?: number;
  /** Bytes for each of a thousand, all with a request in flight. */
  readonly busyBytes?: number;
}

const BUSY = 1000;

/** Files that Envoy needs besides its connections. */
const OTHER_FILES = 500;

function openFilesLimit(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
}

/** As many as wanted, or as open files allow: Envoy's proxies may need a connection upstream for each. */
function idleCount(contender: Contender, wanted: number): number {
  const files = contender === ECHO || contender.kind === "ours" ? 1 : 2;
  return Math.min(wanted, Math.floor((openFilesLimit() - OTHER_FILES) / files));
}

async function grownBy(
  contender: Contender,
  ports: Ports,
  connections: number,
  open: (port: number, pid: number) => Promise<() => Promise<void>>,
): Promise<number> {
  const envoy = await startBenchEnvoy([contender], ports);
  try {
    const { protocol } = contender;
    const port = await envoy.listenerPort(listenerName(contender));
    // What the first connection of all needs is not what each needs.
    if (contender !== ECHO) {
      await runLoad({ protocol, port, warmupSeconds: 0, seconds: 0.1 });
    }
    const before = envoy.residentBytes();
    const close = await open(port, envoy.pid);
    await envoy.waitForStat(
      "listener.127.0.0.1_0.downstream_cx_active",
      (active) => active >= connections,
      { timeoutMs: 30_000 },
    );
    const after = envoy.residentBytes();
    await close();
    return (after - before) / connections;
  } finally {
    await envoy.stop();
  }
}

function idleBytes(
  contender: Contender,
  ports: Ports,
  connections: number,
  requests: number,
): Promise<number> {
  return grownBy(contender, ports, connections, async (port) => {
    const { protocol } = contender;
    const idle = await openIdleConnections({ protocol, port, connections }, requests);
    return () => idle.stop();
  });
}

async function busyBytes(contender: Contender, ports: Ports): Promise<number> {
  const { protocol } = contender;
  const envoy = await startBenchEnvoy([contender], ports);
  try {
    const port = await envoy.listenerPort(listenerName(contender));
    await runLoad({ protocol, port, warmupSeconds: 0, seconds: 0.1 });
    const before = envoy.residentBytes();
    const load = { connections: BUSY, warmupSeconds: 0.3, seconds: 0.7, watchPid: envoy.pid };
    const { watched_rss: after } = await runLoad({ protocol, port, ...load });
    return (after - before) / BUSY;
  } finally {
    await envoy.stop();
  }
}

/**
 * @param contenders those with a proxy are measured, and Envoy's own part.
 * @param wanted idle connections, as far as the limit of open files allows.
 */
export async function measureMemory(
  ports: Ports,
  contenders: readonly Contender[],
  wanted: number,
  onProgress: (line: string) => void,
): Promise<ConnectionMemory[]> {
  const results: ConnectionMemory[] = [];
  if (contenders.length === 0) return results;
  for (const contender of [ECHO, ...contenders]) {
    if (contender.kind === "direct") continue;
    onProgress(`memory: ${contender.protocol} ${contender.name}`);
    const idle = idleCount(contender, wanted);
    const silentBytes = await idleBytes(contender, ports, idle, 0);
    const answering =
      contender === ECHO
        ? {}
        : {
            idleBytes: await idleBytes(contender, ports, idle, 1),
            busyBytes: await busyBytes(contender, ports),
          };
    results.push({ contender, idle, silentBytes, ...answering });
  }
  return results;
}
