import { afterEach, describe, expect, it } from "vitest";
import { HttpKubernetesApi } from "./http-api.js";
import type { KubernetesObject } from "./object.js";
import { MANAGED_BY, ObjectReconciler, type ReconcilerOptions } from "./reconciler.js";
import { FakeCluster } from "./testing/fake-cluster.js";
import { widget, WIDGETS } from "./testing/widgets.js";

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function cluster(): Promise<FakeCluster> {
  const fake = await FakeCluster.start([WIDGETS]);
  closers.push(() => fake.shutDown());
  return fake;
}

function reconciler(fake: FakeCluster, options: Partial<ReconcilerOptions> = {}) {
  const api = new HttpKubernetesApi({ config: fake.config });
  const written: string[] = [];
  const failed: string[] = [];
  const waiting: string[] = [];
  const result = new ObjectReconciler({
    api,
    types: [WIDGETS],
    mayWrite: () => true,
    minBackoffMs: 5,
    maxBackoffMs: 40,
    observer: {
      onWritten: (verb, { metadata }) => written.push(`${verb} ${metadata.name}`),
      onFailed: (verb, { metadata }, { message }) =>
        failed.push(`${verb} ${metadata.name}: ${message}`),
      onWaiting: ({ metadata }) => waiting.push(metadata.name),
    },
    ...options,
  });
  const stop = async () => {
    await result.stop();
    api.close();
  };
  closers.push(stop);
  result.start();
  return { result, written, failed, waiting, stop };
}

function specs(fake: FakeCluster): Record<string, unknown> {
  return Object.fromEntries(fake.all(WIDGETS).map(({ metadata, spec }) => [metadata.name, spec]));
}

const wanted = (sizes: Record<string, number>): KubernetesObject[] =>
  Object.entries(sizes).map(([name, size]) => widget(name, { size, absent: undefined }));

