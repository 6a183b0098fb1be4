// Servers that do what servers should not do: wasm-test/bench/load/misbehave.c, which says what each deed is.
import { ChildProcess } from "../envoy/support/child-process.js";
import { waitUntil } from "../envoy/support/deadline.js";
import type { LoadProtocol } from "../envoy/support/load.js";
import { freePort } from "../envoy/support/ports.js";
import { chaosProgram } from "./checked-load.js";

/** How many of 1000 requests meet it; the others are answered as they should be. */
export type Deeds = Partial<
  Record<"late" | "never" | "garbage" | "half" | "hangup" | "reset" | "twice" | "unknown", number>
>;

interface Counts {
  /** Connections now. */
  readonly open: number;
  readonly accepted: number;
  readonly requests: number;
}

/** A server on one port, or on some that follow each other. Call `kill` in the clean-up, always. */
export class BadServer {
  private process: ChildProcess | undefined;
  #ports: readonly number[] = [];
  private answers: Record<string, unknown>[] = [];

  private constructor(
    readonly protocol: LoadProtocol,
    private readonly listeners: number,
    private readonly seed: number,
  ) {}

  static async start(protocol: LoadProtocol, listeners = 1, seed = 1): Promise<BadServer> {
    const server = new BadServer(protocol, listeners, seed);
    // A port of its own, that no other process takes while the server is down; many: whatever is free.
    await server.run(listeners === 1 ? await freePort() : 0);
    return server;
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  get port(): number {
    return this.#ports[0] ?? 0;
  }

  get isRunning(): boolean {
    return this.process !== undefined;
  }

  /** As a crash would: connections are reset. */
  async kill(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    await process?.stop("SIGKILL");
  }

  /** On the same port, well-behaved. */
  async restart(): Promise<void> {
    await this.run(this.port);
  }

  misbehave(deeds: Deeds): void {
    const words = Object.entries(deeds).map(([name, chance]) => `${name}=${String(chance)}`);
    this.process?.writeLine(["do", ...words].join(" "));
  }

  behave(): void {
    this.misbehave({});
  }

  /** Withholds so many answers; resolves with a function that waits for the last of them. */
  gather(count: number): () => Promise<void> {
    this.process?.writeLine(`gather ${String(count)}`);
    return async () => {
      await this.answerTo("gathered", 60_000);
    };
  }

  /** Sends them at once; resolves when all have left. */
  async release(): Promise<void> {
    this.process?.writeLine("release");
    await this.answerTo("released", 60_000);
  }

  async counts(): Promise<Counts> {
    if (this.process === undefined) return { open: 0, accepted: 0, requests: 0 };
    this.process.writeLine("count");
    return (await this.answerTo("open", 10_000)) as unknown as Counts;
  }

  private async run(port: number): Promise<void> {
    const args = ["--protocol", this.protocol, "--port", String(port), "--seed", String(this.seed)];
    args.push("--listeners", String(this.listeners));
    const child = new ChildProcess({ name: "misbehave", command: chaosProgram("misbehave"), args });
    this.process = child;
    this.answers = [];
    child.onStdout((line) => this.answers.push(JSON.parse(line) as Record<string, unknown>));
    this.#ports = (await this.answerTo("ports", 10_000))["ports"] as number[];
  }

  /** Takes the first answer that has this field. */
  private answerTo(field: string, timeoutMs: number): Promise<Record<string, unknown>> {
    const { process } = this;
    return waitUntil(
      `a server's "${field}"`,
      () => {
        const index = this.answers.findIndex((answer) => field in answer);
        return index < 0 ? undefined : this.answers.splice(index, 1)[0];
      },
      {
        timeoutMs,
        intervalMs: 2,
        abandonIf: () => (process?.exitStatus === undefined ? undefined : process.tail()),
      },
    );
  }
}
