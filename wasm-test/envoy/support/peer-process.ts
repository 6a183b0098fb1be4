// A client or server on an official library, in a process of its own, driven by JSON lines: commands
// with an id go in, one result per command and any number of events come out.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ChildProcess, type ChildProcessOptions } from "./child-process.js";
import { waitUntil } from "./deadline.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CACHE = process.env["METAPROTO_CACHE"] ?? `${ROOT}.cache`;
const READY_TIMEOUT_MS = 60_000;

/** Path of something below wasm-test/peers. */
export function peerSource(path: string): string {
  return `${ROOT}wasm-test/peers/${path}`;
}

/** Path of something that scripts/setup built below .cache/peers. */
export function peerArtifact(path: string): string {
  return `${CACHE}/peers/${path}`;
}

/** Why a peer cannot be used here, or undefined when it was built. For `describe.skipIf`. */
export function missingPeer(artifact: string): string | undefined {
  if (existsSync(peerArtifact(artifact))) return undefined;
  return `${artifact} was not built: run scripts/setup, it says which tool it lacks`;
}

/** A command that runs another one where it is to run, such as `["nsenter", "--net=/run/netns/pod"]`. */
export type PeerPlace = readonly [string, ...(readonly string[])];

/** What starts it there; default: here. */
export function placed(options: ChildProcessOptions, place?: PeerPlace): ChildProcessOptions {
  if (place === undefined) return options;
  const [command, ...args] = place;
  return { ...options, command, args: [...args, options.command, ...options.args] };
}

/** One exception of a chain of causes. `code` is the library's own number, if it has one. */
export interface FailureLink {
  readonly class: string;
  readonly message: string;
  readonly code?: number | null;
}

interface FailureFields {
  readonly message: string;
  readonly code: number | null;
  readonly chain: readonly FailureLink[];
}

/** What the client's own code would have caught. */
export class PeerFailure extends Error {
  /** Dubbo: code of the outermost RpcException. Thrift: type of the exception, or code of BizError. */
  readonly code: number | null;
  /** The exception and its causes, outermost first. */
  readonly chain: readonly FailureLink[];

  constructor(fields: FailureFields) {
    super(fields.message);
    this.name = "PeerFailure";
    this.code = fields.code;
    this.chain = fields.chain;
  }

  /** Class of the outermost exception. */
  get className(): string {
    return this.chain[0]?.class ?? "";
  }

  /** The whole chain as text, one exception per line. */
  describe(): string {
    return this.chain
      .map((link) => `${link.class}[${String(link.code ?? "")}]: ${link.message}`)
      .join("\n");
  }
}

interface Answer {
  readonly id?: number;
  readonly event?: string;
  readonly ok?: boolean;
  readonly value?: unknown;
  readonly error?: FailureFields;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** An event that a command causes while it runs; its fields depend on `event`. */
export type PeerEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** The process and its control channel. */
export class PeerProcess {
  private nextId = 1;
  private isReady = false;
  private readonly pending = new Map<number, Pending>();
  private readonly listeners = new Map<number, (event: PeerEvent) => void>();

  private constructor(private readonly process: ChildProcess) {
    process.onStdout((line) => {
      this.receive(JSON.parse(line) as Answer);
    });
    void process.exited.then((status) => {
      const how = `exit code ${String(status.code)}, signal ${String(status.signal)}`;
      for (const { reject } of this.pending.values()) {
        reject(new Error(`${process.name} ended (${how})\n${process.tail()}`));
      }
      this.pending.clear();
    });
  }

  /** Starts it and waits until it says that it is ready. */
  static async start(options: ChildProcessOptions): Promise<PeerProcess> {
    const process = new ChildProcess(options);
    const peer = new PeerProcess(process);
    try {
      await waitUntil(`${options.name} ready`, () => peer.isReady, {
        timeoutMs: READY_TIMEOUT_MS,
        abandonIf: () => (process.exitStatus === undefined ? undefined : "it has ended"),
      });
      return peer;
    } catch (error) {
      await process.stop("SIGKILL");
      throw new Error(`${options.name} did not start\n${process.tail()}`, { cause: error });
    }
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.process.exitStatus !== undefined;
  }

  /** Everything it printed, for messages. */
  tail(): string {
    return this.process.tail();
  }

  /** An id for a command whose events are wanted: `listener` gets them from now on. */
  subscribe(listener: (event: PeerEvent) => void): number {
    const id = this.nextId++;
    this.listeners.set(id, listener);
    return id;
  }

  /** Forgets the listener of `subscribe`. */
  unsubscribe(id: number): void {
    this.listeners.delete(id);
  }

  /** Sends a command and resolves with its value. @throws PeerFailure when the command failed. */
  request(op: string, fields: object, id = this.nextId++): Promise<unknown> {
    if (this.hasEnded) return Promise.reject(new Error(`${this.process.name} has ended`));
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.process.writeLine(JSON.stringify({ ...fields, op, id }));
    });
  }

  /** Kills it, as a crash would, or with SIGTERM lets it say goodbye (at most `graceMs`). */
  async stop(signal: "SIGKILL" | "SIGTERM" = "SIGKILL", graceMs = 20_000): Promise<void> {
    this.process.kill(signal);
    await this.process.stop(signal, graceMs);
  }

  private receive(answer: Answer): void {
    if (answer.event === "ready") {
      this.isReady = true;
      return;
    }
    const id = answer.id ?? 0;
    if (answer.event !== undefined) {
      this.listeners.get(id)?.(answer as PeerEvent);
      return;
    }
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (answer.error !== undefined) pending?.reject(new PeerFailure(answer.error));
    else pending?.resolve(answer.value);
  }
}
