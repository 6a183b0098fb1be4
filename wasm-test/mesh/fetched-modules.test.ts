// Modules that Istio's own agents fetch, in a mesh as it is: sidecars with mutual TLS and gateways, official clients that
// stay connected. A version goes to proxies with a label, then to all; one that proxies cannot fetch changes nothing.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
import { ImageRegistry, missingImageRegistry } from "../envoy/support/image-registry.js";
import type { Traffic } from "../envoy/support/peer-client.js";
import { freePort } from "../envoy/support/ports.js";
import { ModuleRelay } from "./support/module-relay.js";
import { missingPodNetwork } from "./support/pod-network.js";
import { missingRig } from "./support/rig-binaries.js";
import { envoyFilterVersions } from "./support/resources.js";
import { SecuredMesh, type Workload } from "./support/secured-mesh.js";
import { endpointSlice, greeterService } from "./support/shop.js";
import type { Sidecar } from "./support/sidecar.js";

const HELLO = { method: "sayHello", args: ["you"] };
const GREETER = { host: "10.0.100.1", port: 20880 };
const GATEWAY_PORT = 20900;
const POD_PORT = 20881;
const PROTOCOL = "/apis/metaprotocol.aeraki.io/v1alpha1/applicationprotocols/dubbo";

const GATEWAY = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ingress, namespace: edge }
spec:
  selector: { istio: ingress }
  servers: [{ port: { number: ${String(GATEWAY_PORT)}, name: tcp-metaprotocol-dubbo, protocol: TCP }, hosts: ["*"] }]
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: greeter, namespace: shop }
spec:
  hosts: [greeter.shop.svc.cluster.local]
  gateways: [mesh, edge/ingress]
  routes: [{ name: all, route: [{ destination: { host: greeter.shop.svc.cluster.local, port: { number: 20880 } } }] }]
