import { afterEach, describe, expect, it } from "vitest";
import { HttpKubernetesApi } from "./http-api.js";
import { LeaderElection, LEASES } from "./leader-election.js";
import { FakeCluster } from "./testing/fake-cluster.js";

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function cluster(): Promise<FakeCluster> {
  const fake = await FakeCluster.start([LEASES]);
  closers.push(() => fake.shutDown());
  return fake;
}

/** Longer than any test: nobody loses it because the machine is busy. */
const LONG_LEASE_MS = 600_000;

function candidate(
  fake: FakeCluster,
  identity: string,
  leaseMs = LONG_LEASE_MS,
  onLeader: () => void = () => undefined,
) {
  const api = new HttpKubernetesApi({ config: fake.config, timeoutMs: 5_000 });
  const told: boolean[] = [];
  const failures: string[] = [];
  const election = new LeaderElection({
    api,
    namespace: "system",
    name: "metaproto",
    identity,
    leaseMs,
    retryMs: 20,
    onChange: (isLeader) => {
      told.push(isLeader);
      if (isLeader) onLeader();
    },
    onFailure: ({ message }) => failures.push(message),
  });
  closers.push(async () => {
    await election.stop();
    api.close();
  });
  election.start();
  return { election, told, failures };
}

const specOf = (fake: FakeCluster) => fake.get(LEASES, "metaproto", "system")?.spec;

describe("leader election", () => {
  it("makes the first replica the leader, and leaves it that", async () => {
    const fake = await cluster();
    const first = candidate(fake, "a");
    await expect.poll(() => first.election.isLeader).toBe(true);
    const second = candidate(fake, "b");
    await expect.poll(() => fake.writes.length).toBeGreaterThan(60);
    expect([first.told, second.told]).toEqual([[true], []]);
    expect(specOf(fake)).toMatchObject({
      holderIdentity: "a",
      leaseDurationSeconds: LONG_LEASE_MS / 1000,
      leaseTransitions: 0,
      renewTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
    });
  });

  it("hands over at once when the leader stops", async () => {
    const fake = await cluster();
    const first = candidate(fake, "a");
    await expect.poll(() => first.election.isLeader).toBe(true);
    const second = candidate(fake, "b");
    await first.election.stop();
    expect(first.election.isLeader).toBe(false);
    expect(specOf(fake)).not.toMatchObject({ holderIdentity: "a" });
    await expect.poll(() => second.told).toEqual([true]);
    expect(specOf(fake)).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
  });

  it("takes over from a leader that is gone without a word, once its lease is over", async () => {
    const fake = await cluster();
    fake.apply(LEASES, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "metaproto", namespace: "system" },
      spec: { holderIdentity: "gone", leaseDurationSeconds: 1, leaseTransitions: 3 },
    });
    const startedAt = performance.now();
    const { told } = candidate(fake, "b");
    await expect.poll(() => told).toEqual([true]);
    expect(performance.now() - startedAt).toBeGreaterThan(1_000);
    expect(specOf(fake)).toMatchObject({ holderIdentity: "b", leaseTransitions: 4 });
  });

  it("ends before anybody else begins, when the leader cannot renew its lease", async () => {
    const fake = await cluster();
    const leaseMs = 2_000;
    const first = candidate(fake, "a", leaseMs);
    await expect.poll(() => first.election.isLeader).toBe(true);
    const leadersAtTakeover: boolean[] = [];
    const second = candidate(fake, "b", leaseMs, () => {
      leadersAtTakeover.push(first.election.isLeader);
    });
    fake.failIf(({ method, body }) => {
      const isByFirst = JSON.stringify(body ?? {}).includes('"holderIdentity":"a"');
      return method !== "GET" && isByFirst ? 500 : undefined;
    });
    await expect.poll(() => second.told[0]).toBe(true);
    expect(leadersAtTakeover[0]).toBe(false);
    expect(first.told.at(-1)).toBe(false);
    expect(first.failures).toContain("injected 500");
  });

  it("is a leader again once the server can be reached", async () => {
    const fake = await cluster();
    const { election, told, failures } = candidate(fake, "a", 1_000);
    await expect.poll(() => election.isLeader).toBe(true);
    fake.failIf(() => 500);
    await expect.poll(() => told.at(-1)).toBe(false);
    expect(failures).toContain("injected 500");
    fake.failIf(() => undefined);
    await expect.poll(() => told.at(-1)).toBe(true);
  });

  it("never has two leaders, whoever is faster", async () => {
    const fake = await cluster();
    const all = ["a", "b", "c", "d"].map((identity) => candidate(fake, identity));
    for (let turn = 0; turn < 3; turn++) {
      await expect
        .poll(() => all.filter(({ election }) => election.isLeader).length, { interval: 5 })
        .toBe(1);
      await all.find(({ election }) => election.isLeader)?.election.stop();
    }
    await expect.poll(() => all.at(-1) !== undefined).toBe(true);
    expect(specOf(fake)).toMatchObject({ leaseTransitions: expect.any(Number) as number });
    const refused = fake.writes.filter(({ method }) => method === "POST").length;
    expect(refused).toBeGreaterThanOrEqual(1);
  });
});
