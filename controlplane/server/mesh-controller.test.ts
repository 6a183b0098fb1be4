import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EVENTS } from "../kubernetes/event-recorder.js";
import type { FakeCluster } from "../kubernetes/testing/fake-cluster.js";
import { watchedKind } from "../stores/kubernetes/testing/watched-kind.js";
import { ROUTES_TYPE } from "../xds/resource-type.js";
import { AdsClient } from "../xds/testing/ads-client.js";
import { Controllers, ENVOY_FILTERS, router, service } from "./testing/controllers.js";

let controllers: Controllers;
let fake: FakeCluster;

beforeEach(async () => {
  controllers = await Controllers.prepare();
  fake = controllers.cluster;
});

afterEach(() => controllers.end());

interface Status {
  readonly observedGeneration: number;
  readonly conditions: readonly { type: string; status: string; reason: string; message: string }[];
  readonly warnings?: readonly string[];
  readonly programmed?: string;
}

function conditions(name: string): Record<string, string> | undefined {
  const status = fake.get(watchedKind("MetaRouter"), name, "shop")?.status as Status | undefined;
  return (
    status &&
    Object.fromEntries(
      status.conditions.map(({ type, status: is, reason }) => [type, `${is} ${reason}`]),
    )
  );
}

function messageOf(name: string, condition: string): string | undefined {
  const status = fake.get(watchedKind("MetaRouter"), name, "shop")?.status as Status | undefined;
  return status?.conditions.find(({ type }) => type === condition)?.message;
}

/** Of the services' outbound listeners, by their names' beginnings. */
const filters = (): string[] =>
  fake
    .all(ENVOY_FILTERS)
    .filter(({ metadata }) => metadata.labels?.["metaproto.io/component"] === "outbound")
    .map(({ metadata }) => /(greeter|other)/.exec(metadata.name)?.[0] ?? metadata.name);
const writes = (): number => fake.writes.filter(({ path }) => !path.includes("/leases")).length;

