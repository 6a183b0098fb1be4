import { afterEach, describe, expect, it } from "vitest";
import { HttpKubernetesApi } from "./http-api.js";
import { type ReflectorOptions, Reflector } from "./reflector.js";
import { FakeCluster } from "./testing/fake-cluster.js";
import { GADGETS, widget, WIDGETS } from "./testing/widgets.js";

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function cluster(): Promise<FakeCluster> {
  const fake = await FakeCluster.start([WIDGETS]);
  closers.push(() => fake.shutDown());
  return fake;
}

function reflector(fake: FakeCluster, options: Partial<ReflectorOptions> = {}) {
  let changes = 0;
  const api = new HttpKubernetesApi({ config: fake.config, timeoutMs: 2_000 });
  const result = new Reflector({
    api,
    type: WIDGETS,
    minBackoffMs: 5,
    maxBackoffMs: 50,
    missingRetryMs: 20,
    onChange: () => {
      changes++;
    },
    ...options,
  });
  closers.push(async () => {
    await result.stop();
    api.close();
  });
  result.start();
  const names = (): string[] => [...result.objects.values()].map(({ metadata }) => metadata.name);
  return { result, names, changes: () => changes };
}

describe("a reflector", () => {
  it("has what there is, in pages, and what comes, changes and goes", async () => {
    const fake = await cluster();
    fake.pageSize = 2;
    for (const name of ["a", "b", "c", "d", "e"]) fake.apply(WIDGETS, widget(name, { size: 1 }));
    const { result, names } = reflector(fake);
    await expect.poll(names).toEqual(["a", "b", "c", "d", "e"]);
    expect(fake.reads.filter(({ query }) => query.has("continue"))).toHaveLength(2);
    await expect.poll(() => fake.watchCount).toBe(1);
    fake.apply(WIDGETS, widget("f"));
    fake.delete(WIDGETS, "a", "shop");
    fake.apply(WIDGETS, widget("b", { size: 2 }));
    await expect.poll(() => result.objects.get("shop/b")?.spec).toEqual({ size: 2 });
    expect(names()).toEqual(["b", "c", "d", "e", "f"]);
    expect(result.objects.get("shop/b")).toMatchObject({
      apiVersion: "test.io/v1",
      kind: "Widget",
    });
  });

  it("goes on from where a broken watch was, without a list", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    const { names } = reflector(fake);
    await expect.poll(() => fake.watchCount).toBe(1);
    fake.breakWatches();
    fake.apply(WIDGETS, widget("b"));
    await expect.poll(names).toEqual(["a", "b"]);
    expect(fake.reads.filter(({ query }) => !query.has("watch"))).toHaveLength(1);
  });

  it("goes on from the last bookmark where nothing else came", async () => {
    const fake = await cluster();
    const { names, result } = reflector(fake);
    await expect.poll(() => fake.watchCount).toBe(1);
    fake.bookmark();
    fake.endWatches();
    const watches = () => fake.reads.filter(({ query }) => query.has("watch"));
    await expect.poll(() => watches().length).toBe(2);
    expect(watches().map(({ query }) => query.get("resourceVersion"))).toEqual(["100", "101"]);
    expect(result.state).toBe("listed");
    expect(names()).toEqual([]);
  });

  it("lists anew when its place is not kept any more", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    fake.apply(WIDGETS, widget("b"));
    const { names } = reflector(fake);
    await expect.poll(() => fake.watchCount).toBe(1);
    fake.delete(WIDGETS, "a", "shop");
    fake.compact();
    await expect.poll(names).toEqual(["b"]);
    fake.apply(WIDGETS, widget("c"));
    await expect.poll(names).toEqual(["b", "c"]);
  });

  it("keeps what it has while the server is away, and says so", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    const { result, names } = reflector(fake);
    await expect.poll(() => fake.watchCount).toBe(1);
    const { port } = fake;
    await fake.shutDown();
    await expect.poll(() => result.failure?.message).toContain("ECONNREFUSED");
    expect(names()).toEqual(["a"]);
    fake.apply(WIDGETS, widget("b"));
    await fake.listen(port);
    await expect.poll(names).toEqual(["a", "b"]);
    expect(result.failure).toBeUndefined();
  });

  it("says why it cannot list, and has not listed until it can", async () => {
    const fake = await cluster();
    fake.failIf(() => 403);
    const { result } = reflector(fake);
    await expect.poll(() => result.failure?.status).toBe(403);
    expect(result.state).toBe("starting");
    fake.failIf(() => undefined);
    await expect.poll(() => result.state).toBe("listed");
  });

  it("waits for a kind that the cluster does not have", async () => {
    const fake = await cluster();
    const { result, changes } = reflector(fake, { type: GADGETS });
    await expect.poll(() => result.state).toBe("missing");
    const before = changes();
    await expect.poll(() => fake.reads.length).toBeGreaterThan(4);
    expect(changes()).toBe(before);
    fake.install(GADGETS);
    await expect.poll(() => result.state).toBe("listed");
  });

  it("takes the first version that the cluster has", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    const { result, names } = reflector(fake, {
      type: { ...WIDGETS, versions: ["v2", "v1"] },
    });
    await expect.poll(names).toEqual(["a"]);
    expect(result.objects.get("shop/a")?.apiVersion).toBe("test.io/v1");
  });

  it("believes that a kind is gone only when it is told so several times", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    const { result, names } = reflector(fake);
    await expect.poll(() => fake.watchCount).toBe(1);
    let refusals = 0;
    fake.failIf(() => (refusals++ < 2 ? 404 : undefined));
    fake.endWatches();
    await expect.poll(() => refusals).toBeGreaterThan(2);
    await expect.poll(() => fake.watchCount).toBe(1);
    expect([result.state, ...names()]).toEqual(["listed", "a"]);
    fake.uninstall(WIDGETS);
    await expect.poll(() => result.state).toBe("missing");
    expect(names()).toEqual([]);
  });

  it("lists from time to time, should an event have been lost", async () => {
    const fake = await cluster();
    reflector(fake, { resyncMs: 0, watchSeconds: 1 });
    const lists = () => fake.reads.filter(({ query }) => !query.has("watch")).length;
    await expect.poll(lists).toBeGreaterThan(1);
  });

  it("waits longer each time while watches end at once", async () => {
    const fake = await cluster();
    const startedAtMs = performance.now();
    reflector(fake, { watchSeconds: 0, minBackoffMs: 50, maxBackoffMs: 400 });
    const watches = () => fake.reads.filter(({ query }) => query.has("watch")).length;
    await expect.poll(watches).toBeGreaterThan(4);
    const leastMs = (50 + 100 + 200 + 400) / 2;
    expect(performance.now() - startedAtMs).toBeGreaterThan(leastMs);
  });

  it("selects by label, and forgets what is not selected any more", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a", {}, { ours: "yes" }));
    fake.apply(WIDGETS, widget("b"));
    const { names } = reflector(fake, { labelSelector: "ours=yes" });
    await expect.poll(names).toEqual(["a"]);
    await expect.poll(() => fake.watchCount).toBe(1);
    fake.apply(WIDGETS, widget("a"));
    await expect.poll(names).toEqual([]);
  });
});
