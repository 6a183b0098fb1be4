import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ModuleSource } from "../ir/protocol.js";
import { moduleImage } from "../oci/module-image.js";
import { pushModule } from "../oci/push-module.js";
import { parseReference } from "../oci/reference.js";
import { RegistryClient } from "../oci/registry-client.js";
import { FakeRegistry } from "../oci/testing/fake-registry.js";
import { ManualClock } from "../runtime/manual-clock.js";
import { ModuleCache } from "./module-cache.js";
import { RemoteModules } from "./remote-modules.js";
import { pluginBytes } from "./testing/plugin-bytes.js";

const NAME = "acme@source";
const INTERVAL_MS = 60_000;

let folder: string;
let registry: FakeRegistry;
let clock: ManualClock;
let remote: RemoteModules;
let changes: number;

/** Another control plane on the same disk. */
function restart(): void {
  remote = new RemoteModules({
    cache: new ModuleCache(join(folder, "cache")),
    client: new RegistryClient(),
    clock,
    intervalMs: INTERVAL_MS,
    onChange: () => changes++,
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-remote-"));
  registry = await FakeRegistry.start();
  clock = new ManualClock();
  changes = 0;
  restart();
});

afterEach(async () => {
  remote.stop();
  await registry.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function push(tag: string, content: number): Promise<string> {
  const code = pluginBytes(content);
  const image = moduleImage(code, {
    variant: "compat",
    protocol: "acme",
    abi: "0.2.1",
    annotations: {},
  });
  const reference = parseReference(`${registry.address}/acme`);
  await pushModule(new RegistryClient(), image, reference, [tag]);
  return image.digest;
}

function source(tag: string, fields: Partial<ModuleSource> = {}): ModuleSource {
  const url = `oci://${registry.address}/acme:${tag}`;
  return { url, sha256: undefined, isVolatile: false, publicKey: undefined, ...fields };
}

async function want(from: ModuleSource): Promise<void> {
  remote.want(new Map([[NAME, from]]));
  await remote.settled(10_000);
}

/** Lets time pass, and what falls due come to its end. */
async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await remote.settled(10_000);
}

const code = (): number | undefined => remote.modules.get(NAME)?.code.at(-1);
const asked = (): number => registry.requests.length;

describe("a module from elsewhere", () => {
  test("is fetched once, and a tag that stays is not asked again, not even after a restart", async () => {
    await push("1", 1);
    await want(source("1"));
    expect([code(), remote.faults, changes]).toEqual([1, [], 1]);
    const requests = asked();
    await pass(10 * INTERVAL_MS);
    await want(source("1"));
    restart();
    await want(source("1"));
    expect([code(), asked()]).toEqual([1, requests]);
  });

  test("follows a tag that is to be followed, and fetches only what is new", async () => {
    await push("1", 1);
    await want(source("1", { isVolatile: true }));
    const blobs = (): number =>
      registry.requests.filter(({ path, method }) => method === "GET" && path.includes("/blobs/"))
        .length;
    const before = blobs();
    await pass(INTERVAL_MS);
    expect([code(), blobs(), changes]).toEqual([1, before, 1]);
    await push("1", 2);
    await pass(INTERVAL_MS - 1);
    expect(code()).toBe(1);
    await pass(1);
    expect([code(), blobs(), changes]).toEqual([2, before + 1, 2]);
  });

  test("stays while its successor cannot be had, which is tried again ever less often", async () => {
    await push("1", 1);
    await want(source("1"));
    await want(source("2"));
    expect(code()).toBe(1);
    expect(remote.faults).toEqual([
      expect.stringMatching(
        /^module oci:\/\/\S+\/acme:2: GET \S+manifests\/2: 404 MANIFEST_UNKNOWN: manifest unknown; the version before stays in use, sha256 [0-9a-f]{64}$/,
      ),
    ]);
    for (const waitMs of [1_000, 2_000, 4_000, 8_000]) {
      const requests = asked();
      await pass(waitMs - 1);
      expect(asked()).toBe(requests);
      await pass(1);
      expect(asked()).toBe(requests + 1);
    }
    await push("2", 2);
    await pass(16_000);
    expect([code(), remote.faults]).toEqual([2, []]);
  });

  test("is what its digest says, or not taken", async () => {
    const digest = await push("1", 1);
    await push("1", 2);
    await want(source("1", { sha256: digest.slice("sha256:".length) }));
    expect(code()).toBe(1);
    await want(source("1", { sha256: "0".repeat(64) }));
    expect(code()).toBe(1);
    expect(remote.faults[0]).toContain(`manifests/sha256:${"0".repeat(64)}: 404`);
  });

  test("must be signed where a key is asked for", async () => {
    await push("1", 1);
    const pem =
      "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqsvgKqvk+wTx6+vdUJZsyXnCY8eWJmVVUtZ4fXnGrO8fjcCM\nWhXXf9aJ1GZTe6zZ6cbyqkCqiHTqyZcKPH0RRQ==\n-----END PUBLIC KEY-----\n";
    await want(source("1", { publicKey: pem }));
    expect(code()).toBeUndefined();
    expect(remote.faults[0]).toMatch(/is not signed|no public key/);
    expect(remote.faults[0]).toContain("there is no version before");
  });

  test("is there after a restart while the registry is away, whatever was asked for last", async () => {
    await push("1", 1);
    await want(source("1", { isVolatile: true }));
    registry.intercept = (_, response) => {
      response.writeHead(503).end();
      return true;
    };
    restart();
    await want(source("1", { isVolatile: true }));
    expect(code()).toBe(1);
    expect(remote.faults[0]).toContain(": 503; the version before stays in use");
    restart();
    await want(source("2"));
    expect(code()).toBe(1);
    // A disk that lost its content has nothing to start with.
    for (const file of readdirSync(join(folder, "cache/modules")))
      writeFileSync(join(folder, "cache/modules", file), "damaged");
    restart();
    await want(source("1", { isVolatile: true }));
    expect(code()).toBeUndefined();
    registry.intercept = () => false;
    await pass(1_000);
    expect([code(), remote.faults]).toEqual([1, []]);
  });

  test("that no proxy would take is refused", async () => {
    const file = join(folder, "acme.wasm");
    const url = pathToFileURL(file).href;
    writeFileSync(file, pluginBytes(1));
    await want(source("", { url, isVolatile: true }));
    expect(code()).toBe(1);
    writeFileSync(file, "no module");
    await pass(INTERVAL_MS);
    expect(code()).toBe(1);
    expect(remote.faults[0]).toContain(`module ${url}: no valid WebAssembly`);
    writeFileSync(file, pluginBytes(2));
    await pass(1_000);
    expect([code(), remote.faults]).toEqual([2, []]);
    await want(source("", { url, sha256: "0".repeat(64) }));
    expect(remote.faults[0]).toMatch(
      /the file has sha256 [0-9a-f]{64}, not 0{64}; the version before/,
    );
  });

  test("is let go of when nobody wants it", async () => {
    await push("1", 1);
    await want(source("1", { isVolatile: true }));
    remote.want(new Map());
    const requests = asked();
    await pass(10 * INTERVAL_MS);
    expect([remote.modules.size, asked()]).toEqual([0, requests]);
  });
});
