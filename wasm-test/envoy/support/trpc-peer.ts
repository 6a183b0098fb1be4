// tRPC for Go: servers, and a client that a test uses as its own; see wasm-test/peers/trpc-go.
import { PeerFailure, PeerProcess, missingPeer, peerArtifact } from "./peer-process.js";
import { freePort } from "./ports.js";

const GO = "trpc-go/trpcpeer";

/** Why it cannot be used here, or undefined. */
export function missingTrpcPeer(): string | undefined {
  return missingPeer(GO);
}

/** Where calls go. A client has connections for single calls, for multiplexed ones, and for streams. */
export interface TrpcTarget {
  readonly port: number;
  readonly multiplexed?: boolean;
  /** Milliseconds; default 5 000. */
  readonly timeoutMs?: number;
}

/** One unary call. The message `slow` takes 2 s, `business TEXT` and `framework TEXT` fail. */
export interface TrpcRequest {
  readonly message: string;
  /** Default SayHello. */
  readonly method?: "SayHello" | "SayHi";
  readonly metadata?: Readonly<Record<string, string>>;
  readonly oneway?: boolean;
}

/** What came of a call. */
export interface TrpcResult {
  /** What the server has seen of it. */
  readonly value: {
    readonly text: string;
    readonly metadata: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
  };
  readonly label: string;
  /** The trans_info of the response. */
  readonly attachments: Readonly<Record<string, string>>;
  readonly elapsedMs: number;
}

export interface TrpcTally {
  readonly succeeded: number;
  readonly failed: number;
  /** Answers by the server's label. */
  readonly labels: Readonly<Record<string, number>>;
  /** By class, code and text. */
  readonly errors: Readonly<Record<string, number>>;
}

/** So many requests, or as many as there are until the time is over. */
export interface TrpcBurst {
  readonly count?: number;
  readonly durationMs?: number;
  readonly concurrency?: number;
}

export type TrpcStreamMethod = "Echo" | "Gather" | "Scatter";

export class TrpcStream {
  constructor(
    private readonly process: PeerProcess,
    private readonly name: string,
  ) {}

  async send(text: string): Promise<void> {
    await this.ask("send", { text });
  }

  /** @throws PeerFailure of the class EOF at the end of the stream. */
  async receive(): Promise<string> {
    return (await this.ask("receive")) as string;
  }

  /** No more messages from the client. */
  async done(): Promise<void> {
    await this.ask("done");
  }

  async cancel(): Promise<void> {
    await this.ask("cancel");
  }

  /** Sends so many messages and receives as many, at the same time. @throws when the order is not kept. */
  async pump(count: number, bytes: number): Promise<void> {
    await this.ask("pump", { count, bytes });
  }

  /** Receives to the end. */
  async drain(): Promise<{ count: number; bytes: number; end: string }> {
    return (await this.ask("drain")) as { count: number; bytes: number; end: string };
  }

  private ask(op: string, fields: object = {}): Promise<unknown> {
    return this.process.request(op, { ...fields, stream: this.name });
  }
}

export class TrpcClient {
  private streams = 0;

  private constructor(private readonly process: PeerProcess) {}

  static async start(): Promise<TrpcClient> {
    const options = { name: "trpc client", command: peerArtifact(GO), args: ["client"] };
    return new TrpcClient(await PeerProcess.start(options));
  }

  /** @throws PeerFailure with what the client's own code would have caught. */
  async call(target: TrpcTarget, request: TrpcRequest): Promise<TrpcResult> {
    return (await this.process.request("call", { ...target, ...request })) as TrpcResult;
  }

  /** The failure of what must fail. */
  static async failure(of: Promise<unknown>): Promise<PeerFailure> {
    try {
      await of;
    } catch (error) {
      if (error instanceof PeerFailure) return error;
      throw error;
    }
    throw new Error("it did not fail");
  }

  async burst(
    target: TrpcTarget,
    requests: readonly TrpcRequest[],
    options: TrpcBurst,
  ): Promise<TrpcTally> {
    const fields = { ...target, ...options, requests };
    return (await this.process.request("burst", fields)) as TrpcTally;
  }

  /** Resolves when the server has taken the stream. */
  async open(
    port: number,
    method: TrpcStreamMethod,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<TrpcStream> {
    const stream = `stream ${String(++this.streams)}`;
    await this.process.request("open", { port, method, metadata, stream });
    return new TrpcStream(this.process, stream);
  }

  /** Kills the process. */
  stop(): Promise<void> {
    return this.process.stop();
  }
}

/** What an endpoint has seen. */
export interface TrpcStatistics {
  readonly calls: Readonly<Record<string, number>>;
  /** Texts of oneway calls of the message `fire TEXT`. */
  readonly fired: readonly string[];
  /** How streams ended for their handlers. */
  readonly ended: readonly string[];
  /** Handlers of streams that run. */
  readonly open: number;
}

/** One endpoint in a process of its own. */
export class TrpcServer {
  private constructor(
    private readonly process: PeerProcess,
    readonly label: string,
    readonly port: number,
    private readonly streams: boolean,
  ) {}

  /** It listens when this returns. With streams unary calls of a connection are worked on one by one. */
  static async start(label: string, streams: boolean, port?: number): Promise<TrpcServer> {
    const used = port ?? (await freePort());
    const endpoints = [{ label, streams, port: used }];
    const process = await PeerProcess.start({
      name: `trpc server ${label}`,
      command: peerArtifact(GO),
      args: ["server", JSON.stringify({ endpoints })],
    });
    return new TrpcServer(process, label, used, streams);
  }

  async statistics(): Promise<TrpcStatistics> {
    const all = (await this.process.request("statistics", {})) as Record<string, TrpcStatistics>;
    const own = all[this.label];
    if (own === undefined) throw new Error(`no statistics of ${this.label}`);
    return own;
  }

  /** Kills the process, as a crash would. */
  stop(): Promise<void> {
    return this.process.stop();
  }

  /** Another process at the same port. */
  restart(): Promise<TrpcServer> {
    return TrpcServer.start(this.label, this.streams, this.port);
  }
}
