import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pluginBytes } from "../modules/testing/plugin-bytes.js";
import { createLogger } from "../runtime/logger.js";
import { DirectoryStore } from "../stores/directory/directory-store.js";
import { ControlPlane } from "./control-plane.js";

let folder: string;
let controlPlane: ControlPlane | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-control-plane-"));
  mkdirSync(join(folder, "config"));
  mkdirSync(join(folder, "modules"));
});

afterEach(async () => {
  await controlPlane?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("it is alive at once, and ready when there is something to serve", async () => {
  // A module whose reading takes as long as the test wants.
  const slow = join(folder, "modules", "dubbo.wasm");
  execFileSync("mkfifo", [slow]);
  const port = await freePort();
  controlPlane = new ControlPlane({
    version: "1.2.3",
    source: new DirectoryStore(join(folder, "config")),
    modulesDirectory: join(folder, "modules"),
    xdsAddress: { host: "127.0.0.1", port: 0 },
    adminAddress: { host: "127.0.0.1", port },
    bindAddress: "127.0.0.1",
    peerTimeouts: { unreadMs: 30_000, tcpUserMs: 0 },
    logger: createLogger("error", () => undefined),
  });
  const started = controlPlane.start();
  const status = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  await expect.poll(() => status("/healthz")).toBe(200);
  expect(await status("/readyz")).toBe(503);
  expect(await status("/debug/mesh")).toBe(503);
  writeFileSync(slow, pluginBytes(1));
  await started;
  // An empty directory is a configuration too.
  expect(await status("/readyz")).toBe(200);
  expect(await status("/debug/mesh")).toBe(200);
});
