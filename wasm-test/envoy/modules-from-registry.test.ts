// A protocol whose module comes from a registry of images: served to official clients, upgraded on one proxy first and
// then on all, taken back where it does not run, and kept while the registry is away.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pluginBytes } from "../../controlplane/modules/testing/plugin-bytes.js";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { ControlPlane, metaproto } from "./support/control-plane.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "./support/dubbo-peer.js";
import { Envoy } from "./support/envoy.js";
import { ImageRegistry, REGISTRY_USER, missingImageRegistry } from "./support/image-registry.js";
import type { PeerServer, Traffic } from "./support/peer-client.js";
import { freePort } from "./support/ports.js";
import { type ServiceOptions, listenerOf, serviceYaml } from "./support/resources.js";

interface ProxyView {
  readonly node: string;
  readonly modules: readonly { readonly protocol: string; readonly sha256?: string }[];
}

const CANARY = { track: "canary" };

describeWith("a module from a registry", [missingImageRegistry(), missingDubboPeer()], () => {
  let folder: string;
  let registry: ImageRegistry;
  let control: ControlPlane;
  let provider: PeerServer;
  let consumer: DubboConsumer;
  let service: ServiceOptions;
  let code: Buffer;
  const proxies: Envoy[] = [];
  let references = 0;

  const login = (): string[] => ["--docker-config", join(folder, "config.json")];
  const url = (tag: string): string => `oci://${registry.address}/team/dubbo:${tag}`;

  /** Stores a version, and returns the digest of its code. */
  async function push(tag: string, content: Uint8Array): Promise<string> {
    const file = join(folder, "dubbo.wasm");
    writeFileSync(file, content);
    const { code: status, stderr } = await metaproto("push", file, url(tag), ...login());
    expect([status, stderr]).toEqual([0, ""]);
    return createHash("sha256").update(content).digest("hex");
  }

  /** The same module with one more custom section: other bytes, equal behaviour. */
  const versionOf = (name: string): Buffer =>
    Buffer.concat([code, Buffer.from([0, 1 + name.length, name.length]), Buffer.from(name)]);

  function writeProtocol(module: object): void {
    const resource = {
      apiVersion: "metaprotocol.aeraki.io/v1alpha1",
      kind: "ApplicationProtocol",
      metadata: { name: "dubbo" },
      spec: { protocol: "dubbo", codec: "dubbo", module },
    };
    control.write("protocol.json", JSON.stringify(resource));
  }

  async function startProxy(node: string, labels: readonly string[]): Promise<Envoy> {
    const { stdout: bootstrap } = await metaproto(
      ...["bootstrap", "--node-id", node, "--xds-address", control.xdsAddress],
      ...labels.flatMap((label) => ["--node-label", label]),
    );
    const proxy = await Envoy.start({ bootstrap, concurrency: 1, expectedFailures: /wasm/i });
    proxies.push(proxy);
    await proxy.listenerPort(listenerOf(service));
    return proxy;
  }

  /** By node: the digest of what new connections get. */
  async function running(): Promise<Readonly<Record<string, string | undefined>>> {
    const { body } = await control.admin("/debug/proxies");
    const views = (JSON.parse(body) as { readonly proxies: readonly ProxyView[] }).proxies;
    return Object.fromEntries(views.map(({ node, modules }) => [node, modules[0]?.sha256]));
  }

  async function waitUntilRunning(expected: Readonly<Record<string, string>>): Promise<void> {
    const wanted = JSON.stringify(expected);
    await waitUntil(
      `proxies running ${wanted}`,
      async () => JSON.stringify(await running()) === wanted,
      {
        timeoutMs: 60_000,
      },
    );
  }

  /** Requests on connections of their own, which go to either proxy. */
  async function startTraffic(): Promise<Traffic> {
    const reference = `traffic ${String(++references)}`;
    const target = { port: service.port, connections: 4, inFlight: 2, reference };
    const traffic = await consumer.traffic(target, [{ method: "sayHello", args: ["you"] }], 200);
    await traffic.waitForFirst("v1");
    return traffic;
  }

  /** Lasting connections and new ones, while `change` happens: no request may fail. */
  async function underLoad(lasting: Traffic, change: () => Promise<void>): Promise<void> {
    await change();
    for (let round = 0; round < 3; round++)
      expect(await (await startTraffic()).stop()).toMatchObject({ failed: 0, errors: {} });
    await lasting.mark();
    await lasting.waitForFirst("v1");
  }

  beforeAll(async () => {
    code = readFileSync(await buildWasm("dubbo"));
    folder = mkdtempSync(join(tmpdir(), "metaproto-from-registry-"));
    registry = await ImageRegistry.start(true);
    const { username, password } = REGISTRY_USER;
    const auth = Buffer.from(`${username}:${password}`).toString("base64");
    writeFileSync(
      join(folder, "config.json"),
      JSON.stringify({ auths: { [registry.address]: { auth } } }),
    );
    [provider, consumer] = await Promise.all([
      startDubboProvider({ endpoints: [{ label: "v1" }] }),
      startDubboConsumer(),
    ]);
    const endpoints = [{ port: provider.port("v1"), version: "v1" }];
    service = { protocol: "dubbo", port: await freePort(), endpoints };
    control = await ControlPlane.start({}, [
      ...["--module-cache", join(folder, "cache"), "--module-interval", "200ms"],
      ...login(),
    ]);
    // Nothing but the registry has it.
    rmSync(control.modulePath("dubbo"), { force: true });
  });

  afterAll(async () => {
    for (const proxy of proxies) await proxy.stop();
    await Promise.all([provider.stop(), consumer.stop()]);
    await control.stop();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is served, upgraded by canary and then everywhere, and taken back where it does not run", async () => {
    const first = await push("1.0", code);
    writeProtocol({ url: url("1.0") });
    control.write("service.yaml", serviceYaml(service));
    await startProxy("edge-canary", ["track=canary", "zone=a"]);
    await startProxy("edge-plain", ["zone=a"]);
    await waitUntilRunning({ "edge-canary": first, "edge-plain": first });
    const lasting = await startTraffic();

    const second = await push("2.0", versionOf("two"));
    await underLoad(lasting, async () => {
      writeProtocol({ url: url("1.0"), canary: { url: url("2.0"), labels: CANARY } });
      await waitUntilRunning({ "edge-canary": second, "edge-plain": first });
    });
    const { stdout } = await control.command("status");
    expect(stdout).toMatch(new RegExp(`^edge-canary .* dubbo ${second.slice(0, 12)}$`, "m"));
    expect(stdout).toMatch(new RegExp(`^edge-plain .* dubbo ${first.slice(0, 12)}$`, "m"));

    await push("3.0", pluginBytes(1));
    await underLoad(lasting, async () => {
      writeProtocol({ url: url("1.0"), canary: { url: url("3.0"), labels: CANARY } });
      await waitUntilRunning({ "edge-canary": first, "edge-plain": first });
    });
    expect(control.log().join("\n")).toMatch(
      /proxy edge-canary: refused ECDS \(metaproto\.dubbo\.\w+\)/,
    );
    expect((await control.command("status")).stdout).toMatch(
      /^edge-canary: refused ECDS metaproto\.dubbo\.\w+: /m,
    );
    // One that starts with it has nothing to keep: it is given what runs.
    await startProxy("edge-late", ["track=canary"]);
    await waitUntilRunning({ "edge-canary": first, "edge-late": first, "edge-plain": first });

    await underLoad(lasting, async () => {
      writeProtocol({ url: url("2.0") });
      await waitUntilRunning({ "edge-canary": second, "edge-late": second, "edge-plain": second });
    });
    expect(await lasting.stop()).toMatchObject({ failed: 0, errors: {} });
    for (const proxy of proxies)
      expect(await proxy.stat("listener_manager.listener_modified")).toBe(0);
  });

  test("follows its tag, and stays where the tag or the registry does not", async () => {
    const nodes = Object.keys(await running());
    const all = (digest: string): Record<string, string> =>
      Object.fromEntries(nodes.map((node) => [node, digest]));
    const first = await push("stable", versionOf("three"));
    writeProtocol({ url: url("stable"), imagePullPolicy: "Always" });
    await waitUntilRunning(all(first));
    const second = await push("stable", versionOf("four"));
    await waitUntilRunning(all(second));

    const says = (text: string): Promise<unknown> =>
      waitUntil(text, () => control.log().some((line) => line.includes(text)));
    writeProtocol({ url: url("9.9"), imagePullPolicy: "Always" });
    await says(
      `${url("9.9")}: GET ${registry.address}/v2/team/dubbo/manifests/9.9: 404 MANIFEST_UNKNOWN`,
    );
    await says(`the version before stays in use, sha256 ${second}`);
    writeProtocol({ url: url("1.0"), sha256: "0".repeat(64) });
    await says(`${url("1.0")}: GET ${registry.address}/v2/team/dubbo/manifests/sha256:0000`);
    expect(await running()).toEqual(all(second));
    expect(await (await startTraffic()).stop()).toMatchObject({ failed: 0, errors: {} });

    // A control plane that starts while the registry is away, with the version that it had last.
    writeProtocol({ url: url("stable"), imagePullPolicy: "Always" });
    await says("of the reported faults and warnings are gone");
    await registry.pause();
    await control.kill();
    const traffic = await startTraffic();
    await control.restart();
    await waitUntilRunning(all(second));
    await says("ECONNREFUSED");
    expect(await traffic.stop()).toMatchObject({ failed: 0, errors: {} });
    expect(await (await startTraffic()).stop()).toMatchObject({ failed: 0, errors: {} });
    await registry.resume();
    const third = await push("stable", versionOf("five"));
    await waitUntilRunning(all(third));
  });

  test("tells nobody the password of its registry", async () => {
    const { username, password } = REGISTRY_USER;
    const secrets = [password, Buffer.from(`${username}:${password}`).toString("base64")];
    const pages = [
      "/debug/resources",
      "/debug/mesh",
      "/debug/snapshot",
      "/debug/proxies",
      "/metrics",
    ];
    const bodies = await Promise.all(pages.map(async (page) => (await control.admin(page)).body));
    const dumps = await Promise.all(proxies.map((proxy) => proxy.admin("/config_dump")));
    for (const text of [...bodies, ...dumps, control.log().join("\n")])
      for (const secret of secrets) expect(text).not.toContain(secret);
    expect(dumps[0]).toContain("allowed_capabilities");
  });
});