`;

const CANARY = { track: "canary" };
/** Name, namespace, and labels beside those that select it. */
const PODS = {
  caller: ["shop", {}],
  "greeter-1": ["shop", {}],
  "greeter-2": ["shop", CANARY],
  "ingress-1": ["edge", {}],
  "ingress-2": ["edge", CANARY],
} as const;
type PodName = keyof typeof PODS;
const NAMES = Object.keys(PODS) as PodName[];
const CANARIES: readonly PodName[] = ["greeter-2", "ingress-2"];

const missing = [
  missingRig("etcd", "kube-apiserver", "istiod", "pilot-agent", "redirect"),
  missingPodNetwork(),
  missingDubboPeer(),
  missingImageRegistry(),
];

const sha256Of = (code: Uint8Array): string => createHash("sha256").update(code).digest("hex");

describe.each(["http", "oci"])("by --module-delivery=%s", (delivery) => {
  describeWith("a module that agents fetch", missing, () => {
    const workloads = new Map<PodName, Workload>();
    const proxies = new Map<PodName, Sidecar>();
    let folder: string;
    let mesh: SecuredMesh;
    let registry: ImageRegistry;
    /** In front of what agents fetch modules from. */
    let relay: ModuleRelay;
    let images: string;
    let code: Buffer;
    /** In a pod with a sidecar, and on a machine that has none. */
    let inside: DubboConsumer;
    let outside: DubboConsumer;
    let references = 0;

    const addressOf = (name: PodName): string => workloads.get(name)?.pod.address ?? "";
    const nodeOf = (name: PodName): string => {
      const [namespace] = PODS[name];
      const type = name.startsWith("ingress") ? "router" : "sidecar";
      return `${type}~${addressOf(name)}~${name}.${namespace}~${namespace}.svc.cluster.local`;
    };

    /** The same module with one more custom section: other bytes, equal behaviour. Returns the digest of the code. */
    async function push(version: string): Promise<string> {
      const section = Buffer.from([0, 1 + version.length, version.length]);
      const content = Buffer.concat([code, section, Buffer.from(version)]);
      const file = join(folder, "dubbo.wasm");
      writeFileSync(file, content);
      // Of the other variant agents check the manifest only.
      const options = ["--plain-http", "--variant", "artifact"];
      const result = await metaproto("push", file, `${images}:${version}`, ...options);
      expect([result.code, result.stderr]).toEqual([0, ""]);
      return sha256Of(content);
    }

    const bind = (tag: string, canaryTag?: string): Promise<void> =>
      mesh.apply(
        JSON.stringify({
          apiVersion: "metaprotocol.aeraki.io/v1alpha1",
          kind: "ApplicationProtocol",
          metadata: { name: "dubbo" },
          spec: {
            protocol: "dubbo",
            codec: "dubbo",
            module: {
              url: `${images}:${tag}`,
              // A patch takes away only what is null.
              canary: {
                url: canaryTag === undefined ? null : `${images}:${canaryTag}`,
                labels: CANARY,
              },
            },
          },
        }),
      );

    /** What the resource's status says of its module. */
    const says = (text: string): Promise<unknown> =>
      waitUntil(
        text,
        async () => {
          const { body } = await mesh.server.call("GET", PROTOCOL);
          const { status } = body as {
            status?: { conditions: readonly { type: string; reason: string; message: string }[] };
          };
          const degraded = status?.conditions.find(({ type }) => type === "Degraded");
          return `${degraded?.reason ?? ""} ${degraded?.message ?? ""}`.includes(text);
        },
        { timeoutMs: 60_000, intervalMs: 200 },
      );

    /** By `metaproto status`: what connections begin with at these proxies. */
    const run = (names: readonly PodName[], sha256: string): Promise<unknown> =>
      waitUntil(
        `${names.join(", ")} run ${sha256.slice(0, 12)}`,
        async () => {
          const rows = (await mesh.controller.status()).split("\n");
          return names.every((name) => {
            const row = rows.find((line) => line.startsWith(nodeOf(name))) ?? "";
            return row.includes(` dubbo ${sha256.slice(0, 12)}`);
          });
        },
        { timeoutMs: 90_000, intervalMs: 500 },
      );

    /** Who is to connect where for its connection to be with this proxy: its gateway, outbound or inbound listener. */
    function placeOf(
      name: PodName,
    ): readonly [client: DubboConsumer, target: { readonly host: string; readonly port: number }] {
      if (name === "caller") return [inside, GREETER];
      const port = name.startsWith("ingress") ? GATEWAY_PORT : POD_PORT;
      return [outside, { host: addressOf(name), port }];
    }

    async function connectTo(name: PodName): Promise<void> {
      const [client, target] = placeOf(name);
      const reference = `new ${String((references += 1))}`;
      const { label } = await client.call({ ...target, reference }, HELLO);
      if (target.port === POD_PORT) expect(label).toBe(name);
    }

    /** Connections of the VM of this version, in the filter chains that `connectTo` leads to. */
    const connectionsWith = (name: PodName, sha256: string): Promise<number> => {
      const inbound = name.startsWith("greeter") ? ".inbound.[0-9a-f]+" : "";
      const pattern = `cluster.metaproto.dubbo${inbound}.${sha256.slice(0, 12)}.upstream_cx_active`;
      return proxies.get(name)?.stat(pattern) ?? Promise.resolve(NaN);
    };

    /** New connections to each proxy are with the version that it is to run. */
    const beginWith = (expected: (name: PodName) => string): Promise<unknown> =>
      waitUntil(
        "new connections are with the right version",
        async () => {
          const counts = await Promise.all(
            NAMES.map(async (name) => {
              await connectTo(name);
              return connectionsWith(name, expected(name));
            }),
          );
          return counts.every((count) => count > 0);
        },
        { timeoutMs: 30_000, intervalMs: 500 },
      );

    /** Through every proxy, on connections that stay. */
    async function startTraffic(): Promise<readonly Traffic[]> {
      const reference = `traffic ${String((references += 1))}`;
      return Promise.all(
        NAMES.map(async (name) => {
          const [client, target] = placeOf(name);
          const own = { ...target, reference, connections: 2, inFlight: 2 };
          const traffic = await client.traffic(own, [HELLO], 40);
          await waitUntil("it is answered", () => traffic.firstAnswers.length > 0);
          return traffic;
        }),
      );
    }

    async function expectNoFailure(traffics: readonly Traffic[]): Promise<void> {
      for (const traffic of traffics)
        expect(await traffic.stop()).toMatchObject({ failed: 0, errors: {} });
    }

    /** Its resources as YAML, and how its modules come. */
    async function startController(registryPort: number): Promise<void> {
      const modulesPort = await freePort();
      const port = delivery === "http" ? modulesPort : registryPort;
      relay = mesh.with(await ModuleRelay.start({ host: mesh.hostAddress, port }));
      const address = delivery === "http" ? registry.address : relay.address;
      images = `oci://${address}/team/dubbo`;
      await push("1.0");
      await bind("1.0");
      await mesh.startController(
        `--module-delivery=${delivery}`,
        `--module-address=127.0.0.1:${String(modulesPort)}`,
        `--module-url=http://${relay.address}`,
        `--module-cache=${join(folder, "cache")}`,
        ...["--plain-http", "--module-stage=1s", "--module-deadline=5s"],
      );
    }

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "metaproto-fetched-"));
      code = readFileSync(await buildWasm("dubbo"));
      mesh = await SecuredMesh.start(["shop", "edge"], []);
      registry = mesh.with(await ImageRegistry.start());
      for (const name of NAMES) {
        const [namespace, labels] = PODS[name];
        const [app = name] = name.split("-");
        const isRedirected = namespace === "shop";
        const own = isRedirected ? { app } : { istio: app };
        const fields = { name, namespace, serviceAccount: app, labels: { ...own, ...labels } };
        workloads.set(name, await mesh.workload(fields, { isRedirected }));
      }
      const greeters = (["greeter-1", "greeter-2"] as const).flatMap(
        (name) => workloads.get(name) ?? [],
      );
      const resources = [greeterService(GREETER.host), endpointSlice(greeters), GATEWAY];
      await mesh.apply(resources.join("---\n"));
      await startController(Number(registry.address.split(":")[1]));
      const place = workloads.get("caller")?.pod.place;
      [inside, outside] = await Promise.all([
        startDubboConsumer({ ...(place && { place }) }),
        startDubboConsumer(),
      ]);
      mesh.with(inside);
      mesh.with(outside);
      for (const { name, pod } of greeters) {
        const endpoint = { label: name, host: pod.address, port: POD_PORT };
        mesh.with(await startDubboProvider({ endpoints: [endpoint], place: pod.place }));
      }
      for (const [name, workload] of workloads) {
        const role = name.startsWith("ingress") ? "router" : "sidecar";
        proxies.set(name, await mesh.sidecar(workload, { role }));
      }
    });

    afterAll(async () => {
      await mesh.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    test("comes to sidecars and gateways with a label first, and then to all", async () => {
      const first = await push("1.0");
      await run(NAMES, first);
      await beginWith(() => first);
      const lasting = await startTraffic();

      const second = await push("2.0");
      await bind("1.0", "2.0");
      await run(CANARIES, second);
      await beginWith((name) => (CANARIES.includes(name) ? second : first));
      for (const name of NAMES.filter((other) => !CANARIES.includes(other)))
        expect([name, await connectionsWith(name, second)]).toEqual([name, 0]);
      await expectNoFailure(await startTraffic());

      await bind("2.0");
      await run(NAMES, second);
      await beginWith(() => second);
      await expectNoFailure(await startTraffic());
      await expectNoFailure(lasting);
    });

    test.each(["away", "corrupting"] as const)(
      "stays the former one where what proxies fetch from is %s",
      async (mode) => {
        const second = await push("2.0");
        const lasting = await startTraffic();
        relay.mode = mode;
        const third = await push(`3.0-${mode}`);
        await bind(`3.0-${mode}`);
        await says("ModuleRefused spec.module: none of 5 proxies (");
        await run(NAMES, second);
        await beginWith(() => second);
        for (const name of NAMES)
          expect([name, await connectionsWith(name, third)]).toEqual([name, 0]);
        await expectNoFailure(await startTraffic());
        // It is offered again by itself.
        relay.mode = "open";
        await beginWith(() => third);
        await says("AsExpected");
        await expectNoFailure(await startTraffic());
        await expectNoFailure(lasting);
        await bind("2.0");
        await beginWith(() => second);
      },
    );

    test("a pod that starts while no agent can fetch the next one has the one before", async () => {
      const second = await push("2.0");
      await bind("2.0");
      await beginWith(() => second);
      const third = await push("3.0-nowhere");
      const fields = { namespace: "shop", serviceAccount: "caller", labels: { app: "caller" } };
      const late = await mesh.workload({ name: "late", ...fields });
      const client = mesh.with(await startDubboConsumer({ place: late.pod.place }));
      relay.onlyFor = third;
      relay.mode = "away";
      await bind("3.0-nowhere");
      await waitUntil("proxies are offered it", async () =>
        Array.from((await envoyFilterVersions(mesh.server)).keys()).some((name) =>
          name.includes(third.slice(0, 12)),
        ),
      );
      const sidecar = await mesh.sidecar(late);
      await client.call({ ...GREETER, reference: "late" }, HELLO);
      const pattern = `cluster.metaproto.dubbo.${second.slice(0, 12)}.upstream_cx_active`;
      await waitUntil("it was served with the former one", async () => {
        return (await sidecar.stat(pattern)) > 0;
      });
      relay.mode = "open";
      relay.onlyFor = "";
      await bind("2.0");
      await says("AsExpected");
    });

    test("stays the former one where the control plane finds no other", async () => {
      const second = await push("2.0");
      const lasting = await startTraffic();
      await bind("4.0");
      await says("ModuleRefused spec.module: ");
      await registry.pause();
      await bind("5.0");
      await says("ModuleRefused spec.module: ");
      await run(NAMES, second);
      await registry.resume();
      await bind("2.0");
      await says("AsExpected");
      await beginWith(() => second);
      await expectNoFailure(lasting);
    });
  });
});
