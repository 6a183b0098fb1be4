// The whole of it on a real istiod: what the controller writes reaches a stock Envoy that plays a sidecar, and the
// traffic of official Dubbo libraries goes as MetaRouters say.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Listener } from "../../controlplane/gen/envoy/config/listener/v3/listener_pb.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "../envoy/support/dubbo-peer.js";
import { Envoy } from "../envoy/support/envoy.js";
import { answersByLabel, type PeerServer } from "../envoy/support/peer-client.js";
import { freePort } from "../envoy/support/ports.js";
import { ApiServer } from "./support/api-server.js";
import { Controller, CONTROLLER_NAMESPACE } from "./support/controller.js";
import { Istiod } from "./support/istiod.js";
import { countOf, listenersOf } from "./support/istiod-client.js";
import { prepareCluster } from "./support/prepared-cluster.js";
import { apply, envoyFilterVersions } from "./support/resources.js";
import { missingRig } from "./support/rig-binaries.js";
import { sidecarBootstrap } from "./support/sidecar-bootstrap.js";

const TCP_PROXY = "envoy.filters.network.tcp_proxy";
const ECHO = "envoy.filters.network.echo";
const HELLO = { method: "sayHello", args: ["you"] };
/** A workload of the service `inbound.shop`, in front of which nothing runs. */
const SERVER = { address: "10.9.9.9", namespace: "shop", labels: { app: "inbound" } };
const APP = { address: "10.9.9.5", namespace: "shop", labels: {} };
const STRANGER = { address: "10.9.9.8", namespace: "other", labels: { app: "x" } };

