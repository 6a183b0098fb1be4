// A waypoint of ambient mode, as Istio's own agent runs it but with a stock Envoy: clients reach it by tunnels, as ztunnel
// makes them, and the servers behind it have no proxy.
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
import { answersByLabel } from "../envoy/support/peer-client.js";
import { HboneTunnel } from "./support/hbone-tunnel.js";
import { missingPodNetwork } from "./support/pod-network.js";
import { applyWithStatus } from "./support/resources.js";
import { missingGatewayApi, missingRig } from "./support/rig-binaries.js";
import { SecuredMesh, type Workload } from "./support/secured-mesh.js";
import type { Sidecar } from "./support/sidecar.js";
import {
  authorizationPolicy,
  endpointSlice,
  greeterRouter,
  greeterService,
} from "./support/shop.js";
import { waypointObjects, WAYPOINT_LABELS } from "./support/waypoint-objects.js";

const HELLO = { method: "sayHello", args: ["you"] };
const VIP = "10.0.100.1";
const GREETER = "/api/v1/namespaces/shop/services/greeter";
const CHAIN = "inbound-vip|20880|tcp|greeter.shop.svc.cluster.local";

const missing = [
  missingRig("etcd", "kube-apiserver", "istiod", "pilot-agent"),
  missingGatewayApi(),
  missingPodNetwork(),
  missingDubboPeer(),
];

describeWith("a waypoint", missing, () => {
  let mesh: SecuredMesh;
  let waypoint: Sidecar;
  let consumer: DubboConsumer;
  /** Each with the identity of the service account of its name. */
  let caller: HboneTunnel;
  let stranger: HboneTunnel;

  beforeAll(async () => {
    mesh = await SecuredMesh.start(["shop"], ["dubbo"], true);
    const bare = { isRedirected: false, hasSidecar: false };
    const server = (version: string): Promise<Workload> => {
      const labels = { app: "greeter", version };
      const name = `greeter-${version}`;
      return mesh.workload({ name, namespace: "shop", serviceAccount: "greeter", labels }, bare);
    };
    const workloads = [await server("v1"), await server("v2")];
    const own = await mesh.workload(
      {
        name: "waypoint-1",
        namespace: "shop",
        serviceAccount: "waypoint",
        labels: WAYPOINT_LABELS,
      },
      bare,
    );
    await mesh.apply(
      [greeterService(VIP), endpointSlice(workloads), greeterRouter({ v1: 100 })].join("---\n"),
    );
    const labels = { "istio.io/use-waypoint": "waypoint" };
    const type = "application/merge-patch+json";
    await mesh.server.call("PATCH", GREETER, { metadata: { labels } }, type);
    await waitUntil("the Gateway API is served", async () => {
      await applyWithStatus(mesh.server, waypointObjects(own.pod.address));
      return true;
    });
    await mesh.startController("--waypoints");
    for (const { pod, labels: of } of workloads) {
      const dubbo = { label: of["version"] ?? "", host: pod.address, port: 20881 };
      mesh.with(await startDubboProvider({ endpoints: [dubbo], place: pod.place }));
    }
    consumer = mesh.with(await startDubboConsumer());
    // For proxies of that version Istio asks for nothing that a stock Envoy lacks.
    waypoint = await mesh.sidecar(own, {
      role: "waypoint",
      env: { ISTIO_META_ISTIO_VERSION: "1.29.0" },
    });
    await waypoint.waitForConfiguration('"name":"metaproto.dubbo.waypoint"');
    const tunnel = async (serviceAccount: string): Promise<HboneTunnel> =>
      mesh.with(
        await HboneTunnel.start({
          identity: await mesh.identity("shop", serviceAccount),
          waypoint: own.pod.address,
          destination: `${VIP}:20880`,
        }),
      );
    [caller, stranger] = [await tunnel("caller"), await tunnel("stranger")];
  });

  afterAll(async () => {
    await mesh.stop();
  });

  const through = (tunnel: HboneTunnel) => ({ host: "127.0.0.1", port: tunnel.port });
  const labelsOf = async (count: number): Promise<ReadonlyMap<string, number>> => {
    const burst = await consumer.burst(through(caller), [HELLO], { count, concurrency: 4 });
    expect(burst).toMatchObject({ succeeded: count, errors: {} });
    return answersByLabel(burst);
  };

  test("routes requests to a subset, and after an edit to the other", async () => {
    await waitUntil("a request is answered", async () => (await labelsOf(1)).size === 1, {
      timeoutMs: 60_000,
    });
    expect(await labelsOf(40)).toEqual(new Map([["v1", 40]]));
    await mesh.apply(greeterRouter({ v2: 100 }));
    await waitUntil("v2 answers", async () => (await labelsOf(1)).has("v2"));
    expect(await labelsOf(40)).toEqual(new Map([["v2", 40]]));
  });

  test("spreads requests by weights, and has its routes over mutual TLS", async () => {
    await mesh.apply(greeterRouter({ v1: 50, v2: 50 }));
    await waitUntil("both answer", async () => (await labelsOf(40)).size === 2);
    expect(await waypoint.stat("cluster.metaproto-xds.ssl.handshake")).toBeGreaterThan(0);
  });

  test("judges by the identity of the tunnel", async () => {
    await mesh.apply(authorizationPolicy("cluster.local/ns/shop/sa/caller"));
    const failure = await waitUntil("the stranger is refused", () =>
      consumer.fail(through(stranger), HELLO),
    );
    expectRpcException(failure, RpcCode.Forbidden, "metaproto: access denied");
    expect((await labelsOf(10)).size).toBeGreaterThan(0);
  });

  test("limits all clients together", async () => {
    const tokenBucket = { maxTokens: 1, tokensPerFill: 1, fillInterval: "1h" };
    await mesh.apply(greeterRouter({ v1: 100 }, { localRateLimit: { tokenBucket } }));
    const failure = await waitUntil("requests are refused", () =>
      consumer.fail(through(caller), HELLO),
    );
    expectRpcException(failure, RpcCode.LimitExceeded, "metaproto: local rate limit exceeded");
  });

  test("is among the proxies that the status counts", async () => {
    const path = "/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters/greeter";
    await expect
      .poll(async () => (await mesh.server.call("GET", path)).body, { timeout: 20_000 })
      .toMatchObject({ status: { programmed: "1/1" } });
    expect(await waypoint.admin("/config_dump")).toContain(CHAIN);
  });
});
