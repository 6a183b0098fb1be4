// One shape of load on one contender: what it costs Envoy and what the clients see.
import type { Envoy } from "../envoy/support/envoy.js";
import { runLoad } from "../envoy/support/load.js";
import { listenerName, type Contender } from "./bootstrap.js";

/** Connections and requests in flight on each. */
export interface Shape {
  readonly connections: number;
  readonly inFlight: number;
}

export function shapeName(shape: Shape): string {
  return `${String(shape.connections)}x${String(shape.inFlight)}`;
}

export interface Measurement {
  readonly shape: string;
  readonly contender: Contender;
  /** CPU of Envoy, all threads, for one request; microseconds. */
  readonly cpuUs: number;
  readonly rps: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Answers that were wrong or missing. A run with any says nothing about speed. */
  readonly faults: number;
}

export async function measure(
  envoy: Envoy,
  contender: Contender,
  shape: Shape,
  seconds: number,
): Promise<Measurement> {
  const port = await envoy.listenerPort(listenerName(contender));
  const before = envoy.cpuTimeMs();
  const result = await runLoad({
    protocol: contender.protocol,
    port,
    connections: shape.connections,
    inFlight: shape.inFlight,
    seconds,
    // What is sent in a warm-up would count as CPU, but not as requests.
    warmupSeconds: 0,
    isAnyOrder: shape.inFlight > 1,
  });
  const cpuMs = envoy.cpuTimeMs() - before;
  return {
    shape: shapeName(shape),
    contender,
    cpuUs: (cpuMs * 1000) / Math.max(1, result.requests),
    rps: result.rps,
    p50Us: result.p50_us,
    p99Us: result.p99_us,
    faults: result.errors + result.mismatched,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const below = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  return (middle + below) / 2;
}

/** The median of several rounds, value by value. */
export function medians(rounds: readonly Measurement[]): Measurement {
  const [first] = rounds;
  if (first === undefined) throw new Error("no round was measured");
  return {
    ...first,
    cpuUs: median(rounds.map((round) => round.cpuUs)),
    rps: median(rounds.map((round) => round.rps)),
    p50Us: median(rounds.map((round) => round.p50Us)),
    p99Us: median(rounds.map((round) => round.p99Us)),
    faults: rounds.reduce((sum, round) => sum + round.faults, 0),
  };
}