describe("the controller", () => {
  it("tells a VirtualService by an Event what of it is not applied, and leaves its status to Istio", async () => {
    const native = service("greeter");
    const ports = [{ port: 20880, protocol: "TCP", name: "tcp-dubbo" }];
    fake.apply(watchedKind("Service"), { ...native, spec: { ...native.spec, ports } });
    fake.apply(watchedKind("VirtualService"), {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name: "greeter", namespace: "shop" },
      spec: {
        hosts: ["greeter"],
        http: [{ retries: { attempts: 1 }, route: [{ destination: { host: "greeter" } }] }],
      },
    });
    await controllers.start("a");
    await expect
      .poll(() => fake.all(EVENTS).map((event) => (event as unknown as { note: string }).note))
      .toEqual(["spec.http[0].retries: is not applied"]);
    expect(fake.get(watchedKind("VirtualService"), "greeter", "shop")?.status).toBeUndefined();
  });

  it("tells in the status who comes first, what is wrong, and what has no effect", async () => {
    fake.apply(watchedKind("Service"), service("greeter"));
    fake.apply(watchedKind("MetaRouter"), router("first"));
    fake.apply(watchedKind("MetaRouter"), router("second", "greeter.shop.svc.cluster.local"));
    fake.apply(watchedKind("MetaRouter"), router("lost", "greeter", "nobody"));
    fake.apply(watchedKind("MetaRouter"), router("idle", "nobody.example", "greeter"));
    fake.apply(watchedKind("MetaRouter"), { ...router("bad"), spec: { hosts: [] } });
    await controllers.start("a");
    await expect
      .poll(() => conditions("first"))
      .toEqual({
        Accepted: "True Accepted",
        Degraded: "False AsExpected",
        Programmed: "Unknown NoProxies",
      });
    await expect
      .poll(() => conditions("second"))
      .toEqual({
        Accepted: "True Accepted",
        Degraded: "True PartlyInEffect",
        Programmed: "False NoEffect",
      });
    expect(messageOf("second", "Degraded")).toContain(
      "already routed by the MetaRouter `shop/first`",
    );
    await expect.poll(() => conditions("lost")?.["Accepted"]).toBeDefined();
    await expect.poll(() => conditions("bad")?.["Accepted"]).toBe("False Invalid");
    expect(messageOf("bad", "Accepted")).toContain("spec.hosts: at least one host is required");
    await expect.poll(() => conditions("idle")?.["Programmed"]).toBe("False NoEffect");
    expect(fake.get(watchedKind("MetaRouter"), "idle", "shop")?.status).toMatchObject({
      observedGeneration: 1,
      warnings: [expect.stringContaining("spec.hosts[0]: has no effect") as string],
    });
    const told = () =>
      fake
        .all(EVENTS)
        .map((event) => (event as unknown as { regarding: { name: string } }).regarding.name);
    await expect.poll(() => told().sort()).toContain("bad");
    expect(told()).toContain("second");
  });

  it("tells of an unknown destination, and keeps the version before", async () => {
    fake.apply(watchedKind("Service"), service("greeter"));
    fake.apply(watchedKind("MetaRouter"), router("first"));
    await controllers.start("a");
    await expect.poll(() => conditions("first")?.["Accepted"]).toBe("True Accepted");
    fake.apply(watchedKind("MetaRouter"), router("first", "greeter", "nobody"));
    await expect.poll(() => conditions("first")?.["Accepted"]).toBe("False Refused");
    expect(messageOf("first", "Accepted")).toMatch(
      /has the host `nobody`; the version before stays/,
    );
    expect(filters()).toEqual(["greeter"]);
  });

  it("counts the proxies that have acknowledged", async () => {
    fake.apply(watchedKind("Service"), service("greeter"));
    fake.apply(watchedKind("MetaRouter"), router("first"));
    const { xdsPort } = await controllers.start("a");
    const client = new AdsClient(xdsPort, "sidecar~1", "metaproto");
    controllers.onEnd(() => {
      client.vanish();
      return Promise.resolve();
    });
    const names = ["greeter.shop.svc.cluster.local_20880"];
    client.request(ROUTES_TYPE, { names });
    const response = await client.next(ROUTES_TYPE);
    await expect.poll(() => conditions("first")?.["Programmed"]).toBe("False Pending");
    client.accept(ROUTES_TYPE, response, names);
    await expect.poll(() => conditions("first")?.["Programmed"]).toBe("True Acknowledged");
    expect(fake.get(watchedKind("MetaRouter"), "first", "shop")?.status).toMatchObject({
      programmed: "1/1",
      proxies: { asking: 1, acknowledged: 1, refused: 0 },
    });
  });

  it("writes nothing after a restart in which nothing has changed, and deletes nothing while it reads", async () => {
    fake.apply(watchedKind("Service"), service("greeter"));
    fake.apply(watchedKind("Service"), service("other"));
    fake.apply(watchedKind("MetaRouter"), router("first"));
    fake.apply(watchedKind("MetaRouter"), { ...router("bad"), spec: { hosts: [] } });
    const before = await controllers.start("a");
    await expect.poll(filters).toHaveLength(2);
    await expect.poll(() => conditions("first")?.["Accepted"]).toBe("True Accepted");
    await expect.poll(() => conditions("bad")?.["Accepted"]).toBe("False Invalid");
    await expect.poll(() => fake.all(EVENTS).length).toBe(1);
    await before.stop();
    const settled = writes();
    let refusals = 0;
    fake.failIf(({ path, method }) =>
      method === "GET" && path.endsWith("/services") && refusals++ < 3 ? 500 : undefined,
    );
    const after = await controllers.start("b");
    await expect
      .poll(() => after.lines.some((line) => line.includes("b is the leader")))
      .toBe(true);
    await expect
      .poll(async () => metric(after.adminPort, "metaproto_kubernetes_objects"))
      .toBe(fake.all(ENVOY_FILTERS).length);
    expect(await metric(after.adminPort, "metaproto_kubernetes_objects_pending")).toBe(0);
    expect(writes()).toBe(settled);
    fake.failIf(() => undefined);
    fake.delete(watchedKind("Service"), "other", "shop");
    await expect.poll(filters).toEqual(["greeter"]);
  });

  it("leaves writing to the leader, and takes over", async () => {
    const first = await controllers.start("a");
    await expect.poll(async () => metric(first.adminPort, "metaproto_is_leader")).toBe(1);
    const second = await controllers.start("b");
    fake.apply(watchedKind("Service"), service("greeter"));
    await expect.poll(filters).toHaveLength(1);
    const created = () => first.lines.filter((line) => line.includes("create: EnvoyFilter"));
    await expect.poll(() => created().length - fake.all(ENVOY_FILTERS).length).toBe(0);
    expect(second.lines.filter((line) => line.includes("create: EnvoyFilter"))).toEqual([]);
    const ready = await fetch(`http://127.0.0.1:${second.adminPort}/readyz`);
    expect(ready.status).toBe(200);
    await first.stop();
    fake.apply(watchedKind("Service"), service("other"));
    await expect.poll(filters).toHaveLength(2);
    const generations = fake.all(ENVOY_FILTERS).map(({ metadata }) => metadata.generation);
    expect(new Set(generations)).toEqual(new Set([1]));
  });
});

describe("a new version of a module", () => {
  it("is in proxies before connections begin with it", async () => {
    fake.apply(watchedKind("Service"), service("greeter"));
    const { lines } = await controllers.start("a");
    await expect.poll(filters).toHaveLength(1);
    const modules = () =>
      fake
        .all(ENVOY_FILTERS)
        .filter(({ metadata }) => metadata.labels?.["metaproto.io/component"] === "module");
    await expect.poll(() => modules().length).toBe(2);
    const named = () => modules().find(({ metadata }) => metadata.generation !== 1);
    const before = lines.length;
    const first = (verb: string) =>
      lines.findIndex((line, at) => at >= before && line.includes(`${verb}: EnvoyFilter`));
    controllers.writeModule(2);
    await expect.poll(() => named()).toBeDefined();
    expect(modules()).toHaveLength(3);
    await expect.poll(() => first("update")).toBeGreaterThan(0);
    expect(first("create")).toBeGreaterThan(0);
    expect(first("create")).toBeLessThan(first("update"));
    expect(lines.filter((line) => line.includes("delete"))).toEqual([]);
  });
});

async function metric(port: number, name: string): Promise<number | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split("\n").find((item) => item.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(" ")[1]);
}
