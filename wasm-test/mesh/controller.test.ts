// `metaproto controller` on a real API server: what it reads and writes there, and what it does not write again.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ChildProcess } from "../envoy/support/child-process.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { freePort } from "../envoy/support/ports.js";
import { ApiServer } from "./support/api-server.js";
import { prepareCluster } from "./support/prepared-cluster.js";
import { missingRig } from "./support/rig-binaries.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SERVICES = "/api/v1/namespaces/shop/services";
const ROUTERS = "/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters";
const FILTERS = "/apis/networking.istio.io/v1alpha3/envoyfilters";
const SYSTEM_FILTERS = "/apis/networking.istio.io/v1alpha3/namespaces/istio-system/envoyfilters";
const LEASE =
  "/apis/coordination.k8s.io/v1/namespaces/metaproto-system/leases/metaproto-controller";
const EVENTS = "/apis/events.k8s.io/v1/namespaces/shop/events";
const REPORTER = "metaproto.io/controller";
const CONTROL_PLANE = "metaproto-control-plane";

interface Item {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: unknown;
  readonly status?: {
    readonly conditions: readonly { type: string; status: string; message: string }[];
    readonly programmed?: string;
  };
}

interface OwnEvent extends Pick<Item, "metadata"> {
  readonly regarding: { readonly name: string };
  readonly reportingController: string;
  readonly note: string;
}

