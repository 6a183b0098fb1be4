// Two controllers of one cluster: what one of them writes is of the proxies of both.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LEASES } from "../kubernetes/leader-election.js";
import type { FakeCluster } from "../kubernetes/testing/fake-cluster.js";
import { watchedKind } from "../stores/kubernetes/testing/watched-kind.js";
import { foundPlugin } from "../translate/ir-to-istio/plugin-annotation.js";
import { dialName } from "../translate/ir-to-xds/names.js";
import { ROUTES_TYPE } from "../xds/resource-type.js";
import { AdsClient } from "../xds/testing/ads-client.js";
import {
  Controllers,
  ENVOY_FILTERS,
  router,
  service,
  STAGE_MS,
  type StartedController,
} from "./testing/controllers.js";

const ROUTES = ["greeter.shop.svc.cluster.local_20880"];
const TIMES = { reportRenewMs: 50, reportExpiryMs: 500, settleMs: 1_000, doubtMs: 200 };

let controllers: Controllers;
let fake: FakeCluster;

beforeEach(async () => {
  controllers = await Controllers.prepare();
  fake = controllers.cluster;
  fake.apply(watchedKind("Service"), service("greeter"));
  fake.apply(watchedKind("MetaRouter"), router("greeter"));
});

afterEach(() => controllers.end());

interface Both {
  readonly versions?: readonly [string, string];
  readonly times?: typeof TIMES;
}

/** The first one is the leader. */
async function startBoth({ versions = ["1.2.3", "1.2.3"], times = TIMES }: Both = {}) {
  const leader = await controllers.start("a", { version: versions[0], times });
  await expect.poll(() => leader.metric("metaproto_is_leader")).toBe(1);
  const other = await controllers.start("b", { version: versions[1], times });
  for (const { metric } of [leader, other])
    await expect.poll(() => metric("metaproto_other_replicas")).toBe(1);
  return { leader, other };
}

/** A module that has accepted its routes. */
async function connect(
  { xdsPort }: StartedController,
  node: string,
  plugin?: string,
): Promise<AdsClient> {
  const options = plugin === undefined ? {} : { plugin };
  const client = new AdsClient(xdsPort, node, "metaproto", options);
  controllers.onEnd(() => {
    client.vanish();
    return Promise.resolve();
  });
  client.request(ROUTES_TYPE, { names: ROUTES });
  await client.take(ROUTES_TYPE, ROUTES);
  return client;
}

const status = () =>
  fake.get(watchedKind("MetaRouter"), "greeter", "shop")?.status as
    | { readonly programmed?: string; readonly conditions: readonly { readonly type: string }[] }
    | undefined;
const programmed = () => status()?.programmed;

const plugins = () => fake.all(ENVOY_FILTERS).flatMap((object) => foundPlugin(object) ?? []);

/** The plugin that connections begin with, as proxies name it. */
function current(): string | undefined {
  const [found] = plugins().filter(({ role }) => role === "current");
  return found && dialName("dubbo", found.version.digest);
}

describe("two replicas", () => {
  it("count the proxies of both, and those of one that dies no longer than it takes to be sure", async () => {
    const { leader, other } = await startBoth();
    await connect(leader, "sidecar~1");
    const second = await connect(other, "sidecar~2");
    await expect.poll(programmed).toBe("2/2");
    second.vanish();
    await expect.poll(programmed).toBe("1/1");
    await connect(other, "sidecar~2");
    await expect.poll(programmed).toBe("2/2");
    await other.stop();
    expect(programmed()).toBe("2/2");
    await expect.poll(programmed).toBe("1/1");
    await expect
      .poll(() => fake.all(LEASES).filter(({ metadata }) => metadata.labels !== undefined).length)
      .toBe(1);
  });

  it("of different versions are believed what they say of their own", async () => {
    const { leader, other } = await startBoth({ versions: ["1.2.3", "1.3.0"] });
    await connect(leader, "sidecar~1");
    await connect(other, "sidecar~2");
    await expect.poll(programmed).toBe("2/2");
  });

  it("keep what a status says when the other one takes over", async () => {
    // Longer than any test: proxies may take their time to come back.
    const { leader, other } = await startBoth({
      times: { ...TIMES, settleMs: 600_000, doubtMs: 600_000 },
    });
    await connect(leader, "sidecar~1");
    await connect(other, "sidecar~2");
    await expect.poll(programmed).toBe("2/2");
    const before = fake.get(watchedKind("MetaRouter"), "greeter", "shop");
    await leader.stop();
    await expect.poll(() => other.metric("metaproto_is_leader")).toBe(1);
    await connect(other, "sidecar~1");
    await expect.poll(() => other.metric("metaproto_other_replicas")).toBe(0);
    expect(fake.get(watchedKind("MetaRouter"), "greeter", "shop")).toEqual(before);
  });

  it("do not begin with a module before the proxies of the other one run it, and agree on it", async () => {
    const { leader, other } = await startBoth();
    await expect.poll(current).toBeDefined();
    const first = current();
    await connect(other, "sidecar~1", first);
    const page = async (): Promise<unknown> =>
      (await fetch(`http://127.0.0.1:${leader.adminPort}/debug/proxies`)).json();
    await expect.poll(page).toMatchObject({
      proxies: [
        {
          node: "sidecar~1",
          modules: [{ protocol: "dubbo" }],
          elsewhere: { replica: "b", routes: "synced" },
        },
      ],
    });
    controllers.writeModule(2);
    const next = () =>
      plugins()
        .map(({ version }) => dialName("dubbo", version.digest))
        .find((name) => name !== first);
    await expect.poll(next).toBeDefined();
    const staged = performance.now();
    await expect
      .poll(() => performance.now() - staged, { timeout: 10_000 })
      .toBeGreaterThan(5 * STAGE_MS);
    expect(current()).toBe(first);
    await connect(other, "sidecar~1", next());
    await expect.poll(current).toBe(next());
    const versions = () =>
      fake.all(ENVOY_FILTERS).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
    await expect.poll(() => leader.metric("metaproto_kubernetes_objects_pending")).toBe(0);
    const before = versions();
    await leader.stop();
    await expect.poll(() => other.metric("metaproto_is_leader")).toBe(1);
    await expect.poll(() => other.metric("metaproto_kubernetes_objects_pending")).toBe(0);
    expect(versions()).toEqual(before);
  });
});
