import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HttpKubernetesApi } from "../kubernetes/http-api.js";
import { LEASES } from "../kubernetes/leader-election.js";
import { FakeCluster } from "../kubernetes/testing/fake-cluster.js";
import type { ReplicaReport } from "./replica-report.js";
import { ReplicaReports } from "./replica-reports.js";

const EXPIRY_MS = 400;

let fake: FakeCluster;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  fake = await FakeCluster.start([LEASES]);
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await fake.shutDown();
});

function report(proxies: number): ReplicaReport {
  return { build: "1", proxies, progress: undefined, plugins: undefined };
}

function start(identity: string, isLeader = false) {
  const api = new HttpKubernetesApi({ config: fake.config, timeoutMs: 2_000 });
  const state = { report: report(0), changes: 0, failures: [] as string[] };
  const reports = new ReplicaReports({
    api,
    namespace: "system",
    identity,
    lookMs: 10,
    renewMs: 50,
    expiryMs: EXPIRY_MS,
    minBackoffMs: 5,
    maxBackoffMs: 20,
    report: () => state.report,
    isLeader: () => isLeader,
    onChange: () => state.changes++,
    onFailed: ({ message }, isNew) => {
      if (isNew) state.failures.push(message);
    },
  });
  reports.start();
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await reports.stop();
    api.close();
  };
  closers.push(stop);
  const known = (): Record<string, number | undefined> =>
    Object.fromEntries(reports.others.map(({ identity: name, report: of }) => [name, of?.proxies]));
  return { reports, state, stop, known };
}

/** For longer than it takes to be believed dead; the cluster stays away. */
async function loseCluster({ state }: ReturnType<typeof start>): Promise<void> {
  fake.failIf(() => 503);
  fake.breakWatches();
  await expect.poll(() => state.failures).toEqual(["injected 503"]);
  const until = performance.now() + 2 * EXPIRY_MS;
  await expect.poll(() => performance.now() > until).toBe(true);
}

const writes = (method: string, of = "") =>
  fake.writes.filter((item) => item.method === method && item.path.includes(of));
const leases = () =>
  fake.all(LEASES).map(({ spec }) => (spec as { holderIdentity: string }).holderIdentity);

describe("what replicas tell each other", () => {
  it("is known to all others, and to those that come later", async () => {
    const [a, b] = [start("a"), start("b")];
    a.state.report = report(7);
    await expect.poll(b.known).toEqual({ a: 7 });
    await expect.poll(a.known).toEqual({ b: 0 });
    const c = start("c");
    await expect.poll(c.known).toEqual({ a: 7, b: 0 });
    expect(a.reports.isListed).toBe(true);
  });

  it("is written when it has changed; else that the replica is alive, and that is no news", async () => {
    const [a, b] = [start("a"), start("b")];
    await expect.poll(b.known).toEqual({ a: 0 });
    await expect.poll(a.known).toEqual({ b: 0 });
    const { changes } = b.state;
    const before = writes("PATCH").length;
    await expect.poll(() => writes("PATCH").length).toBeGreaterThan(before + 6);
    expect(writes("PATCH").every(({ body }) => !("metadata" in (body as object)))).toBe(true);
    expect(b.state.changes).toBe(changes);
    a.state.report = report(1);
    await expect.poll(() => b.state.changes).toBe(changes + 1);
  });

  it("counts for a while when a replica dies, and is deleted then by the leader alone", async () => {
    const [a, b] = [start("a"), start("b", true)];
    a.state.report = report(7);
    await expect.poll(b.known).toEqual({ a: 7 });
    const diedAtMs = performance.now();
    await a.stop();
    expect(b.known()).toEqual({ a: 7 });
    await expect.poll(b.known, { interval: 10 }).toEqual({});
    expect(performance.now() - diedAtMs).toBeGreaterThan(EXPIRY_MS - 100);
    await expect.poll(leases).toEqual(["b"]);
  });

  it("is not deleted by others, which do not count it any more", async () => {
    const [a, b] = [start("a"), start("b")];
    await expect.poll(b.known).toEqual({ a: 0 });
    await a.stop();
    await expect.poll(b.known).toEqual({});
    expect(leases().sort()).toEqual(["a", "b"]);
    expect(writes("DELETE")).toEqual([]);
  });

  it("stays while the cluster is away, for which nobody else is to blame", async () => {
    const [a, b] = [start("a", true), start("b")];
    b.state.report = report(7);
    await expect.poll(a.known).toEqual({ b: 7 });
    await loseCluster(a);
    expect(a.known()).toEqual({ b: 7 });
    fake.failIf(() => undefined);
    const deletions = writes("DELETE").length;
    const patches = writes("PATCH").length;
    await expect.poll(() => writes("PATCH").length).toBeGreaterThan(patches + 6);
    expect(a.known()).toEqual({ b: 7 });
    expect(writes("DELETE").length).toBe(deletions);
  });

  it("stays when it is the later one to be seen again after an outage", async () => {
    const [a, b] = [start("a", true), start("b")];
    b.state.report = report(7);
    await expect.poll(a.known).toEqual({ b: 7 });
    await loseCluster(a);
    const ofB = fake.all(LEASES).find(({ spec }) => JSON.stringify(spec).includes('"b"'));
    const isByB = (path: string) => path.endsWith(ofB?.metadata.name ?? "?");
    let signsOfA = 0;
    fake.failIf(({ method, path }) => {
      if (method !== "PATCH") return undefined;
      if (isByB(path)) return signsOfA < 2 ? 503 : undefined;
      signsOfA++;
      return undefined;
    });
    await expect.poll(() => signsOfA).toBeGreaterThan(4);
    expect(a.known()).toEqual({ b: 7 });
    expect(writes("DELETE")).toEqual([]);
  });

  it("comes back when somebody deletes it", async () => {
    const [a, b] = [start("a"), start("b")];
    a.state.report = report(7);
    await expect.poll(b.known).toEqual({ a: 7 });
    const own = () =>
      fake
        .all(LEASES)
        .find(({ spec }) => (spec as { holderIdentity: string }).holderIdentity === "a");
    const { name = "", uid } = own()?.metadata ?? {};
    fake.delete(LEASES, name, "system");
    await expect.poll(() => own()?.metadata.uid ?? uid).not.toBe(uid);
    await expect.poll(b.known).toEqual({ a: 7 });
  });

  it("goes on in the Lease of the one that had the identity before", async () => {
    const before = start("a");
    const b = start("b");
    before.state.report = report(7);
    await expect.poll(b.known).toEqual({ a: 7 });
    await before.stop();
    start("a").state.report = report(8);
    await expect.poll(b.known).toEqual({ a: 8 });
    expect(leases().sort()).toEqual(["a", "b"]);
  });

  it("that cannot be read is known to be there", async () => {
    const b = start("b");
    fake.apply(LEASES, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name: "metaproto-replica-odd",
        namespace: "system",
        labels: { "metaproto.io/component": "replica" },
        annotations: { "metaproto.io/report": "?" },
      },
      spec: { holderIdentity: "odd", renewTime: "2026-01-01T00:00:00.000000Z" },
    });
    await expect
      .poll(() => b.reports.others)
      .toMatchObject([{ identity: "odd", report: undefined }]);
    expect(b.reports.others[0]?.fault).not.toBe("");
  });
});
