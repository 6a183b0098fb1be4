import { createPrivateKey, X509Certificate } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Identity } from "../identity/identity.js";
import { HttpKubernetesApi } from "../kubernetes/http-api.js";
import type { ResourceType } from "../kubernetes/object.js";
import { FakeCluster } from "../kubernetes/testing/fake-cluster.js";
import { createLogger } from "../runtime/logger.js";
import { ManualClock } from "../runtime/manual-clock.js";
import { WebhookIdentity } from "./webhook-identity.js";

const SECRETS: ResourceType = {
  kind: "Secret",
  group: "",
  versions: ["v1"],
  plural: "secrets",
  namespaced: true,
};
const CONFIGURATIONS: ResourceType = {
  kind: "ValidatingWebhookConfiguration",
  group: "admissionregistration.k8s.io",
  versions: ["v1"],
  plural: "validatingwebhookconfigurations",
  namespaced: false,
};
const HOST = "metaproto.system.svc";
const DAY_MS = 24 * 3_600_000;
const CHECK_MS = 10_000;

let fake: FakeCluster;
let api: HttpKubernetesApi;
let clock: ManualClock;
let lines: string[];
const identities: WebhookIdentity[] = [];

beforeEach(async () => {
  clock = new ManualClock();
  lines = [];
  fake = await FakeCluster.start([SECRETS, CONFIGURATIONS]);
  fake.apply(SECRETS, secret());
  fake.apply(CONFIGURATIONS, configuration());
  api = new HttpKubernetesApi({ config: fake.config });
});

afterEach(async () => {
  for (const identity of identities.splice(0)) identity.stop();
  api.close();
  await fake.shutDown();
});

const secret = () => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "webhook", namespace: "system", labels: { app: "metaproto" } },
});
const configuration = () => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: "metaproto" },
  webhooks: ["a", "b"].map((name) => ({ name, clientConfig: { service: { name: "s" } } })),
});

function replica(): { identity: WebhookIdentity; given: Identity[]; first: Promise<Identity> } {
  const own = lines;
  const identity = new WebhookIdentity({
    api,
    namespace: "system",
    secret: "webhook",
    configuration: "metaproto",
    hosts: [HOST],
    logger: createLogger("info", (line) => own.push(line)),
    clock,
  });
  identities.push(identity);
  const given: Identity[] = [];
  const first = identity.start().then((value) => {
    given.push(value);
    identity.onChange((next) => given.push(next));
    return value;
  });
  return { identity, given, first };
}

/** What API servers trust, one entry for each webhook. */
function trusted(): readonly string[] {
  const { webhooks } = fake.get(CONFIGURATIONS, "metaproto") as unknown as {
    webhooks: readonly { clientConfig: { caBundle?: string } }[];
  };
  return webhooks.map(({ clientConfig }) =>
    Buffer.from(clientConfig.caBundle ?? "", "base64").toString(),
  );
}

function isTrusted({ certificateChain }: Identity): boolean {
  const leaf = new X509Certificate(certificateChain);
  const authorities = (trusted()[0] ?? "").split(/(?<=-----END CERTIFICATE-----\n)/);
  return authorities.some((pem) => pem !== "" && leaf.verify(new X509Certificate(pem).publicKey));
}

/** Checks go on while the clock does, an answer at a time. */
async function pass(ms: number, until: () => boolean): Promise<void> {
  await expect
    .poll(() => {
      clock.advance(ms);
      return until();
    })
    .toBe(true);
}

describe("the certificate of a webhook", () => {
  test("is for its host, and of an authority that the API server is told of", async () => {
    const { first } = replica();
    const identity = await first;
    await expect.poll(() => isTrusted(identity)).toBe(true);
    expect(new Set(trusted())).toEqual(new Set([identity.trustAnchors]));
    const leaf = new X509Certificate(identity.certificateChain);
    expect(leaf.checkHost(HOST)).toBe(HOST);
    expect(leaf.checkPrivateKey(createPrivateKey(identity.privateKey))).toBe(true);
    expect(new X509Certificate(identity.trustAnchors).ca).toBe(true);
    expect(fake.get(SECRETS, "webhook", "system")).toMatchObject({
      metadata: { labels: { app: "metaproto" } },
      data: { "ca.crt": Buffer.from(identity.trustAnchors).toString("base64") },
    });
  });

  test("is of one authority for all replicas, also if they begin at once", async () => {
    const replicas = [replica(), replica(), replica()];
    const all = Promise.all(replicas.map(({ first }) => first));
    let isDone = false;
    void all.then(() => (isDone = true));
    await pass(1_000, () => isDone);
    const anchors = (await all).map(({ trustAnchors }) => trustAnchors);
    expect(new Set(anchors).size).toBe(1);
    for (const identity of await all) await expect.poll(() => isTrusted(identity)).toBe(true);
  });

  test("is renewed in the middle of its life, which nobody has to be told", async () => {
    const { given, first } = replica();
    const before = await first;
    await expect.poll(() => isTrusted(before)).toBe(true);
    const writes = fake.writes.length;
    clock.advance(14 * DAY_MS);
    expect(given).toHaveLength(1);
    clock.advance(DAY_MS);
    await pass(CHECK_MS, () => given.length === 2);
    expect(fake.writes).toHaveLength(writes);
    expect(given[1]?.certificateChain).not.toBe(before.certificateChain);
    expect(given.every(isTrusted)).toBe(true);
  });

  test("outlives its authority: the next one is trusted before it is used", async () => {
    const { given, first } = replica();
    const before = await first;
    await expect.poll(() => isTrusted(before)).toBe(true);
    clock.advance(9 * 365 * DAY_MS);
    await pass(CHECK_MS, () => {
      expect(given.every(isTrusted)).toBe(true);
      return given.some(({ trustAnchors }) => trustAnchors !== before.trustAnchors);
    });
    expect(given.at(-1)?.trustAnchors).toContain(before.trustAnchors);
  });

  test("comes back when somebody takes its authority from the API server", async () => {
    const { first } = replica();
    const identity = await first;
    await expect.poll(() => isTrusted(identity)).toBe(true);
    fake.apply(CONFIGURATIONS, configuration());
    expect(isTrusted(identity)).toBe(false);
    await pass(CHECK_MS, () => isTrusted(identity));
  });

  test("waits for its Secret, and says so once", async () => {
    fake.delete(SECRETS, "webhook", "system");
    const { identity, given } = replica();
    await pass(1_000, () => identity.fault !== "");
    await pass(1_000, () => lines.length > 0);
    expect(lines).toHaveLength(1);
    expect(given).toEqual([]);
    fake.apply(SECRETS, secret());
    await pass(1_000, () => given.length === 1);
  });
});
