// TARS for Go: servers, and a client that a test uses as its own; see wasm-test/peers/tars-go.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PeerFailure, PeerProcess, missingPeer, peerArtifact } from "./peer-process.js";
import { freePort } from "./ports.js";

const GO = "tars-go/tarspeer";

/** Why it cannot be used here, or undefined. */
export function missingTarsPeer(): string | undefined {
  return missingPeer(GO);
}

/** Echo, Other and Fire are answered, Silent is not, Fail is an error of its own; Nothing is no method. */
export type TarsMethod = "Echo" | "Other" | "Silent" | "Fail" | "Fire" | "Nothing";

export interface TarsRequest {
  readonly method: TarsMethod;
  readonly text?: string;
  readonly context?: Readonly<Record<string, string>>;
  readonly oneway?: boolean;
  /** Of the client; default 5 000. */
  readonly timeoutMs?: number;
}

export interface TarsResult {
  /** Of the server that answered. */
  readonly label: string;
  /** Of the response: what the server was told in that of the request. */
  readonly context: Readonly<Record<string, string>>;
}

export interface TarsTally {
  /** Answers by the server's label. */
  readonly labels: Readonly<Record<string, number>>;
  /** Failures by the library's code; 1 where it has none. */
  readonly errors: Readonly<Record<string, number>>;
}

/** All its calls to a port share one connection. */
export class TarsClient {
  private constructor(private readonly process: PeerProcess) {}

  /** With `keepAliveMs` its connections give signs of life, `tars_ping`, at this interval. */
  static async start(options: { readonly keepAliveMs?: number } = {}): Promise<TarsClient> {
    const args = ["client", JSON.stringify(options)];
    return new TarsClient(
      await PeerProcess.start({ name: "tars client", command: peerArtifact(GO), args }),
    );
  }

  /** @throws PeerFailure with what the client's own code would have caught. */
  async call(port: number, request: TarsRequest): Promise<TarsResult> {
    return (await this.process.request("call", { port, ...request })) as TarsResult;
  }

  /** The failure of a call that must fail. */
  async fail(port: number, request: TarsRequest): Promise<PeerFailure> {
    try {
      await this.call(port, request);
    } catch (error) {
      if (error instanceof PeerFailure) return error;
      throw error;
    }
    throw new Error("it did not fail");
  }

  /** So many calls of Echo, or as many as there are until the time is over, 16 at a time. */
  async burst(
    port: number,
    options: { readonly count?: number; readonly durationMs?: number },
  ): Promise<TarsTally> {
    const fields = { port, method: "Echo", concurrency: 16, ...options };
    return (await this.process.request("burst", fields)) as TarsTally;
  }

  /** Kills the process. */
  stop(): Promise<void> {
    return this.process.stop();
  }
}

/** What a server has seen. */
export interface TarsStatistics {
  readonly calls: Readonly<Record<string, number>>;
  /** Texts of Fire. */
  readonly fired: readonly string[];
}

/** A process of its own. */
export class TarsServer {
  private constructor(
    private readonly process: PeerProcess,
    private readonly folder: string,
    private readonly label: string,
    readonly port: number,
  ) {}

  /** It listens when this returns. */
  static async start(label: string, port?: number): Promise<TarsServer> {
    const used = port ?? (await freePort());
    const folder = mkdtempSync(join(tmpdir(), "metaproto-tars-"));
    const process = await PeerProcess.start({
      name: `tars server ${label}`,
      command: peerArtifact(GO),
      args: ["server", JSON.stringify({ port: used, label, folder })],
    });
    return new TarsServer(process, folder, label, used);
  }

  async statistics(): Promise<TarsStatistics> {
    return (await this.process.request("statistics", {})) as TarsStatistics;
  }

  /** Kills the process, as a crash would. */
  async stop(): Promise<void> {
    await this.process.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Another process at the same port. */
  restart(): Promise<TarsServer> {
    return TarsServer.start(this.label, this.port);
  }
}