describe("the reconciler", () => {
  it("creates, changes and deletes what is ours, and leaves what is not", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("theirs", { size: 9 }));
    const { result, written } = reconciler(fake);
    result.want(wanted({ a: 1, b: 1 }));
    await expect
      .poll(() => specs(fake))
      .toEqual({ theirs: { size: 9 }, a: { size: 1 }, b: { size: 1 } });
    result.want(wanted({ b: 2, c: 1 }));
    await expect
      .poll(() => specs(fake))
      .toEqual({ theirs: { size: 9 }, b: { size: 2 }, c: { size: 1 } });
    expect(written.slice(0, 2).sort()).toEqual(["create a", "create b"]);
    expect(written.at(-1)).toBe("delete a");
    expect(fake.get(WIDGETS, "b", "shop")?.metadata.labels).toEqual({ [MANAGED_BY]: "metaproto" });
    await expect.poll(() => result.pending).toBe(0);
  });

  it("creates first, then changes, then deletes: what is there may count on what comes", async () => {
    const fake = await cluster();
    const { result, written } = reconciler(fake);
    result.want(wanted({ a: 1, b: 1, c: 1 }));
    await expect.poll(() => Object.keys(specs(fake)).sort()).toEqual(["a", "b", "c"]);
    await expect.poll(() => result.pending).toBe(0);
    written.length = 0;
    result.want(wanted({ a: 2, b: 2, d: 1, e: 1 }));
    await expect.poll(() => written.length).toBe(5);
    const verbs = written.map((line) => line.split(" ")[0]);
    expect(verbs).toEqual(["create", "create", "update", "update", "delete"]);
  });

  it("waits for a namespace, which is no failure and holds nothing else up", async () => {
    const fake = await cluster();
    let exists = false;
    fake.failIf(({ method, body }) => {
      const { metadata } = (body ?? {}) as Partial<KubernetesObject>;
      return method === "POST" && metadata?.name === "b" && !exists ? 404 : undefined;
    });
    const { result, failed, waiting } = reconciler(fake);
    result.want(wanted({ a: 1, b: 1, c: 1 }));
    await expect.poll(() => Object.keys(specs(fake))).toEqual(["a", "c"]);
    await expect.poll(() => result.pending).toBe(0);
    exists = true;
    await expect.poll(() => Object.keys(specs(fake)).sort()).toEqual(["a", "b", "c"]);
    expect(waiting).toEqual(["b"]);
    expect(failed).toEqual([]);
  });

  it("writes nothing after a restart in which nothing has changed, and deletes nothing before it is told what is wanted", async () => {
    const fake = await cluster();
    const before = reconciler(fake);
    before.result.want(wanted({ a: 1, b: 1 }));
    await expect.poll(() => Object.keys(specs(fake))).toEqual(["a", "b"]);
    await before.stop();
    const writes = fake.writes.length;
    const after = reconciler(fake);
    await expect.poll(() => after.result.owned.length).toBe(2);
    await expect.poll(() => fake.watchCount).toBe(1);
    expect(after.result.pending).toBeUndefined();
    after.result.want(wanted({ a: 1, b: 1 }));
    await expect.poll(() => after.result.pending).toBe(0);
    expect(fake.writes.length).toBe(writes);
    after.result.want(wanted({ a: 1 }));
    await expect.poll(() => specs(fake)).toEqual({ a: { size: 1 } });
    expect(after.written).toEqual(["delete b"]);
  });

  it("repairs what others edit, and keeps labels and annotations that they add", async () => {
    const fake = await cluster();
    const { result, written } = reconciler(fake);
    result.want(wanted({ a: 1, b: 1 }));
    await expect.poll(() => Object.keys(specs(fake))).toEqual(["a", "b"]);
    await expect.poll(() => fake.watchCount).toBe(1);
    const live = fake.get(WIDGETS, "a", "shop");
    if (live === undefined) throw new Error("gone");
    const labels = { ...live.metadata.labels, team: "x" };
    fake.apply(WIDGETS, { ...live, metadata: { ...live.metadata, labels }, spec: { size: 7 } });
    await expect.poll(() => specs(fake)["a"]).toEqual({ size: 1 });
    expect(fake.get(WIDGETS, "a", "shop")?.metadata.labels).toMatchObject({ team: "x" });
    fake.delete(WIDGETS, "b", "shop");
    await expect.poll(() => specs(fake)).toEqual({ a: { size: 1 }, b: { size: 1 } });
    expect(written.slice(2)).toEqual(["repair a", "create b"]);
  });

  it("takes back what has lost our label, and leaves objects of the same name that are not ours", async () => {
    const fake = await cluster();
    const { result, failed } = reconciler(fake);
    result.want(wanted({ a: 1 }));
    await expect.poll(() => Object.keys(specs(fake))).toEqual(["a"]);
    await expect.poll(() => fake.watchCount).toBe(1);
    const live = fake.get(WIDGETS, "a", "shop");
    if (live === undefined) throw new Error("gone");
    fake.apply(WIDGETS, { ...live, metadata: { ...live.metadata, labels: {} } });
    const labels = () => fake.get(WIDGETS, "a", "shop")?.metadata.labels;
    await expect.poll(labels).toEqual({ [MANAGED_BY]: "metaproto" });
    fake.apply(WIDGETS, widget("b", { size: 9 }));
    result.want(wanted({ a: 1, b: 1 }));
    await expect
      .poll(() => failed[0])
      .toBe("create b: an object of this name exists and is not ours");
    expect(specs(fake)["b"]).toEqual({ size: 9 });
  });

  it("tries again after conflicts and failures, and does not hold up the others", async () => {
    const fake = await cluster();
    const { result, failed } = reconciler(fake);
    let refusals = 0;
    fake.failIf(({ method, path, body }) => {
      if (method === "GET") return undefined;
      const isA = path.endsWith("/a") || JSON.stringify(body).includes('"name":"a"');
      return isA && refusals++ < 3 ? [500, 409, 429][refusals - 1] : undefined;
    });
    result.want(wanted({ a: 1, b: 1 }));
    await expect.poll(() => specs(fake)).toEqual({ a: { size: 1 }, b: { size: 1 } });
    expect(failed).toHaveLength(3);
    await expect.poll(() => fake.watchCount).toBe(1);
    refusals = 1;
    result.want(wanted({ a: 2, b: 1 }));
    await expect.poll(() => specs(fake)["a"]).toEqual({ size: 2 });
    expect(failed.slice(3).map((line) => line.split(":")[0])).toEqual(["update a", "update a"]);
  });

  it("writes nothing while it may not, and everything when it may", async () => {
    const fake = await cluster();
    let mayWrite = false;
    const { result } = reconciler(fake, { mayWrite: () => mayWrite });
    result.want(wanted({ a: 1 }));
    await expect.poll(() => result.pending).toBe(1);
    expect(fake.writes).toEqual([]);
    mayWrite = true;
    result.wake();
    await expect.poll(() => Object.keys(specs(fake))).toEqual(["a"]);
  });

  it("does not fight with a server that keeps less than it is given", async () => {
    const fake = await cluster();
    const { result } = reconciler(fake, { echoMs: 10 });
    result.want(wanted({ a: 1 }));
    await expect.poll(() => Object.keys(specs(fake))).toEqual(["a"]);
    await expect.poll(() => fake.watchCount).toBe(1);
    fake.onWrite = (object) => ({ ...object, spec: { pruned: true } });
    result.want(wanted({ a: 2 }));
    await expect.poll(() => specs(fake)["a"]).toEqual({ pruned: true });
    const writes = fake.writes.length;
    await expect.poll(() => result.pending).toBe(0);
    fake.bookmark();
    fake.endWatches();
    await expect.poll(() => fake.watchCount).toBe(1);
    expect(fake.writes.length).toBe(writes);
  });

  it("goes on where the server was away", async () => {
    const fake = await cluster();
    const { result } = reconciler(fake);
    result.want(wanted({ a: 1 }));
    await expect.poll(() => Object.keys(specs(fake))).toEqual(["a"]);
    const { port } = fake;
    await fake.shutDown();
    result.want(wanted({ b: 1 }));
    await fake.listen(port);
    await expect.poll(() => specs(fake)).toEqual({ b: { size: 1 } });
  });
});
