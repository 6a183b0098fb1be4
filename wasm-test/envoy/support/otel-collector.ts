// A real OpenTelemetry Collector: OTLP in, and what it understood of it as records to look at.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChildProcess } from "./child-process.js";
import { type WaitOptions, waitUntil } from "./deadline.js";
import { GrpcClient } from "./grpc-call.js";
import { type CollectedLog, type CollectedSpan, logsOf, spansOf } from "./otlp-json.js";
import { missingPeer, peerArtifact } from "./peer-process.js";
import { freePort } from "./ports.js";

const COLLECTOR = "otel-collector/otel-collector";
const START_TIMEOUT_MS = 30_000;

/** Why it cannot be used here, or undefined. */
export function missingOtelCollector(): string | undefined {
  return missingPeer(COLLECTOR);
}

/** The collector, running. */
export class OtelCollector {
  private constructor(
    /** Of the OTLP services over gRPC (TraceService, LogsService), without TLS, on 127.0.0.1. */
    readonly port: number,
    private readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  /** Resolves when it accepts calls. `port`: default a free one. */
  static async start(port?: number): Promise<OtelCollector> {
    const missing = missingOtelCollector();
    if (missing !== undefined) throw new Error(missing);
    const grpcPort = port ?? (await freePort());
    const folder = mkdtempSync(join(tmpdir(), "metaproto-collector-"));
    const file = join(folder, "collector.yaml");
    writeFileSync(file, JSON.stringify(configuration(folder, grpcPort)));
    const process = new ChildProcess({
      name: "otel-collector",
      command: peerArtifact(COLLECTOR),
      args: ["--config", file],
    });
    const collector = new OtelCollector(grpcPort, folder, process);
    try {
      await collector.ready();
      return collector;
    } catch (error) {
      await collector.stop();
      throw new Error(`otel-collector did not start\n${process.tail()}`, { cause: error });
    }
  }

  /** Every span received so far, in the order of arrival. */
  spans(): CollectedSpan[] {
    return this.batches(TRACES_FILE).flatMap(spansOf);
  }

  /** Every log record received so far, in the order of arrival. */
  logs(): CollectedLog[] {
    return this.batches(LOGS_FILE).flatMap(logsOf);
  }

  /**
   * Waits until at least `count` spans fulfil `isWanted` and returns all that do.
   *
   * @throws Error that names the spans there are, at the deadline of `options`.
   */
  async waitForSpans(
    count: number,
    isWanted: (span: CollectedSpan) => boolean = () => true,
    options: WaitOptions = {},
  ): Promise<CollectedSpan[]> {
    return waitForRecords(`${String(count)} spans`, count, () => this.spans(), isWanted, options);
  }

  /** Like `waitForSpans`, for log records. */
  async waitForLogs(
    count: number,
    isWanted: (log: CollectedLog) => boolean = () => true,
    options: WaitOptions = {},
  ): Promise<CollectedLog[]> {
    return waitForRecords(`${String(count)} logs`, count, () => this.logs(), isWanted, options);
  }

  /** Leaves it alive but mute, until `resume`. */
  pause(): void {
    this.process.kill("SIGSTOP");
  }

  resume(): void {
    this.process.kill("SIGCONT");
  }

  /** Ends it, as a crash would; returns when it has gone. What it received is gone too. */
  async stop(): Promise<void> {
    await this.process.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    const client = new GrpcClient(this.port);
    try {
      await waitUntil("collector accepts calls", () => client.connected(100).then(() => true), {
        timeoutMs: START_TIMEOUT_MS,
        abandonIf: () => (this.process.exitStatus === undefined ? undefined : "it has ended"),
      });
    } finally {
      client.close();
    }
  }

  /** One JSON document a line; the last line may still be on its way. */
  private batches(file: string): unknown[] {
    const path = join(this.folder, file);
    if (!existsSync(path)) return [];
    const text = readFileSync(path, "utf8");
    return text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as unknown);
  }
}

const TRACES_FILE = "traces.jsonl";
const LOGS_FILE = "logs.jsonl";

function configuration(folder: string, port: number): object {
  const file = (name: string): object => ({ path: join(folder, name), flush_interval: "20ms" });
  const pipeline = (exporter: string): object => ({ receivers: ["otlp"], exporters: [exporter] });
  return {
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${String(port)}` } } } },
    exporters: { "file/traces": file(TRACES_FILE), "file/logs": file(LOGS_FILE) },
    service: { pipelines: { traces: pipeline("file/traces"), logs: pipeline("file/logs") } },
  };
}

async function waitForRecords<T>(
  what: string,
  count: number,
  read: () => T[],
  isWanted: (record: T) => boolean,
  options: WaitOptions,
): Promise<T[]> {
  let seen: T[] = [];
  const look = (): T[] | undefined => {
    seen = read();
    const wanted = seen.filter(isWanted);
    return wanted.length >= count ? wanted : undefined;
  };
  try {
    return await waitUntil(what, look, options);
  } catch (error) {
    throw new Error(`${what} did not arrive; there are ${describe(seen)}`, { cause: error });
  }
}

function describe(records: readonly unknown[]): string {
  return JSON.stringify(records, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
}
