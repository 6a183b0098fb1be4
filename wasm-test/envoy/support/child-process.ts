// One process of a test: its output captured, its end awaited, killed when the test process ends.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What to run. */
export interface ChildProcessOptions {
  /** Name used in messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to the environment of the test process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a process ended: its exit code, or the signal that killed it. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const MAX_CAPTURED_LINES = 20_000;
const running = new Set<ChildProcess>();
let isExitHookInstalled = false;

function killAllOnExit(): void {
  if (isExitHookInstalled) return;
  isExitHookInstalled = true;
  process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
  });
}

/**
 * A child in the process group of the test run, so that whoever kills the group kills it too.
 * Lines of both outputs are kept (the newest 20 000) and offered to listeners as they come.
 */
export class ChildProcess {
  readonly name: string;
  /** Resolves once the process has ended and its output has been read. Never rejects. */
  readonly exited: Promise<ExitStatus>;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: string[] = [];
  private readonly stdoutListeners: ((line: string) => void)[] = [];
  private readonly listeners: ((line: string) => void)[] = [];
  private status: ExitStatus | undefined;

  constructor(options: ChildProcessOptions) {
    killAllOnExit();
    this.name = options.name;
    this.child = spawn(options.command, options.args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.add(this);
    // A child that died leaves a broken pipe behind; its exit status tells the story.
    this.child.stdin.on("error", () => undefined);
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.keep(line);
      for (const listener of this.stdoutListeners) listener(line);
    });
    createInterface({ input: this.child.stderr }).on("line", (line) => {
      this.keep(line);
    });
    this.exited = new Promise((resolve) => {
      const finish = (status: ExitStatus): void => {
        running.delete(this);
        this.status = status;
        resolve(status);
      };
      this.child.on("error", (error) => {
        this.keep(`${this.name}: ${error.message}`);
        if (this.child.pid === undefined) finish({ code: 127, signal: null });
      });
      this.child.on("close", (code, signal) => {
        finish({ code, signal });
      });
    });
  }

  /** Process id; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Undefined while the process runs. */
  get exitStatus(): ExitStatus | undefined {
    return this.status;
  }

  /** Calls `listener` for each later line of standard output. */
  onStdout(listener: (line: string) => void): void {
    this.stdoutListeners.push(listener);
  }

  /** Calls `listener` for each later line of either output. */
  onOutput(listener: (line: string) => void): void {
    this.listeners.push(listener);
  }

  /** Writes one line to the standard input. */
  writeLine(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  /** Both outputs, in the order of arrival. */
  output(): readonly string[] {
    return this.lines;
  }

  /** The last `count` lines of output, for messages. */
  tail(count = 40): string {
    return this.lines.slice(-count).join("\n");
  }

  kill(signal: NodeJS.Signals): void {
    if (this.status === undefined) this.child.kill(signal);
  }

  /** Asks the process to end by `signal` and kills it after `graceMs` milliseconds. */
  async stop(signal: NodeJS.Signals = "SIGTERM", graceMs = 5_000): Promise<ExitStatus> {
    this.child.stdin.end();
    this.kill(signal);
    const timer = setTimeout(() => {
      this.kill("SIGKILL");
    }, graceMs);
    const status = await this.exited;
    clearTimeout(timer);
    return status;
  }

  private keep(line: string): void {
    this.lines.push(line);
    for (const listener of this.listeners) listener(line);
    if (this.lines.length > MAX_CAPTURED_LINES) this.lines.splice(0, MAX_CAPTURED_LINES / 10);
  }
}
