// Two replicas of `metaproto controller` on a real API server: a status counts the proxies of both, whoever of them dies.
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { metaproto } from "../envoy/support/control-plane.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { ApiServer } from "./support/api-server.js";
import { Controller, CONTROLLER_NAMESPACE } from "./support/controller.js";
import { prepareCluster } from "./support/prepared-cluster.js";
import { apply } from "./support/resources.js";
import { RouteSubscriber } from "./support/route-subscriber.js";
import { missingRig } from "./support/rig-binaries.js";

const ROUTER = "/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters/greeter";
const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${CONTROLLER_NAMESPACE}/leases`;
const ROUTES = ["greeter.shop.svc.cluster.local_20880"];
/** What tells that a replica is gone expires after 20 seconds, and so does a leader after 15. */
const GONE = { timeout: 60_000, interval: 200 };
const SOON = { timeout: 15_000, interval: 100 };
const MERGE_PATCH = "application/merge-patch+json";
const MODULES = fileURLToPath(new URL("../../build", import.meta.url));

interface Status {
  readonly conditions: readonly { type: string; status: string; reason: string; message: string }[];
  readonly programmed?: string;
}

interface Lease {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly holderIdentity: string };
}

describeWith("replicas of a controller", [missingRig("etcd", "kube-apiserver")], () => {
  let server: ApiServer;
  const controllers = new Map<string, Controller>();
  const proxies = new Set<RouteSubscriber>();

  beforeAll(async () => {
    server = await ApiServer.start();
    await prepareCluster(server, "shop");
    await apply(server, SERVICE);
  });

  afterEach(async () => {
    for (const proxy of proxies) proxy.vanish();
    proxies.clear();
    for (const controller of controllers.values()) await controller.stop();
    controllers.clear();
  });

  afterAll(() => server.stop());

  async function start(identity: string): Promise<Controller> {
    const place = { server, host: "127.0.0.1", modules: MODULES };
    const args = [`--identity=${identity}`, "--plaintext", "--service-port=15010"];
    const controller = await Controller.startAt(place, ...args);
    controllers.set(identity, controller);
    return controller;
  }

  /** The first of them writes. What a status has said of another route it does not say of this one. */
  async function startBoth(route: string): Promise<readonly [Controller, Controller]> {
    await apply(server, router(route));
    const first = await start("first");
    await expect.poll(() => first.metric("metaproto_is_leader"), GONE).toBe(1);
    const second = await start("second");
    for (const controller of [first, second])
      await expect.poll(() => controller.metric("metaproto_other_replicas"), SOON).toBe(1);
    return [first, second];
  }

  function connect({ xdsPort }: Controller, node: string, verdict?: string): RouteSubscriber {
    const proxy = new RouteSubscriber(xdsPort, node, ROUTES, verdict);
    proxies.add(proxy);
    return proxy;
  }

  async function status(): Promise<Status | undefined> {
    return ((await server.call("GET", ROUTER)).body as { status?: Status }).status;
  }

  const programmed = async (): Promise<string | undefined> => (await status())?.programmed;

  async function condition(): Promise<string | undefined> {
    const found = (await status())?.conditions.find(({ type }) => type === "Programmed");
    return found && `${found.status} ${found.reason}: ${found.message}`;
  }

  /** Who tells of proxies. */
  async function reporting(): Promise<readonly string[]> {
    const { body } = await server.call("GET", LEASES);
    return (body as { items: readonly Lease[] }).items
      .filter(({ metadata }) => metadata.labels?.["metaproto.io/component"] === "replica")
      .map(({ spec }) => spec.holderIdentity)
      .sort();
  }

  /** All that the status has said until `until` resolves. */
  async function saidWhile(until: Promise<unknown>): Promise<ReadonlySet<string>> {
    const said = new Set<string>();
    const over = until.then(() => true);
    const looked = async (): Promise<boolean> => {
      said.add((await programmed()) ?? "");
      return new Promise((resolve) => setTimeout(resolve, 50, false));
    };
    while (!(await Promise.race([over, looked()])));
    return said;
  }

  test("count the proxies of both, each once, and tell what one of them refuses", async () => {
    const [first, second] = await startBoth("one");
    connect(first, "sidecar~1");
    connect(second, "sidecar~2");
    connect(first, "sidecar~3");
    const worker = connect(second, "sidecar~3");
    await expect.poll(programmed, SOON).toBe("3/3");
    worker.judge(undefined);
    await apply(server, router("second"));
    await expect.poll(condition, SOON).toBe("False Pending: 2 of 3 proxies have acknowledged it.");
    worker.judge("no such filter");
    await expect
      .poll(condition, SOON)
      .toBe("False RefusedByProxies: 1 of 3 proxies refuse it: sidecar~3: no such filter");
    worker.judge("");
    await apply(server, router("third"));
    await expect
      .poll(condition, SOON)
      .toBe("True Acknowledged: 3 of 3 proxies have acknowledged it.");
    const page = await metaproto("status", `--admin-address=${first.adminAddress}`);
    expect(page.stdout).toMatch(/sidecar~2 .* at second/);
  });

  test("forget the proxies of one that was killed and that do not come back, and count those once that do", async () => {
    const [first, second] = await startBoth("two");
    connect(first, "sidecar~1");
    connect(second, "sidecar~2");
    connect(second, "sidecar~3");
    await expect.poll(programmed, SOON).toBe("3/3");
    expect(await reporting()).toEqual(["first", "second"]);
    controllers.delete("second");
    await second.kill();
    connect(first, "sidecar~2");
    const gone = expect.poll(programmed, GONE).toBe("2/2");
    const said = await saidWhile(gone);
    expect([...said].filter((text) => text !== "3/3" && text !== "2/2")).toEqual([]);
    await expect.poll(reporting, GONE).toEqual(["first"]);
  });

  test("keep what a status says when the one that writes is killed, while its proxies come back", async () => {
    const [first, second] = await startBoth("three");
    connect(first, "sidecar~1");
    connect(second, "sidecar~2");
    await expect.poll(condition, SOON).toMatch(/^True .* 2 of 2 /);
    const { body: before } = await server.call("GET", ROUTER);
    controllers.delete("first");
    await first.kill();
    const back = async (): Promise<void> => {
      await expect.poll(() => second.metric("metaproto_is_leader"), GONE).toBe(1);
      connect(second, "sidecar~1");
      await expect.poll(reporting, GONE).toEqual(["second"]);
    };
    expect(await saidWhile(back())).toEqual(new Set(["2/2"]));
    // Nothing of it was written again: not a word has changed.
    expect((await server.call("GET", ROUTER)).body).toEqual(before);
    const patched = await server.call("PATCH", ROUTER, { spec: routes("later") }, MERGE_PATCH);
    expect(patched.status).toBe(200);
    await expect.poll(condition, SOON).toMatch(/^True .* 2 of 2 /);
  });
});

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: greeter, namespace: shop }
spec: { selector: { app: greeter }, ports: [{ name: tcp-metaprotocol-dubbo, port: 20880 }] }
`;

function routes(name: string): object {
  return { hosts: ["greeter"], routes: [{ name, route: [{ destination: { host: "greeter" } }] }] };
}

/** @param name of its route: another one makes another version. */
function router(name: string): string {
  return JSON.stringify({
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: { name: "greeter", namespace: "shop" },
    spec: routes(name),
  });
}