describeWith("metaproto controller", [missingRig("etcd", "kube-apiserver")], () => {
  let server: ApiServer;
  let folder: string;
  const running = new Set<ChildProcess>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "metaproto-controller-"));
    server = await ApiServer.start();
    await prepareCluster(server, "shop");
    await create(SERVICES, service("greeter"));
    await create(ROUTERS, router("greeter", "greeter"));
  });

  afterEach(async () => {
    for (const controller of running) await controller.stop("SIGTERM", 5_000);
    running.clear();
  });

  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function create(path: string, body: object): Promise<void> {
    expect(await server.call("POST", path, body)).toMatchObject({ status: 201 });
  }

  async function items(path: string): Promise<readonly Item[]> {
    const { body } = await server.call("GET", path);
    return (body as { items: readonly Item[] }).items;
  }

  /** Without those of the API server, which tells of Services whose addresses it has looked through. */
  async function ownEvents(): Promise<readonly OwnEvent[]> {
    const events = (await items(EVENTS)) as unknown as readonly OwnEvent[];
    return events.filter(({ reportingController }) => reportingController === REPORTER);
  }

  async function get(path: string): Promise<Item> {
    return (await server.call("GET", path)).body as Item;
  }

  /** What would change if anything were written. */
  async function versions(): Promise<readonly string[]> {
    const all = await Promise.all([items(FILTERS), items(ROUTERS), ownEvents()]);
    return all.flat().map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
  }

  async function condition(name: string, type: string) {
    const { status } = await get(`${ROUTERS}/${name}`);
    return status?.conditions.find((item) => item.type === type);
  }

  async function start(identity: string) {
    const adminPort = await freePort();
    const controller = new ChildProcess({
      name: `controller ${identity}`,
      command: process.execPath,
      args: [
        `${ROOT}controlplane/dist/cli/main.js`,
        "controller",
        ...["--kubeconfig", server.kubeconfig, "--namespace", "metaproto-system"],
        ...["--identity", identity, "--modules", `${ROOT}build`],
        // Part of what is written.
        ...["--service-port", "15010", "--plaintext"],
        ...["--xds-address", `127.0.0.1:${String(await freePort())}`],
        ...["--admin-address", `127.0.0.1:${String(adminPort)}`],
      ],
    });
    running.add(controller);
    const ready = async (): Promise<boolean> => {
      const answer = await fetch(`http://127.0.0.1:${String(adminPort)}/readyz`).catch(
        () => undefined,
      );
      return answer?.status === 200;
    };
    await waitUntil(`${identity} is ready`, ready, {
      timeoutMs: 60_000,
      abandonIf: () => (controller.exitStatus ? controller.tail() : undefined),
    });
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${String(adminPort)}/metrics`)).text();
      const line = text.split("\n").find((item) => item.startsWith(`${name} `));
      return Number(line?.split(" ")[1]);
    };
    return { controller, metric };
  }

  const settled = ({ metric }: Awaited<ReturnType<typeof start>>) =>
    waitUntil(
      "everything is written",
      async () =>
        (await metric("metaproto_is_leader")) === 1 &&
        (await metric("metaproto_kubernetes_objects")) > 0 &&
        (await metric("metaproto_kubernetes_objects_pending")) === 0,
      { timeoutMs: 60_000 },
    );

  test("writes EnvoyFilters and statuses, which a table shows", async () => {
    const first = await start("first");
    await settled(first);
    const labels = (await items(FILTERS)).map(({ metadata }) => metadata.labels);
    expect(labels.length).toBeGreaterThan(3);
    for (const label of labels)
      expect(label).toMatchObject({ "app.kubernetes.io/managed-by": "metaproto" });
    await expect.poll(() => condition("greeter", "Accepted")).toMatchObject({ status: "True" });
    expect(await get(`${ROUTERS}/greeter`)).toMatchObject({ status: { programmed: "0/0" } });
    expect(await get(LEASE)).toMatchObject({ spec: { holderIdentity: "first" } });
  });

  test("tells of two MetaRouters for one host and of an unknown destination, by status and event", async () => {
    const first = await start("first");
    await settled(first);
    await create(ROUTERS, router("second", "greeter.shop.svc.cluster.local"));
    await create(ROUTERS, router("lost", "lost.test", "nobody"));
    await expect
      .poll(async () => (await condition("second", "Degraded"))?.message)
      .toContain("already routed by the MetaRouter `shop/greeter`");
    await expect
      .poll(async () => (await condition("second", "Programmed"))?.message)
      .toBe("It is for no service.");
    await expect
      .poll(async () => (await get(`${ROUTERS}/lost`)).status)
      .toMatchObject({
        warnings: [expect.stringContaining("has no effect") as string],
      });
    const told = async () =>
      (await ownEvents()).map(({ regarding, note }) => [regarding.name, note]);
    const note = expect.stringContaining("already routed by the MetaRouter") as string;
    await expect.poll(told).toEqual([["second", note]]);
  });

  test("writes nothing when it is killed and comes back, and nothing has changed", async () => {
    const first = await start("first");
    await settled(first);
    const before = await versions();
    await first.controller.stop("SIGKILL");
    running.clear();
    const second = await start("second");
    await settled(second);
    // Statuses are looked at every two seconds: twice.
    const looks = Date.now() + 5_000;
    await waitUntil("it has looked at all statuses", () => Promise.resolve(Date.now() > looks));
    expect(await versions()).toEqual(before);
    expect(await get(LEASE)).toMatchObject({ spec: { holderIdentity: "second" } });
  });

  test("repairs what others edit or delete", async () => {
    const first = await start("first");
    await settled(first);
    const path = `${SYSTEM_FILTERS}/${CONTROL_PLANE}`;
    const { spec } = await get(path);
    const patch = { spec: { configPatches: [] } };
    await server.call("PATCH", path, patch, "application/merge-patch+json");
    await expect.poll(async () => (await get(path)).spec).toEqual(spec);
    await server.call("DELETE", path);
    await expect.poll(async () => (await get(path)).spec).toEqual(spec);
  });

  test("goes on when the API server was killed", async () => {
    const first = await start("first");
    await settled(first);
    await server.kill();
    await server.restart();
    await create(SERVICES, service("later"));
    const names = async () => (await items(FILTERS)).map(({ metadata }) => metadata.name).join();
    await expect.poll(names, { timeout: 60_000 }).toContain("later");
    await server.call("DELETE", `${SERVICES}/later`);
    await expect.poll(names, { timeout: 60_000 }).not.toContain("later");
  });

  test("obeys a change of Istio's mesh configuration while it runs", async () => {
    const maps = "/api/v1/namespaces/istio-system/configmaps";
    const metadata = { name: "istio" };
    await create(maps, { apiVersion: "v1", kind: "ConfigMap", metadata, data: { mesh: "" } });
    await create("/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "mesh-root" },
    });
    const first = await start("first");
    await settled(first);
    const places = async () =>
      (await items(FILTERS)).map(
        ({ metadata: { name, namespace } }) => `${namespace ?? ""}/${name}`,
      );
    expect(await places()).toContain(`istio-system/${CONTROL_PLANE}`);
    const put = (mesh: string) =>
      server.call("PATCH", `${maps}/istio`, { data: { mesh } }, "application/merge-patch+json");
    await put("rootNamespace: mesh-root\ndefaultServiceExportTo: ['.']\n");
    await expect.poll(places, { timeout: 60_000 }).toContain(`mesh-root/${CONTROL_PLANE}`);
    const isLeft = async () => (await places()).some((place) => place.startsWith("istio-system/"));
    await expect.poll(isLeft, { timeout: 60_000 }).toBe(false);
    const greeters = (await places()).filter((place) => place.includes("greeter"));
    expect(new Set(greeters.map((place) => place.split("/", 1)[0]))).toEqual(new Set(["shop"]));
    // What is no configuration changes nothing, and is said.
    await put("rootNamespace: [");
    await expect.poll(() => first.controller.tail()).toContain("stays as it was in effect");
    expect(await places()).toContain(`mesh-root/${CONTROL_PLANE}`);
    await server.call("DELETE", `${maps}/istio`);
  });

  describe("two replicas", () => {
    test("both serve, one writes, and the other takes over", async () => {
      const first = await start("first");
      await settled(first);
      const second = await start("second");
      expect(await second.metric("metaproto_is_leader")).toBe(0);
      const before = await versions();
      await first.controller.stop("SIGTERM", 5_000);
      running.delete(first.controller);
      await settled(second);
      expect(await versions()).toEqual(before);
    });
  });
});

function service(name: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      selector: { app: name },
      ports: [{ name: "tcp-metaprotocol-dubbo", port: 20880, targetPort: 20881 }],
    },
  };
}

function router(name: string, host: string, to = host): object {
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: { name },
    spec: { hosts: [host], routes: [{ route: [{ destination: { host: to } }] }] },
  };
}
