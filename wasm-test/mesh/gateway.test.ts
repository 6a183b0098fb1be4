// An ingress gateway as Istio's agent runs it: services behind one port, told apart by what requests ask for, over Istio's
// mutual TLS to sidecars; and what the gateway, of another namespace, may know.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "../envoy/support/dubbo-peer.js";
import { expectRpcException, RpcCode } from "../envoy/support/expect-failure.js";
import { missingPodNetwork } from "./support/pod-network.js";
import { missingRig } from "./support/rig-binaries.js";
import { routesFor } from "./support/route-client.js";
import { SecuredMesh, type Workload } from "./support/secured-mesh.js";
import type { Sidecar } from "./support/sidecar.js";

const HELLO = { method: "sayHello", args: ["you"] };
const USER = { method: "getUser", args: ["7"] };
const PORT = 20900;

/** By name; the port of the pod. */
const SERVICES = { orders: 20881, users: 20882, secret: 20883, shared: 20884 };

function service(name: keyof typeof SERVICES, pod: Workload, exportTo = "*"): string {
  const portName = "tcp-metaprotocol-dubbo";
  const target = SERVICES[name];
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop, annotations: { networking.istio.io/exportTo: "${exportTo}" } }
spec: { selector: { app: shop }, ports: [{ name: ${portName}, port: 20880, targetPort: ${String(target)} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: shop, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: ${portName}, port: ${String(target)}, protocol: TCP }]
endpoints:
  - addresses: [${pod.pod.address}]
    conditions: { ready: true }
    targetRef: { kind: Pod, name: ${pod.name}, namespace: shop }
---
`;
}

function hostOf(name: keyof typeof SERVICES): string {
  return `${name}.shop.svc.cluster.local`;
}

function router(name: keyof typeof SERVICES, method: string): string {
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${hostOf(name)}]
  gateways: [edge/ingress]
  routes:
    - match: { attributes: { method: { exact: ${method} } } }
      route: [{ destination: { host: ${hostOf(name)}, port: { number: 20880 } } }]
---
`;
}

function policy(name: keyof typeof SERVICES, principal: string): string {
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaAuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${hostOf(name)}]
  rules: [{ from: [{ source: { principals: ["cluster.local/ns/${principal}"] } }] }]
---
`;
}

const GATEWAY = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ingress, namespace: edge }
spec:
  selector: { istio: ingress }
  servers: [{ port: { number: ${String(PORT)}, name: tcp-metaprotocol-dubbo, protocol: TCP }, hosts: ["*"] }]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
---
`;

const missing = [
  missingRig("etcd", "kube-apiserver", "istiod", "pilot-agent", "redirect"),
  missingPodNetwork(),
  missingDubboPeer(),
];

describeWith("a gateway with mutual TLS", missing, () => {
  let mesh: SecuredMesh;
  let server: Sidecar;
  let gateway: Sidecar;
  let consumer: DubboConsumer;
  let target: { readonly host: string; readonly port: number };

  beforeAll(async () => {
    mesh = await SecuredMesh.start(["shop", "edge"], ["dubbo"]);
    const shop = await mesh.workload({
      name: "shop-1",
      namespace: "shop",
      serviceAccount: "shop",
      labels: { app: "shop" },
    });
    const ingress = await mesh.workload(
      {
        name: "ingress-1",
        namespace: "edge",
        serviceAccount: "ingress",
        labels: { istio: "ingress" },
      },
      { isRedirected: false },
    );
    target = { host: ingress.pod.address, port: PORT };
    await mesh.apply(
      [
        service("orders", shop),
        service("users", shop),
        service("secret", shop, "."),
        service("shared", shop, "edge"),
        router("orders", "sayHello"),
        router("users", "getUser"),
        GATEWAY,
      ].join(""),
    );
    await mesh.startController();
    const endpoints = Object.entries(SERVICES).map(([label, port]) => ({
      label,
      port,
      host: shop.pod.address,
    }));
    mesh.with(await startDubboProvider({ endpoints, place: shop.pod.place }));
    consumer = mesh.with(await startDubboConsumer());
    [server, gateway] = await Promise.all([
      mesh.sidecar(shop),
      mesh.sidecar(ingress, { role: "router" }),
    ]);
  });

  afterAll(async () => {
    await mesh.stop();
  });

  test("has several services behind one port, by the method that is asked for", async () => {
    const result = await waitUntil(
      "the gateway's port is open",
      () => consumer.call({ ...target, reconnectMs: 500, heartbeatMs: 500 }, HELLO),
      { timeoutMs: 60_000, intervalMs: 200 },
    );
    expect(result.label).toBe("orders");
    expect(await consumer.call(target, USER)).toMatchObject({ label: "users" });
    const failure = await consumer.fail(target, { method: "echo", args: ["you"] });
    expect(failure.message).toMatch("metaproto: no route");
    expect(mesh.controller.log).not.toContain("left out");
    expect(await server.stat("listener.0.0.0.0_15006.ssl.handshake")).toBeGreaterThan(0);
    expect(await gateway.stat("cluster.metaproto-xds.ssl.handshake")).toBeGreaterThan(0);
  });

  test("is known to servers by its certificate", async () => {
    await mesh.apply(policy("orders", "edge/sa/ingress") + policy("users", "edge/sa/other"));
    const failure = await waitUntil("it is refused", () => consumer.fail(target, USER));
    expectRpcException(failure, RpcCode.Forbidden, "metaproto: access denied");
    expect(await consumer.call(target, HELLO)).toMatchObject({ label: "orders" });
  });

  test("gets no routes of services that are not exported to its namespace", async () => {
    const address = `${mesh.hostAddress}:${String(mesh.controller.xdsPort)}`;
    const names = (["orders", "secret", "shared"] as const).map((name) => `${hostOf(name)}_20880`);
    const nodeOf = (pod: string, namespace: string): string =>
      `sidecar~10.0.0.1~${pod}.${namespace}~${namespace}.svc.cluster.local`;
    const [edge, shop] = [nodeOf("ingress-1", "edge"), nodeOf("shop-1", "shop")];
    expect(await routesFor(address, server.identity(), shop, names)).toEqual(names.slice(0, 2));
    expect(await routesFor(address, gateway.identity(), edge, names)).toEqual([names[0], names[2]]);
    await expect(routesFor(address, gateway.identity(), shop, names)).rejects.toThrow(
      "must not speak for node",
    );
  });
});
