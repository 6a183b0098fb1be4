// Clients that check every answer: wasm-test/bench/load/check.c, which says what each number counts.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ChildProcess } from "../envoy/support/child-process.js";
import { waitUntil } from "../envoy/support/deadline.js";
import type { LoadProtocol } from "../envoy/support/load.js";

const CACHE =
  process.env["METAPROTO_CACHE"] ?? fileURLToPath(new URL("../../.cache", import.meta.url));

/** Path of one of the compiled programs. */
export function chaosProgram(name: "check" | "misbehave"): string {
  return `${CACHE}/bench/${name}`;
}

/** Why they cannot be used here, or undefined. */
export function missingChaosPrograms(): string | undefined {
  if (existsSync(chaosProgram("check")) && existsSync(chaosProgram("misbehave"))) return undefined;
  return "the programs of the chaos tests were not built: run scripts/setup, it says which tool it lacks";
}

/** Response flags of docs/operators/error-replies.md. */
export type Flag =
  "nr" | "nc" | "uh" | "uf" | "uc" | "uo" | "ut" | "dpe" | "upe" | "rl" | "uaex" | "fi";

/** A part of the text of each, as wasm-test/bench/load/check_client.c has them. */
export const FLAG_TEXTS: Readonly<Record<Flag, string>> = {
  nr: "no route",
  nc: "is unknown",
  uh: "no healthy endpoint",
  uf: "cannot connect",
  uc: "ended before the response",
  uo: "too many requests",
  ut: "no response within",
  dpe: "the request is malformed",
  upe: "the response is malformed",
  rl: "rate limit exceeded",
  uaex: "access denied",
  fi: "aborted by fault injection",
};

export const FLAGS = Object.keys(FLAG_TEXTS) as readonly Flag[];

export interface CheckedLoadOptions {
  readonly protocol: LoadProtocol;
  readonly port: number;
  /** Default 1. */
  readonly connections?: number;
  /** Requests in flight per connection; default 1. */
  readonly inFlight?: number;
  /** Bytes of ASCII text; one is picked for each request; default 100. */
  readonly payloads?: readonly number[];
  /** How many methods, `call0` and so on; default one, `call`. */
  readonly methods?: number;
  /** Requests per second at most; default no bound. */
  readonly rate?: number;
  /** Requests after which a client closes its connection, on average; default never. */
  readonly lifetime?: number;
  readonly seed?: number;
  /** Between two reports; default 0.25. */
  readonly reportSeconds?: number;
  /** Longest wait for missing answers after the end; default 10. */
  readonly drainSeconds?: number;
}

/** Totals since the start; latencies (microseconds) and `rps` since the report before. */
export interface CheckedReport {
  readonly sent: number;
  readonly answered: number;
  readonly failed: Readonly<Record<Flag, number>>;
  /** Outstanding when the client closed its connection. */
  readonly abandoned: number;
  readonly lost: number;
  readonly foreign: number;
  readonly duplicated: number;
  readonly malformed: number;
  /** On connections that were reset before a single byte had come back. */
  readonly unserved: number;
  readonly connected: number;
  readonly refused: number;
  /** Connections that the proxy closed after it had answered on them. */
  readonly cut: number;
  readonly open: number;
  readonly waiting: number;
  readonly rps: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  readonly fault: string | null;
  readonly isLast: boolean;
}

/** A running load. Call `kill` in the clean-up, always. */
export class CheckedLoad {
  #latest: CheckedReport | undefined;
  private readonly listeners: ((report: CheckedReport) => void)[] = [];

  private constructor(private readonly process: ChildProcess) {
    process.onStdout((line) => {
      const report = JSON.parse(line) as CheckedReport;
      this.#latest = report;
      for (const listener of this.listeners) listener(report);
    });
  }

  static start(options: CheckedLoadOptions): CheckedLoad {
    const { protocol, port, connections, methods, rate, lifetime, seed } = options;
    const values = {
      ...{ protocol, port, connections, methods, rate, lifetime, seed },
      inflight: options.inFlight,
      payloads: options.payloads?.join(","),
      drain: options.drainSeconds,
      report: options.reportSeconds ?? 0.25,
    };
    const args = Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    );
    return new CheckedLoad(
      new ChildProcess({ name: "check", command: chaosProgram("check"), args }),
    );
  }

  /** The newest report; undefined before the first. */
  get latest(): CheckedReport | undefined {
    return this.#latest;
  }

  /** Calls `listener` for each report from now on. */
  onReport(listener: (report: CheckedReport) => void): void {
    this.listeners.push(listener);
  }

  /** Waits until a report satisfies `condition`. */
  async until(
    what: string,
    condition: (report: CheckedReport) => boolean,
    timeoutMs = 20_000,
  ): Promise<void> {
    await waitUntil(what, () => this.#latest !== undefined && condition(this.#latest), {
      timeoutMs,
      abandonIf: () => (this.process.exitStatus === undefined ? undefined : this.process.tail()),
    });
  }

  /** Waits until `count` more requests were answered by servers. */
  async answers(count: number): Promise<void> {
    const before = this.#latest?.answered ?? 0;
    await this.until(`${String(count)} more answers`, ({ answered }) => answered >= before + count);
  }

  /** No request leaves any more; resolves when all have been answered or are lost. */
  async stop(): Promise<CheckedReport> {
    await this.process.stop("SIGCONT", 60_000);
    const last = this.#latest;
    if (last?.isLast !== true) throw new Error(`check did not report: ${this.process.tail()}`);
    return last;
  }

  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
  }
}
