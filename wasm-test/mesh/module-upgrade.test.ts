// A module from a real registry in a mesh of a real istiod: upgraded on canaries and then everywhere while clients are
// connected, refused where it does not start, and kept when the controller is killed meanwhile.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import wabt from "wabt";
import { pluginBytes } from "../../controlplane/modules/testing/plugin-bytes.js";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { metaproto } from "../envoy/support/control-plane.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "../envoy/support/dubbo-peer.js";
import { Envoy } from "../envoy/support/envoy.js";
import { ImageRegistry, missingImageRegistry } from "../envoy/support/image-registry.js";
import type { PeerServer, Traffic } from "../envoy/support/peer-client.js";
import { freePort } from "../envoy/support/ports.js";
import { ApiServer } from "./support/api-server.js";
import { Controller } from "./support/controller.js";
import { Istiod } from "./support/istiod.js";
import { nodeOf } from "./support/istiod-client.js";
import { prepareCluster } from "./support/prepared-cluster.js";
import { apply, envoyFilterVersions } from "./support/resources.js";
import { missingRig } from "./support/rig-binaries.js";
import { sidecarBootstrap } from "./support/sidecar-bootstrap.js";

const PLAIN = { address: "10.9.9.1", namespace: "shop", labels: { app: "web" } };
const CANARY = { address: "10.9.9.2", namespace: "shop", labels: { app: "web", track: "canary" } };
const [plain, canary] = [nodeOf(PLAIN).id, nodeOf(CANARY).id];

