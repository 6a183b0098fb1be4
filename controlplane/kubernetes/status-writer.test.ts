import { afterEach, describe, expect, it } from "vitest";
import { EVENTS, EventRecorder } from "./event-recorder.js";
import { HttpKubernetesApi } from "./http-api.js";
import type { KubernetesObject } from "./object.js";
import { type ObjectStatus, StatusWriter, type StatusWriterOptions } from "./status-writer.js";
import { FakeCluster } from "./testing/fake-cluster.js";
import { widget, WIDGETS } from "./testing/widgets.js";

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function cluster(): Promise<FakeCluster> {
  const fake = await FakeCluster.start([WIDGETS, EVENTS]);
  closers.push(() => fake.shutDown());
  return fake;
}

function apiOf(fake: FakeCluster): HttpKubernetesApi {
  const api = new HttpKubernetesApi({ config: fake.config });
  closers.push(() => {
    api.close();
    return Promise.resolve();
  });
  return api;
}

function writer(fake: FakeCluster, options: Partial<StatusWriterOptions> = {}) {
  const failures: string[] = [];
  const result = new StatusWriter({
    api: apiOf(fake),
    mayWrite: () => true,
    minBackoffMs: 5,
    maxBackoffMs: 40,
    onFailed: (_, { message }) => failures.push(message),
    ...options,
  });
  closers.push(() => result.stop());
  const want = (name: string, status: ObjectStatus, object = live(fake, name)) =>
    result.want([{ type: WIDGETS, object, status }]);
  return { want, failures, result };
}

function live(fake: FakeCluster, name: string): KubernetesObject {
  const object = fake.get(WIDGETS, name, "shop");
  if (object === undefined) throw new Error(name);
  return object;
}

function accepted(status: "True" | "False", at: string, rest: object = {}): ObjectStatus {
  const condition = { type: "Accepted", status, reason: "R", message: "m", lastTransitionTime: at };
  return { conditions: [condition], ...rest };
}

describe("a status", () => {
  it("is written when it differs, without what it has no more, and knows since when it holds", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    const { want } = writer(fake);
    want("a", accepted("True", "2026-01-01T00:00:00Z", { extra: 1, programmed: "0/1" }));
    await expect.poll(() => live(fake, "a").status).toMatchObject({ extra: 1 });
    want("a", accepted("True", "2026-02-02T00:00:00Z", { programmed: "1/1" }));
    await expect
      .poll(() => live(fake, "a").status)
      .toEqual(accepted("True", "2026-01-01T00:00:00Z", { programmed: "1/1" }));
    want("a", accepted("False", "2026-03-03T00:00:00Z"));
    await expect
      .poll(() => live(fake, "a").status)
      .toEqual(accepted("False", "2026-03-03T00:00:00Z"));
    const writes = fake.writes.length;
    want("a", accepted("False", "2026-04-04T00:00:00Z"));
    fake.apply(WIDGETS, widget("b"));
    want("b", accepted("True", "2026-04-04T00:00:00Z"));
    await expect.poll(() => live(fake, "b").status).toBeDefined();
    expect(fake.writes.length).toBe(writes + 1);
    expect(live(fake, "a").metadata.generation).toBe(1);
  });

  it("is not written again while the watch is behind, and again if somebody else changes it", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    const { want } = writer(fake);
    const old = live(fake, "a");
    want("a", accepted("True", "2026-01-01T00:00:00Z"), old);
    await expect.poll(() => live(fake, "a").status).toBeDefined();
    want("a", accepted("True", "2026-01-01T00:00:00Z"), old);
    const theirs = { ...live(fake, "a"), status: { conditions: [] } };
    want("a", accepted("True", "2026-01-01T00:00:00Z"), {
      ...theirs,
      metadata: { ...theirs.metadata, resourceVersion: "999" },
    });
    await expect.poll(() => fake.writes.length).toBe(2);
  });

  it("is not written over what somebody else has written meanwhile, until that is known", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    const { want, failures } = writer(fake);
    const old = live(fake, "a");
    want("a", accepted("True", "2026-01-01T00:00:00Z", { programmed: "2/2" }));
    await expect.poll(() => live(fake, "a").status).toBeDefined();
    const written = live(fake, "a");
    const other = writer(fake);
    other.want("a", accepted("True", "2026-01-01T00:00:00Z", { programmed: "1/2" }), old);
    await expect.poll(() => fake.writes.length).toBe(2);
    expect(live(fake, "a")).toEqual(written);
    other.want("a", accepted("True", "2026-01-01T00:00:00Z", { programmed: "1/1" }));
    await expect.poll(() => live(fake, "a").status).toMatchObject({ programmed: "1/1" });
    expect([...failures, ...other.failures]).toEqual([]);
  });

  it("is tried again, and given up where the object is gone or nothing may be written", async () => {
    const fake = await cluster();
    fake.apply(WIDGETS, widget("a"));
    fake.apply(WIDGETS, widget("b"));
    let mayWrite = true;
    const { want, failures, result } = writer(fake, { mayWrite: () => mayWrite });
    let refusals = 0;
    fake.failIf(({ method }) => (method === "PATCH" && refusals++ < 2 ? 503 : undefined));
    want("a", accepted("True", "2026-01-01T00:00:00Z"));
    await expect.poll(() => live(fake, "a").status).toBeDefined();
    expect(failures).toEqual(["injected 503", "injected 503"]);
    const gone = live(fake, "b");
    fake.delete(WIDGETS, "b", "shop");
    want("b", accepted("True", "2026-01-01T00:00:00Z"), gone);
    await expect.poll(() => fake.writes.length).toBe(4);
    mayWrite = false;
    want("a", accepted("False", "2026-01-01T00:00:00Z"));
    await result.stop();
    expect(fake.writes.length).toBe(4);
    expect(failures).toHaveLength(2);
  });
});

describe("an event", () => {
  it("is told once for a version of an object, whoever tells it", async () => {
    const fake = await cluster();
    const object = fake.apply(WIDGETS, widget("a"));
    const failures: string[] = [];
    const recorder = () =>
      new EventRecorder({
        api: apiOf(fake),
        mayWrite: () => true,
        identity: "replica",
        onFailed: ({ message }) => failures.push(message),
      });
    const text = { type: "Warning", reason: "Invalid", note: "no good" } as const;
    const [first, second] = [recorder(), recorder()];
    first.record(object, text);
    first.record(object, text);
    await expect.poll(() => fake.all(EVENTS).length).toBe(1);
    second.record(object, text);
    second.record(object, { ...text, note: "worse" });
    await expect.poll(() => fake.all(EVENTS).length).toBe(2);
    expect(fake.all(EVENTS)[0]).toMatchObject({
      metadata: { namespace: "shop" },
      regarding: { kind: "Widget", name: "a", uid: object.metadata.uid },
      reason: "Invalid",
      note: "no good",
      type: "Warning",
      reportingController: "metaproto.io/controller",
      action: "Translate",
    });
    expect(fake.writes).toHaveLength(3);
    expect(failures).toEqual([]);
    await Promise.all([first.stop(), second.stop()]);
  });
});
