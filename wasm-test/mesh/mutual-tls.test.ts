// Official Dubbo and Thrift clients and servers in pods whose connections are redirected to stock Envoys, as Istio's own
// agent runs them: outbound and inbound, with Istio's mutual TLS in between and to our control plane.
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "../envoy/support/dubbo-peer.js";
import { dubboHeartbeat, HEADER_SIZE } from "../envoy/support/dubbo-wire.js";
import { expectRpcException, RpcCode } from "../envoy/support/expect-failure.js";
import { answersByLabel, type TrafficTally } from "../envoy/support/peer-client.js";
import { TcpConnection } from "../envoy/support/tcp-connection.js";
import {
  missingThriftPeer,
  startThriftClient,
  startThriftServer,
  type ThriftClient,
} from "../envoy/support/thrift-peer.js";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { missingPodNetwork } from "./support/pod-network.js";
import { envoyFilterVersions } from "./support/resources.js";
import { missingRig } from "./support/rig-binaries.js";
import { SecuredMesh, type Workload } from "./support/secured-mesh.js";
import type { Sidecar } from "./support/sidecar.js";
import {
  authorizationPolicy,
  endpointSlice,
  greeterService,
  greeterRouter,
  thriftService,
} from "./support/shop.js";

const HELLO = { method: "sayHello", args: ["you"] };
const DUBBO = { host: "10.0.100.1", port: 20880 };
const ROUTERS = "/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters";
const ROUTES = '"route_configuration":"greeter.shop.svc.cluster.local_20880"';
const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
`;
const THRIFT = { ...FRAMED, host: "10.0.100.2", port: 9090 };

const missing = [
  missingRig("etcd", "kube-apiserver", "istiod", "pilot-agent", "redirect"),
  missingPodNetwork(),
  missingDubboPeer(),
  missingThriftPeer("python"),
];

describeWith("sidecars with mutual TLS", missing, () => {
  let mesh: SecuredMesh;
  let client: Sidecar;
  let workloads: readonly Workload[];
  let servers: readonly Sidecar[];
  let consumer: DubboConsumer;
  let thrift: ThriftClient;

  beforeAll(async () => {
    mesh = await SecuredMesh.start(["shop"], ["dubbo", "thrift"]);
    const server = (version: string): Promise<Workload> =>
      mesh.workload({
        name: `greeter-${version}`,
        namespace: "shop",
        serviceAccount: "greeter",
        labels: { app: "greeter", version },
      });
    workloads = [await server("v1"), await server("v2")];
    const caller = await mesh.workload({
      name: "caller",
      namespace: "shop",
      serviceAccount: "caller",
      labels: { app: "caller" },
    });
    await mesh.apply(
      [
        greeterService(DUBBO.host),
        endpointSlice(workloads),
        thriftService(workloads),
        greeterRouter({ v1: 100 }),
      ].join("---\n"),
    );
    await mesh.startController();
    [consumer, thrift] = await Promise.all([
      startDubboConsumer({ place: caller.pod.place }),
      startThriftClient("python", caller.pod.place),
    ]);
    mesh.with(consumer);
    mesh.with(thrift);
    for (const { pod, labels } of workloads) {
      const label = labels["version"] ?? "";
      const dubbo = { label, host: pod.address, port: 20881 };
      mesh.with(await startDubboProvider({ endpoints: [dubbo], place: pod.place }));
      const endpoint = { ...FRAMED, label, host: pod.address, port: 9091 };
      mesh.with(await startThriftServer("python", [endpoint], pod.place));
    }
    [client, ...servers] = (await Promise.all(
      [caller, ...workloads].map((workload) => mesh.sidecar(workload)),
    )) as [Sidecar, ...Sidecar[]];
  });

  afterAll(async () => {
    await mesh.stop();
  });

  const dubboLabels = async (count = 40): Promise<ReadonlyMap<string, number>> => {
    const burst = await consumer.burst(DUBBO, [HELLO], { count, concurrency: 4 });
    expect(burst).toMatchObject({ succeeded: count, errors: {} });
    return answersByLabel(burst);
  };

  const inbound = async (name: string): Promise<number> => {
    const values = await Promise.all(servers.map((server) => server.stat(name)));
    return values.reduce((sum, value) => sum + value, 0);
  };

  // Before there are other connections: Envoy closes those of former filter chains when it has drained them for 45 s.
  test("whoever has no certificate is served until mutual TLS is demanded, and then not", async () => {
    const answer = (): Promise<string> => plainHeartbeat(workloads[0]?.pod.address ?? "", 20881);
    await waitUntil("it is answered", async () => (await answer()) === "answered");
    await mesh.apply(STRICT);
    await waitUntil("it is not answered", async () => (await answer()) === "refused", {
      timeoutMs: 20_000,
    });
  });

  test("requests go through both sidecars, over TLS, to either endpoint by one connection", async () => {
    await client.waitForConfiguration(ROUTES);
    expect(await dubboLabels()).toEqual(new Map([["v1", 40]]));
    const seen = new Set<string>();
    await waitUntil("both servers were asked", async () => {
      const burst = await thrift.burst(THRIFT, [{ method: "hello", args: ["you"] }], { count: 40 });
      expect(burst).toMatchObject({ succeeded: 40, errors: {} });
      for (const label of answersByLabel(burst).keys()) seen.add(label);
      return seen.has("v1") && seen.has("v2");
    });
    const connections = "listener.10.0.100.2_9090.downstream_cx_total";
    expect(await client.stat(connections)).toBe(1);
    expect(await inbound("listener.0.0.0.0_15006.ssl.handshake")).toBeGreaterThanOrEqual(3);
    // Also to our control plane, each with its own certificate.
    for (const sidecar of [client, ...servers])
      expect(await sidecar.stat("cluster.metaproto-xds.ssl.handshake")).toBeGreaterThan(0);
  });

  test("MetaRouters take effect live, and no request fails", async () => {
    const traffic = await consumer.traffic({ ...DUBBO, reference: "live" }, [HELLO], 200);
    await traffic.waitForFirst("v1");
    await mesh.apply(greeterRouter({ v2: 100 }));
    await traffic.waitForFirst("v2", undefined, { timeoutMs: 20_000 });
    await waitUntil("all follow", async () => [...(await dubboLabels()).keys()].join() === "v2");
    await mesh.apply(greeterRouter({ v1: 50, v2: 50 }));
    await waitUntil("both are asked", async () => (await dubboLabels()).size === 2);
    await traffic.mark();
    // By its one connection.
    await Promise.all([traffic.waitForFirst("v1"), traffic.waitForFirst("v2")]);
    expect(failuresOf(await traffic.stop())).toEqual({});
  });

  test("the server's sidecar judges who calls, by the identity of the caller's certificate", async () => {
    await mesh.apply(authorizationPolicy("cluster.local/ns/shop/sa/somebody"));
    const failure = await waitUntil("the caller is refused", () => consumer.fail(DUBBO, HELLO));
    expectRpcException(failure, RpcCode.Forbidden, "metaproto: access denied");
    const denied = "wasmcustom.metaproto.dubbo.authorization_denied";
    await waitUntil("it was the server's", async () => (await inbound(denied)) > 0);
    expect(await client.stat(denied)).toBe(0);
    await mesh.apply(authorizationPolicy("cluster.local/ns/shop/sa/caller"));
    await waitUntil("the caller is let through", () => consumer.call(DUBBO, HELLO));
    await dubboLabels();
  });

  test("the server's sidecar applies local rate limits", async () => {
    const tokenBucket = { maxTokens: 3, tokensPerFill: 3, fillInterval: "1h" };
    await mesh.apply(greeterRouter({ v1: 100 }, { localRateLimit: { tokenBucket } }));
    const failure = await waitUntil("requests are refused", () => consumer.fail(DUBBO, HELLO));
    expectRpcException(failure, RpcCode.LimitExceeded, "metaproto: local rate limit exceeded");
    const enforced = "wasmcustom.metaproto.dubbo.local_rate_limit_enforced";
    await waitUntil("it was the server's", async () => (await inbound(enforced)) > 0);
    expect(await client.stat(enforced)).toBe(0);
    await mesh.apply(greeterRouter({ v1: 100 }, { localRateLimit: null }));
    await waitUntil("there is no limit", async () => (await dubboLabels()).size > 0);
  });

  test("a second MetaRouter of a host is told of in its status, and traffic goes on", async () => {
    const traffic = await consumer.traffic({ ...DUBBO, reference: "conflict" }, [HELLO], 100);
    await traffic.waitForFirst("v1");
    await mesh.apply(greeterRouter({ v2: 100 }, { name: "rival" }));
    const degraded = await waitUntil("its status says so", () => mesh.condition("rival"), {
      timeoutMs: 30_000,
    });
    expect(degraded).toContain("already routed by the MetaRouter `shop/greeter`");
    expect([...(await dubboLabels()).keys()]).toEqual(["v1"]);
    await mesh.server.call("DELETE", `${ROUTERS}/rival`);
    const tally = await traffic.stop();
    expect(failuresOf(tally)).toEqual({});
    expect([...answersByLabel(tally).keys()]).toEqual(["v1"]);
  });

  test("the controller is killed and comes back: no request fails, and no object changes", async () => {
    const dubbo = await consumer.traffic({ ...DUBBO, reference: "kill" }, [HELLO], 200);
    const calls = await thrift.traffic(THRIFT, [{ method: "hello", args: ["you"] }], 100);
    await Promise.all([dubbo.waitForFirst("v1"), calls.waitForFirst("v2")]);
    const before = await envoyFilterVersions(mesh.server);
    expect(before.size).toBeGreaterThan(5);
    await mesh.controller.killAndRestart();
    await mesh.apply(greeterRouter({ v2: 100 }));
    await dubbo.waitForFirst("v2", undefined, { timeoutMs: 60_000 });
    await waitUntil(
      "the controller writes again",
      () => mesh.controller.log.includes("is the leader"),
      {
        timeoutMs: 60_000,
      },
    );
    expect(failuresOf(await dubbo.stop())).toEqual({});
    expect(failuresOf(await calls.stop())).toEqual({});
    expect(await envoyFilterVersions(mesh.server)).toEqual(before);
  });

  test("a new module reaches all sidecars, no request fails, and bytes that are none change nothing", async () => {
    const [code, digest] = mesh.variantOf("dubbo", "another");
    const traffic = await consumer.traffic({ ...DUBBO, reference: "upgrade" }, [HELLO], 200);
    await traffic.waitForFirst("v2");
    mesh.replaceModule("dubbo", code);
    const proxies = [client, ...servers.slice(1)];
    const connections = `cluster.metaproto.dubbo(.inbound.[0-9a-f]+)?.${digest}.upstream_cx_active`;
    let attempts = 0;
    await waitUntil(
      "new connections are with the new module",
      async () => {
        attempts += 1;
        await consumer.call({ ...DUBBO, reference: `new ${String(attempts)}` }, HELLO);
        const [outbound, first] = await Promise.all(
          proxies.map((proxy) => proxy.stat(connections)),
        );
        return (outbound ?? 0) > 0 && (first ?? 0) > 0;
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    mesh.replaceModule("dubbo", Buffer.from("no module"));
    await waitUntil("it is refused", () => mesh.controller.log.includes("no valid WebAssembly"));
    expect([...(await dubboLabels()).keys()]).toEqual(["v2"]);
    expect(failuresOf(await traffic.stop())).toEqual({});
    mesh.replaceModule("dubbo", code);
  });
});

/** How often each text was told. */
function failuresOf({ failed, errors }: TrafficTally): Readonly<Record<string, number>> {
  return failed > 0 && Object.keys(errors).length === 0 ? { unknown: failed } : errors;
}

/** "refused": the connection was closed without an answer. */
async function plainHeartbeat(host: string, port: number): Promise<string> {
  const socket = connect(port, host);
  await once(socket, "connect");
  const connection = new TcpConnection(socket);
  connection.write(dubboHeartbeat(1n));
  try {
    await connection.read(HEADER_SIZE);
    return "answered";
  } catch {
    return connection.ended ? "refused" : "silent";
  } finally {
    connection.destroy();
  }
}
