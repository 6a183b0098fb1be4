// A shell that commands are typed into, one after the other: it remembers folders and what runs in the background.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface ShellResult {
  readonly code: number;
  /** Of both streams. */
  readonly output: string;
}

/** Call `stop` in the test's clean-up, always: it ends what commands have left running, too. */
export class Shell {
  private readonly files = mkdtempSync(join(tmpdir(), "metaproto-shell-"));
  private readonly child: ChildProcess;
  private answer: ((line: string) => void) | undefined;
  private readonly exited: Promise<void>;

  /** @param environment besides that of the test. */
  constructor(folder: string, environment: Readonly<Record<string, string>> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
    this.child = spawn("bash", ["--noprofile", "--norc"], {
      cwd: folder,
      env: { ...Object.fromEntries(inherited), ...environment },
      stdio: ["pipe", "pipe", "ignore"],
      // A group of its own, which ends as a whole.
      detached: true,
    });
    this.exited = new Promise((resolve) => {
      this.child.on("exit", () => {
        resolve();
      });
    });
    if (this.child.stdout !== null)
      createInterface({ input: this.child.stdout }).on("line", (line) => this.answer?.(line));
  }

  /** Runs a command to its end, or starts it if it ends with `&`. */
  async run(command: string): Promise<ShellResult> {
    const file = join(this.files, "output");
    const code = await new Promise<number>((resolve, reject) => {
      this.answer = (line) => {
        resolve(Number(line));
      };
      void this.exited.then(() => {
        reject(new Error(`the shell has ended: ${command}`));
      });
      this.child.stdin?.write(`{ ${command}\n} < /dev/null > '${file}' 2>&1; echo $?\n`);
    });
    return { code, output: readFileSync(file, "utf8") };
  }

  /** Ends everything that was started. */
  async stop(): Promise<void> {
    const { pid } = this.child;
    if (pid !== undefined && this.child.exitCode === null) process.kill(-pid, "SIGKILL");
    await this.exited;
    rmSync(this.files, { recursive: true, force: true });
  }
}
