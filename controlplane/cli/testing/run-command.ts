// Runs the command from its sources, as a process of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
/** Packages of this repository as their sources are, too. */
const FROM_SOURCES = ["--conditions", "metaproto-source", "--import", "tsx"];
const DEADLINE_MS = 120_000;

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function spawnCommand(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...FROM_SOURCES, MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs the command to its end. */
export function runCommand(...args: string[]): Promise<CommandResult> {
  return finish(spawnCommand(args));
}

/** Likewise, with a reader that is gone before anything is printed. */
export function runCommandUnread(...args: string[]): Promise<CommandResult> {
  const child = spawnCommand(args);
  child.stdout?.destroy();
  return finish(child);
}

function finish(child: ChildProcess): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

/** A running `metaproto serve`. Stop it in the test's clean-up. */
export class ServeProcess {
  readonly log: string[] = [];
  xdsPort = 0;
  /** `127.0.0.1:<port>`. */
  adminAddress = "";
  private readonly exited: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    this.exited = new Promise((resolve) => {
      child.on("close", resolve);
    });
  }

  /** Resolves when it listens. @throws Error with its log when it ends before. */
  static async start(config: string, modules: string): Promise<ServeProcess> {
    const addresses = ["--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
    const child = spawnCommand(["serve", "--config", config, "--modules", modules, ...addresses]);
    const serve = new ServeProcess(child);
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => {
        child.kill("SIGKILL");
        reject(new Error(`metaproto serve ${why}:\n${serve.log.join("\n")}`));
      };
      const timer = setTimeout(() => {
        fail("does not listen in time");
      }, DEADLINE_MS);
      if (child.stderr === null) throw new Error("no stderr");
      createInterface({ input: child.stderr }).on("line", (line) => {
        serve.log.push(line);
        const match = /serving xDS on [^ ]*:(\d+), admin on http:\/\/(\S+)$/.exec(line);
        if (match === null) return;
        serve.xdsPort = Number(match[1]);
        serve.adminAddress = match[2] ?? "";
        clearTimeout(timer);
        resolve();
      });
      void serve.exited.then((code) => {
        clearTimeout(timer);
        fail(`ended with ${code ?? "a signal"}`);
      });
    });
    return serve;
  }

  /** The body of an admin path. */
  async admin(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`http://${this.adminAddress}${path}`);
    return { status: response.status, body: await response.text() };
  }

  /** Asks it to stop and returns its exit code. */
  async stop(): Promise<number | null> {
    this.child.kill("SIGTERM");
    return this.exited;
  }
}
