// brpc-java: servers, and a client that a test uses as its own; see wasm-test/peers/brpc-java.
import { delimiter } from "node:path";
import { PeerFailure, PeerProcess, missingPeer, peerArtifact } from "./peer-process.js";
import { freePort } from "./ports.js";

/** Why it cannot be used here, or undefined. */
export function missingBrpcPeer(): string | undefined {
  return missingPeer("brpc-java/classes");
}

/** Echo and Other are answered, Silent is not, Fail is an exception of the server's. */
export interface BrpcRequest {
  readonly method: "Echo" | "Other" | "Silent" | "Fail";
  readonly text?: string;
  /** The library's key-value attachment. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface BrpcResult {
  /** Of the server that answered. */
  readonly label: string;
  /** As the server was told. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface BrpcTally {
  /** Answers by the server's label. */
  readonly labels: Readonly<Record<string, number>>;
  /** Failures by the text of their cause. */
  readonly errors: Readonly<Record<string, number>>;
}

function startJava(name: string, className: string, ...options: string[]): Promise<PeerProcess> {
  const classPath = [peerArtifact("brpc-java/classes"), peerArtifact("brpc-java/lib/*")];
  const flags = [
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    ...["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"],
  ];
  const args = [...flags, "-cp", classPath.join(delimiter), className, ...options];
  return PeerProcess.start({ name, command: "java", args });
}

/** All its calls to a port share one connection, and none is tried again. */
export class BrpcClient {
  private constructor(private readonly process: PeerProcess) {}

  static async start(): Promise<BrpcClient> {
    return new BrpcClient(await startJava("brpc client", "demo.Client"));
  }

  /** @throws PeerFailure with what the client's own code would have caught. */
  async call(port: number, request: BrpcRequest): Promise<BrpcResult> {
    return (await this.process.request("call", { port, ...request })) as BrpcResult;
  }

  /** The failure of a call that must fail. */
  async fail(port: number, request: BrpcRequest): Promise<PeerFailure> {
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
  ): Promise<BrpcTally> {
    return (await this.process.request("burst", { port, ...options })) as BrpcTally;
  }

  /** Kills the process. */
  stop(): Promise<void> {
    return this.process.stop();
  }
}

/** A process of its own. */
export class BrpcServer {
  private constructor(
    private readonly process: PeerProcess,
    private readonly label: string,
    readonly port: number,
  ) {}

  /** It listens when this returns. */
  static async start(label: string, port?: number): Promise<BrpcServer> {
    const used = port ?? (await freePort());
    const options = JSON.stringify({ port: used, label });
    return new BrpcServer(
      await startJava(`brpc server ${label}`, "demo.Server", options),
      label,
      used,
    );
  }

  /** How often each method was called. */
  async calls(): Promise<Readonly<Record<string, number>>> {
    const { calls } = (await this.process.request("statistics", {})) as {
      calls: Readonly<Record<string, number>>;
    };
    return calls;
  }

  /** Kills the process, as a crash would. */
  stop(): Promise<void> {
    return this.process.stop();
  }

  /** Another process at the same port. */
  restart(): Promise<BrpcServer> {
    return BrpcServer.start(this.label, this.port);
  }
}
