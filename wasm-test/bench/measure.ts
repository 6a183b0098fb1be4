// One case on one contender: what it costs Envoy and what the clients see.
import { runLoad, type LoadResult } from "../envoy/support/load.js";
import type { Ports } from "./bootstrap.js";
import type { Case } from "./cases.js";
import type { Contender } from "./contenders.js";
import type { BenchEnvoys } from "./processes.js";

/** What a measurement yields, by the name it has in results and tables. */
export interface Sample {
  /** CPU of Envoy, all threads, for one request; microseconds. 0 without Envoy. */
  readonly cpuUs: number;
  readonly rps: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  /** CPU of Envoy, all threads, in percent of one core. */
  readonly envoyPercent: number;
  /** CPU of the load generator, in percent of one core. */
  readonly loadPercent: number;
  /** Answers that were wrong or missing. A run with any says nothing about speed. */
  readonly faults: number;
}

/** The processes that a measurement involves. */
export interface Bench {
  readonly envoys: BenchEnvoys;
  /** Of the echo servers. */
  readonly ports: Ports;
}

/** How long to measure, in seconds. */
export interface Timing {
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** @param rate requests per second, for an open loop. */
export async function measure(
  { envoys, ports }: Bench,
  contender: Contender,
  load: Case,
  timing: Timing,
  rate?: number,
): Promise<Sample> {
  const isDirect = contender.kind === "direct";
  const { port, pid } = isDirect
    ? { port: ports[contender.protocol], pid: undefined }
    : await envoys.wake(contender);
  const result = await runLoad({
    protocol: contender.protocol,
    port,
    connections: load.connections,
    inFlight: load.inFlight,
    payload: load.payload,
    ...timing,
    ...(rate === undefined ? {} : { rate }),
    // thrift_proxy answers pipelined calls in any order; ours and the server keep it.
    isAnyOrder: true,
    drainSeconds: 2,
    ...(pid === undefined ? {} : { watchPid: pid }),
  });
  return sampleOf(result);
}

function sampleOf(result: LoadResult): Sample {
  const wallUs = result.seconds * 1e6;
  return {
    cpuUs: result.watched_cpu_us / Math.max(1, result.requests),
    rps: result.rps,
    p50Us: result.p50_us,
    p99Us: result.p99_us,
    p999Us: result.p999_us,
    envoyPercent: (100 * result.watched_cpu_us) / wallUs,
    loadPercent: (100 * result.own_cpu_us) / wallUs,
    faults: result.errors + result.mismatched,
  };
}
