// A real registry of images (distribution), on a free port and in a folder of its own; and crane, another client of it.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ChildProcess } from "./child-process.js";
import { waitUntil } from "./deadline.js";
import { missingPeer, peerArtifact } from "./peer-process.js";
import { freePort } from "./ports.js";

const REGISTRY = "oci-go/registry";
const CRANE = "oci-go/crane";
const run = promisify(execFile);

/** Whom a registry with passwords lets in. */
export const REGISTRY_USER = { username: "ann", password: "tell nobody" };
/** Of that password; the registry takes bcrypt only. */
const HTPASSWD = "ann:$2b$04$uPh/4Vyo05VsjIg/.Xngle9IilUf.3I3WqX4RNu5dn30nu7.nqym2\n";

/** Why a registry cannot be used here, or undefined. */
export function missingImageRegistry(): string | undefined {
  return missingPeer(REGISTRY) ?? missingPeer(CRANE);
}

/** A running registry on 127.0.0.1. Call `stop` in the test's clean-up, always. */
export class ImageRegistry {
  private constructor(
    private readonly folder: string,
    /** `127.0.0.1:<port>`. */
    readonly address: string,
    private process: ChildProcess,
  ) {}

  /** Resolves when it answers. @param hasPasswords lets in REGISTRY_USER only. */
  static async start(hasPasswords = false): Promise<ImageRegistry> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-registry-"));
    const address = `127.0.0.1:${String(await freePort())}`;
    writeFileSync(join(folder, "htpasswd"), HTPASSWD);
    const auth = hasPasswords
      ? { auth: { htpasswd: { realm: "registry", path: join(folder, "htpasswd") } } }
      : {};
    // JSON is YAML, too.
    const config = {
      version: "0.1",
      storage: { filesystem: { rootdirectory: join(folder, "data") } },
      http: { addr: address },
      ...auth,
    };
    writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
    const registry = new ImageRegistry(folder, address, spawnRegistry(folder));
    await registry.ready();
    return registry;
  }

  /** Where a blob lies: what it holds can be changed behind the registry's back. */
  blobFile(digest: string): string {
    const hex = digest.slice("sha256:".length);
    const path = ["docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data"];
    return join(this.folder, "data", ...path);
  }

  /** What crane prints. */
  async crane(...args: readonly string[]): Promise<Buffer> {
    const { stdout } = await run(peerArtifact(CRANE), [...args], {
      encoding: "buffer",
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  }

  /** Ends it, as an outage would; what it holds stays. */
  async pause(): Promise<void> {
    await this.process.stop("SIGKILL");
  }

  /** Starts it again after `pause`, at the same port. */
  async resume(): Promise<void> {
    this.process = spawnRegistry(this.folder);
    await this.ready();
  }

  async stop(): Promise<void> {
    await this.process.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    try {
      await waitUntil("a registry that answers", () => isAnswering(this.address), {
        abandonIf: () => (this.process.exitStatus === undefined ? undefined : "it has ended"),
      });
    } catch (error) {
      await this.stop();
      throw new Error(`the registry did not start\n${this.process.tail()}`, { cause: error });
    }
  }
}

function spawnRegistry(folder: string): ChildProcess {
  return new ChildProcess({
    name: "registry",
    command: peerArtifact(REGISTRY),
    args: ["serve", join(folder, "config.yml")],
    env: { OTEL_TRACES_EXPORTER: "none" },
  });
}

async function isAnswering(address: string): Promise<boolean> {
  const { status } = await fetch(`http://${address}/v2/`);
  return status === 200 || status === 401;
}