function resources(port: number, endpoints: readonly { label: string; port: number }[]): string {
  const list = endpoints.map(
    (endpoint) =>
      `{ address: 127.0.0.1, ports: { tcp-metaprotocol-dubbo: ${String(endpoint.port)} }, labels: { version: ${endpoint.label} } }`,
  );
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: greeter, namespace: shop }
spec:
  hosts: [greeter.shop]
  addresses: [127.0.0.1]
  ports: [{ number: ${String(port)}, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [${list.join(", ")}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: greeter, namespace: shop }
spec:
  host: greeter.shop
  trafficPolicy: { tls: { mode: DISABLE } }
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
# Nobody hands out the certificates that a sidecar gets from its agent.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: all, namespace: shop }
spec: { host: "*.shop", trafficPolicy: { tls: { mode: DISABLE } } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: inbound, namespace: shop, annotations: { workloadSelector: inbound } }
spec:
  hosts: [inbound.shop]
  addresses: [240.250.0.2]
  ports: [{ number: 20880, name: tcp-metaprotocol-dubbo, protocol: TCP, targetPort: 30880 }]
  location: MESH_INTERNAL
  resolution: STATIC
  exportTo: [.]
  endpoints: [{ address: ${SERVER.address}, ports: { tcp-metaprotocol-dubbo: 30880 }, labels: { app: inbound } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: anywhere, namespace: shop }
spec:
  hosts: [anywhere.shop]
  ports: [{ number: 7000, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: 10.9.9.7 }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: web, namespace: other }
spec:
  hosts: [web.other]
  addresses: [240.250.0.3]
  ports: [{ number: 7000, name: http, protocol: HTTP }]
  resolution: STATIC
  exportTo: ["*"]
  endpoints: [{ address: 10.9.9.6 }]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec: { egress: [{ hosts: ["./*"] }] }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: other }
spec: { egress: [{ hosts: ["./*"] }] }
---
${router("v1")}`;
}

function router(subset: string): string {
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: greeter, namespace: shop }
spec: { hosts: [greeter.shop], routes: [{ name: all, route: [{ destination: { host: greeter.shop, subset: ${subset} } }] }] }
`;
}

/** Names of the filters of each filter chain. */
function chainsOf(listener: Listener | undefined): string[][] {
  const chains = [...(listener?.filterChains ?? []), listener?.defaultFilterChain];
  return chains.flatMap((chain) => (chain ? [chain.filters.map(({ name }) => name)] : []));
}

/** Subject alternative names of the certificate that a server shows. */
function namesOfServer(port: number, ca: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, ca, ALPNProtocols: ["h2"] };
    const socket = connect({ ...options, checkServerIdentity: () => undefined }, () => {
      resolve(socket.getPeerCertificate().subjectaltname);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

const missing = [missingRig("etcd", "kube-apiserver", "istiod"), missingDubboPeer()];

describeWith("a mesh of Istio", missing, () => {
  const stops: (() => Promise<unknown>)[] = [];
  let server: ApiServer;
  let istiod: Istiod;
  let controller: Controller;
  let provider: PeerServer;
  let consumer: DubboConsumer;
  let envoy: Envoy;
  let port: number;

  beforeAll(async () => {
    server = await ApiServer.start();
    stops.push(() => server.stop());
    await prepareCluster(server, "shop", "other");
    istiod = await Istiod.start(server);
    stops.push(() => istiod.stop());
    provider = await startDubboProvider({ endpoints: [{ label: "v1" }, { label: "v2" }] });
    stops.push(() => provider.stop());
    port = await freePort();
    const endpoints = ["v1", "v2"].map((label) => ({ label, port: provider.port(label) }));
    await apply(server, resources(port, endpoints));
    controller = await Controller.start(server, "--plaintext");
    stops.push(() => controller.stop());
    envoy = await Envoy.start({ bootstrap: sidecarBootstrap(istiod.port, APP), timeoutMs: 60_000 });
    stops.push(() => envoy.stop());
    consumer = await startDubboConsumer();
    stops.push(() => consumer.stop());
  });

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  const answers = async (): Promise<readonly string[]> => {
    const burst = await consumer.burst({ port }, [HELLO], { count: 50, concurrency: 4 });
    expect(burst).toMatchObject({ succeeded: 50, errors: {} });
    return Array.from(answersByLabel(burst).keys());
  };

  test("has the module in outbound listeners, and what a sidecar lacks is not patched in", async () => {
    const listeners = await waitUntil("EnvoyFilters have reached istiod", async () => {
      const found = await listenersOf(istiod.port, SERVER);
      return chainsOf(found.get("240.250.0.2_20880")).flat().includes(ECHO) ? found : undefined;
    });
    const own = listeners.get("240.250.0.2_20880");
    expect(chainsOf(own).map((chain) => chain.slice(-2))).toEqual([["metaproto.dubbo", ECHO]]);
    expect(own?.metadata?.filterMetadata["metaproto"]).toEqual({
      route_configuration: "inbound.shop_20880",
    });
    const elsewhere = await listenersOf(istiod.port, STRANGER);
    expect(elsewhere.has("240.250.0.2_20880")).toBe(false);
  });

  test("has it in each inbound filter chain of the workload's port, and in no other", async () => {
    const listeners = await listenersOf(istiod.port, SERVER);
    const inbound = listeners.get("virtualInbound");
    const isPort = (chain: Listener["filterChains"][number]): boolean =>
      chain.filterChainMatch?.destinationPort === 30880;
    const chains = inbound?.filterChains.filter(isPort) ?? [];
    expect(chains.length).toBeGreaterThan(1);
    for (const { filters } of chains) {
      const names = filters.map(({ name }) => name).slice(-2);
      expect(names).toEqual([
        expect.stringMatching(/^metaproto\.dubbo\.inbound\.[0-9a-f]+$/),
        ECHO,
      ]);
    }
    const others = inbound?.filterChains.filter((chain) => !isPort(chain)) ?? [];
    expect(others.flatMap(({ filters }) => filters).filter(({ name }) => name === ECHO)).toEqual(
      [],
    );
    const plugin = chains[0]?.filters.at(-2)?.name ?? "";
    const type = "envoy.config.core.v3.TypedExtensionConfig";
    expect(await countOf(istiod.port, SERVER, type, [plugin, "metaproto.dubbo"])).toBe(2);
    expect(Array.from(listeners.keys()).filter((name) => name.startsWith(plugin))).toHaveLength(1);
  });

  test("leaves what is for no service alone, and HTTP, on a port that they share", async () => {
    const shared = await listenersOf(istiod.port, SERVER);
    expect(chainsOf(shared.get("0.0.0.0_7000")).at(-1)?.slice(-2)).toEqual([
      "metaproto.dubbo",
      ECHO,
    ]);
    const http = (await listenersOf(istiod.port, STRANGER)).get("0.0.0.0_7000");
    const chains = chainsOf(http);
    expect(chains.length).toBeGreaterThan(1);
    expect(chains.at(-1)?.at(-1)).toBe(TCP_PROXY);
    expect(chains.flat()).not.toContain(ECHO);
    expect(chains.flat()).not.toContain("metaproto.dubbo");
  });

  test("routes the traffic of a Dubbo client, live", async () => {
    const name = `127.0.0.1_${String(port)}`;
    await waitUntil(
      "the sidecar has the module",
      async () =>
        JSON.stringify(await envoy.configDump()).includes(
          `"route_configuration":"greeter.shop_${String(port)}"`,
        ),
      { timeoutMs: 30_000 },
    );
    expect(await envoy.listenerPort(name)).toBe(port);
    expect(await answers()).toEqual(["v1"]);
    await apply(server, router("v2"));
    await waitUntil("requests follow the routes", async () => (await answers()).join() === "v2", {
      timeoutMs: 20_000,
    });
  });

  test("keeps its EnvoyFilters as they are when the controller is killed and restarted", async () => {
    const before = await envoyFilterVersions(server);
    expect(before.size).toBeGreaterThan(5);
    await controller.killAndRestart();
    expect(await answers()).toEqual(["v2"]);
    await apply(server, router("v1"));
    await waitUntil("requests follow the routes", async () => (await answers()).join() === "v1", {
      timeoutMs: 30_000,
    });
    expect(await envoyFilterVersions(server)).toEqual(before);
  });

  test("gives the controller its certificate, by the token of its service account", async () => {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-token-"));
    stops.push(async () => {
      await Promise.resolve();
      rmSync(folder, { recursive: true });
    });
    await apply(
      server,
      `{ apiVersion: v1, kind: ServiceAccount, metadata: { name: metaproto, namespace: ${CONTROLLER_NAMESPACE} } }`,
    );
    const core = `/api/v1/namespaces/${CONTROLLER_NAMESPACE}`;
    const requested = await server.call("POST", `${core}/serviceaccounts/metaproto/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: ["istio-ca"] },
    });
    const root = await server.call("GET", `${core}/configmaps/istio-ca-root-cert`);
    const { token } = (requested.body as { status: { token: string } }).status;
    const { data } = root.body as { data: Readonly<Record<string, string>> };
    writeFileSync(join(folder, "token"), token);
    writeFileSync(join(folder, "root.pem"), data["root-cert.pem"] ?? "");
    const secured = await Controller.start(
      server,
      `--ca-address=127.0.0.1:${String(istiod.securePort)}`,
      "--ca-server-name=istiod.istio-system.svc",
      `--ca-token=${join(folder, "token")}`,
      `--ca-root=${join(folder, "root.pem")}`,
    );
    stops.push(() => secured.stop());
    const ca = data["root-cert.pem"] ?? "";
    const names = await waitUntil("proxies are served", () => namesOfServer(secured.xdsPort, ca));
    expect(names).toBe(`URI:spiffe://cluster.local/ns/${CONTROLLER_NAMESPACE}/sa/metaproto`);
  });
});