function service(port: number, endpoint: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: greeter, namespace: shop }
spec:
  hosts: [greeter.shop]
  addresses: [127.0.0.1]
  ports: [{ number: ${String(port)}, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { tcp-metaprotocol-dubbo: ${String(endpoint)} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: greeter, namespace: shop }
spec: { host: greeter.shop, trafficPolicy: { tls: { mode: DISABLE } } }
---
# Nobody hands out the certificates that a sidecar gets from its agent, and that other services want.
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec: { egress: [{ hosts: ["./*"] }] }
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: greeter, namespace: shop }
spec: { hosts: [greeter.shop], routes: [{ name: all, route: [{ destination: { host: greeter.shop } }] }] }
`;
}

/** Starts anywhere but in a proxy, which looks at what kind of function it imports. */
async function strangerToProxies(): Promise<Buffer> {
  const { parseWat } = await wabt().then((tools) => ({
    parseWat: (text: string) => tools.parseWat("m.wat", text),
  }));
  const exported = [
    "proxy_abi_version_0_2_1",
    "proxy_on_downstream_data",
    "proxy_on_upstream_data",
  ].map((name) => `(func (export "${name}"))`);
  const text = `(module (import "env" "proxy_log" (func (param i64) (result i64)))
    (memory (export "memory") 1)
    (func (export "malloc") (param i32) (result i32) i32.const 1024) ${exported.join(" ")})`;
  return Buffer.from(parseWat(text).toBinary({}).buffer);
}

const missing = [
  missingRig("etcd", "kube-apiserver", "istiod"),
  missingDubboPeer(),
  missingImageRegistry(),
];

describe.each([["inline"]])("by --module-delivery=%s", (delivery) => {
  describeWith("a module from a registry", missing, () => {
    const stops: (() => Promise<unknown>)[] = [];
    const proxies: Envoy[] = [];
    let folder: string;
    let server: ApiServer;
    let controller: Controller;
    let registry: ImageRegistry;
    let consumer: DubboConsumer;
    let provider: PeerServer;
    let port: number;
    let code: Buffer;
    let lasting: Traffic;
    let references = 0;

    const url = (tag: string): string => `oci://${registry.address}/team/dubbo:${tag}`;

    /** Stores a version, and returns the digest of its code. */
    async function push(tag: string, content: Uint8Array): Promise<string> {
      const file = join(folder, "dubbo.wasm");
      writeFileSync(file, content);
      const { code: status, stderr } = await metaproto("push", file, url(tag));
      expect([status, stderr]).toEqual([0, ""]);
      return createHash("sha256").update(content).digest("hex");
    }

    /** The same module with one more custom section: other bytes, equal behaviour. */
    const versionOf = (name: string): Buffer =>
      Buffer.concat([code, Buffer.from([0, 1 + name.length, name.length]), Buffer.from(name)]);

    const bind = (tag: string, canaryTag?: string): Promise<void> => {
      // A patch takes away only what is null.
      const other = canaryTag === undefined ? null : url(canaryTag);
      const resource = {
        apiVersion: "metaprotocol.aeraki.io/v1alpha1",
        kind: "ApplicationProtocol",
        metadata: { name: "dubbo" },
        spec: {
          protocol: "dubbo",
          codec: "dubbo",
          module: { url: url(tag), canary: { url: other, labels: { track: "canary" } } },
        },
      };
      return apply(server, JSON.stringify(resource));
    };

    const runs = (expected: Readonly<Record<string, string>>): Promise<unknown> =>
      waitUntil(
        `proxies run ${JSON.stringify(expected)}`,
        async () => {
          const running = await controller.running("dubbo");
          return Object.entries(expected).every(([node, sha256]) => running[node]?.[0] === sha256);
        },
        { timeoutMs: 90_000 },
      );

    /** What the resource's status says of its module. */
    const says = (text: string): Promise<unknown> =>
      waitUntil(
        text,
        async () => {
          const path = "/apis/metaprotocol.aeraki.io/v1alpha1/applicationprotocols/dubbo";
          const { body } = await server.call("GET", path);
          const { status } = body as {
            status?: { conditions: readonly { type: string; reason: string; message: string }[] };
          };
          const degraded = status?.conditions.find(({ type }) => type === "Degraded");
          return `${degraded?.reason ?? ""} ${degraded?.message ?? ""}`.includes(text);
        },
        { timeoutMs: 60_000 },
      );

    /** Requests on connections of their own, which go to either proxy. */
    async function startTraffic(): Promise<Traffic> {
      const reference = `traffic ${String(++references)}`;
      const target = { port, connections: 4, inFlight: 2, reference };
      const traffic = await consumer.traffic(target, [{ method: "sayHello", args: ["you"] }], 200);
      await traffic.waitForFirst("v1");
      return traffic;
    }

    /** New connections and those from the beginning are served. */
    async function expectNoFailure(): Promise<void> {
      for (let round = 0; round < 3; round++)
        expect(await (await startTraffic()).stop()).toMatchObject({ failed: 0, errors: {} });
      await lasting.mark();
      await lasting.waitForFirst("v1");
    }

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "metaproto-upgrade-"));
      code = readFileSync(await buildWasm("dubbo"));
      registry = await ImageRegistry.start();
      stops.push(() => registry.stop());
      await push("1.0", code);
      server = await ApiServer.start();
      stops.push(() => server.stop());
      await prepareCluster(server, "shop");
      const istiod = await Istiod.start(server);
      stops.push(() => istiod.stop());
      provider = await startDubboProvider({ endpoints: [{ label: "v1" }] });
      stops.push(() => provider.stop());
      consumer = await startDubboConsumer();
      stops.push(() => consumer.stop());
      port = await freePort();
      await apply(server, service(port, provider.port("v1")));
      await bind("1.0");
      controller = await Controller.start(
        server,
        "--plaintext",
        `--module-delivery=${delivery}`,
        `--module-address=127.0.0.1:${String(await freePort())}`,
        `--module-cache=${join(folder, "cache")}`,
        "--module-stage=1s",
        "--module-deadline=5s",
      );
      stops.push(() => controller.stop());
      for (const sidecar of [PLAIN, CANARY]) {
        const proxy = await Envoy.start({
          bootstrap: sidecarBootstrap(istiod.port, sidecar),
          concurrency: 1,
          timeoutMs: 60_000,
          expectedFailures: /wasm/i,
        });
        proxies.push(proxy);
        stops.push(() => proxy.stop());
      }
    });

    afterAll(async () => {
      for (const stop of stops.reverse()) await stop();
      rmSync(folder, { recursive: true, force: true });
    });

    test("is upgraded on canaries and then everywhere, and nothing of it is noticed", async () => {
      const first = createHash("sha256").update(code).digest("hex");
      await runs({ [plain]: first, [canary]: first });
      lasting = await startTraffic();
      const changes = (): Promise<readonly number[]> =>
        Promise.all(
          proxies.map((proxy) => proxy.stat("listener_manager.listener_in_place_updated")),
        );
      const before = await changes();

      const second = await push("2.0", versionOf("two"));
      await bind("1.0", "2.0");
      await runs({ [plain]: first, [canary]: second });
      expect((await controller.running("dubbo"))[plain]).toEqual([first]);
      await expectNoFailure();

      await bind("2.0");
      await runs({ [plain]: second, [canary]: second });
      await expectNoFailure();
      expect(await lasting.stop()).toMatchObject({ failed: 0, errors: {} });
      expect(await changes()).toEqual(before);
    });

    test("is refused when it does not start, by the controller or by the proxies it is for", async () => {
      const second = createHash("sha256").update(versionOf("two")).digest("hex");
      lasting = await startTraffic();
      await push("3.0", pluginBytes(1));
      await bind("3.0");
      await says(
        "ModuleRefused spec.module: it exports no memory; the version before stays in use",
      );
      await runs({ [plain]: second, [canary]: second });

      await push("4.0", await strangerToProxies());
      await bind("4.0");
      await says("ModuleRefused spec.module: none of 2 proxies (");
      await expectNoFailure();
      await bind("2.0", "4.0");
      await says("ModuleRefused spec.module.canary: no canary has started it, sha256");
      await runs({ [plain]: second, [canary]: second });
      await expectNoFailure();

      await bind("2.0");
      await says("AsExpected");
      await expectNoFailure();
      expect(await lasting.stop()).toMatchObject({ failed: 0, errors: {} });
    });

    test("is what it was after the controller was killed, also in an upgrade", async () => {
      const second = createHash("sha256").update(versionOf("two")).digest("hex");
      lasting = await startTraffic();
      const before = await envoyFilterVersions(server);
      await controller.killAndRestart();
      await runs({ [plain]: second, [canary]: second });
      expect(await envoyFilterVersions(server)).toEqual(before);
      await registry.pause();
      await controller.killAndRestart();
      await expectNoFailure();
      expect(await envoyFilterVersions(server)).toEqual(before);
      await registry.resume();

      const fifth = await push("5.0", versionOf("five"));
      await bind("5.0");
      await waitUntil(
        "the new version is on its way",
        async () =>
          [...(await envoyFilterVersions(server)).keys()].some((name) =>
            name.includes(fifth.slice(0, 12)),
          ),
        // The Lease of who was killed has to pass.
        { timeoutMs: 60_000 },
      );
      await controller.killAndRestart();
      await runs({ [plain]: fifth, [canary]: fifth });
      await expectNoFailure();
      expect(await lasting.stop()).toMatchObject({ failed: 0, errors: {} });
    });
  });
});
