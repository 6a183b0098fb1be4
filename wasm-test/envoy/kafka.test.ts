// Kafka on a stock Envoy: Kafka's own Java clients and kafka-python on one side, Apache Kafka on the other.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { compact, int, NO_TAGS, request, short, text, varint } from "../codecs/kafka/frames.js";
import { describeWith } from "./support/describe-with.js";
import { waitUntil } from "./support/deadline.js";
import {
  KafkaBroker,
  type KafkaClient,
  KafkaPeer,
  type KafkaSettings,
  missingKafka,
  missingKafkaPython,
} from "./support/kafka-peer.js";
import { Mesh } from "./support/mesh.js";
import { PeerFailure } from "./support/peer-process.js";
import { freePorts } from "./support/ports.js";
import type { RouteOptions, ServiceOptions } from "./support/resources.js";
import { stopWhenStarted } from "./support/stop-when-started.js";
import { TcpConnection } from "./support/tcp-connection.js";

const ALL: RouteOptions = { to: { v1: 100 } };
const FROM_START: KafkaSettings = { "auto.offset.reset": "earliest" };
/** A consumer that hears of a changed group soon. */
const LIVELY: KafkaSettings = { "heartbeat.interval.ms": 200, "session.timeout.ms": 6000 };
/** Kafka's own retries end while a test still waits. */
const IMPATIENT: KafkaSettings = {
  "request.timeout.ms": 2000,
  "default.api.timeout.ms": 3000,
  "delivery.timeout.ms": 4000,
  "max.block.ms": 3000,
};

function numbers(count: number, prefix = ""): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index)}`);
}

async function failureOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PeerFailure)) throw new Error("it did not fail", { cause: error });
  return error.className;
}

function deny(name: string, attributes: object): object {
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaAuthorizationPolicy",
    metadata: { name, namespace: "test" },
    spec: {
      hosts: ["demo.kafka"],
      action: "DENY",
      rules: [{ to: [{ operation: { attributes } }] }],
    },
  };
}

describeWith("Kafka", [missingKafka(), missingKafkaPython()], () => {
  let broker: KafkaBroker;
  let java: KafkaPeer;
  let python: KafkaPeer;
  let mesh: Mesh;
  let service: ServiceOptions;
  let nowhere: ServiceOptions;
  const clients: KafkaClient[] = [];
  const stops: (() => Promise<void>)[] = [];

  const stat = (name: string) => mesh.envoy.stat(`wasmcustom.metaproto.kafka.${name}`);

  function starting<T extends { stop(): Promise<void> }>(start: Promise<T>): Promise<T> {
    stops.push(stopWhenStarted(start));
    return start;
  }

  async function open(
    kind: "producer" | "consumer" | "admin",
    settings: KafkaSettings = {},
    topic?: string,
    peer = java,
  ): Promise<KafkaClient> {
    const client = await peer.open(kind, service.port, settings, topic);
    clients.push(client);
    return client;
  }

  function consumer(group: string, topic: string, settings: KafkaSettings = {}, peer = java) {
    const all = { ...FROM_START, "group.id": group, ...settings };
    return open("consumer", all, topic, peer);
  }

  async function createTopics(...names: readonly string[]): Promise<void> {
    const admin = await open("admin");
    for (const name of names) await admin.create(name);
  }

  beforeAll(async () => {
    const [port = 0, other = 0, dead = 0] = await freePorts(3);
    const brokers = [starting(KafkaBroker.start(port)), starting(KafkaBroker.start(port))] as const;
    const peers = [starting(KafkaPeer.startJava()), starting(KafkaPeer.startPython())] as const;
    await buildWasm("kafka");
    const [first, second] = await Promise.all(brokers);
    broker = first;
    [java, python] = await Promise.all(peers);
    const endpoints = [
      { port: first.port, version: "v1" },
      { port: second.port, version: "v2" },
    ];
    service = { protocol: "kafka", port, endpoints, routes: [ALL] };
    nowhere = {
      protocol: "kafka",
      host: "nowhere.kafka",
      port: other,
      endpoints: [{ port: dead, version: "v1" }],
    };
    mesh = await starting(Mesh.start([service, nowhere]));
  });

  afterEach(async () => {
    await mesh.edit(service);
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  afterAll(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  test("what producers send consumers get, whatever library they have", async () => {
    await createTopics("words");
    const producer = await open("producer");
    const offsets = await producer.send("words", numbers(500, "java-"));
    expect(offsets).toEqual([...offsets.keys()]);
    const other = await open("producer", {}, undefined, python);
    await other.send("words", numbers(500, "python-"));
    const expected = [...numbers(500, "java-"), ...numbers(500, "python-")];
    expect(await (await consumer("readers", "words")).poll(1000)).toEqual(expected);
    const settings = { "enable.auto.commit": "" };
    const reader = await consumer("python-readers", "words", settings, python);
    expect(await reader.poll(1000)).toEqual(expected);
  });

  test("batches of megabytes pass in both directions", async () => {
    await createTopics("large");
    const settings = { "batch.size": 1_000_000, "linger.ms": 50, "max.request.size": 1_000_000 };
    const producer = await open("producer", settings);
    const values = numbers(12).map((value) => value.repeat(900_000 / value.length));
    await producer.send("large", values);
    const reader = await consumer("large-readers", "large");
    expect(await reader.poll(values.length)).toEqual(values);
  });

  test("acks 0: nothing is answered, and what follows has its own answers", async () => {
    await createTopics("unanswered");
    const oneways = await stat("downstream_rq_oneway");
    const producer = await open("producer", { acks: "0", "enable.idempotence": "false" });
    expect(await producer.send("unanswered", numbers(3))).toEqual([-1, -1, -1]);
    await producer.send("unanswered", numbers(2000));
    const reader = await consumer("unanswered-readers", "unanswered");
    expect(await reader.poll(2003)).toEqual([...numbers(3), ...numbers(2000)]);
    await expect.poll(() => stat("downstream_rq_oneway")).toBeGreaterThan(oneways + 1);

    const connection = await TcpConnection.connect(service.port);
    const produce = request({ key: 0, version: 8 }, text(null), short(0), int(1000), int(0));
    const versions = (correlationId: number) =>
      request({ key: 18, version: 0, correlationId, clientId: "raw" });
    connection.write(Buffer.concat([versions(1), produce, produce, versions(2), produce]));
    connection.write(Buffer.from(versions(3)));
    for (const expected of [1, 2, 3]) {
      const head = await connection.read(8);
      expect(head.readInt32BE(4)).toBe(expected);
      await connection.read(head.readInt32BE(0) - 4);
    }
    connection.destroy();
  });

  test("members of a group share its partitions, and take over those of one that leaves", async () => {
    const admin = await open("admin");
    await admin.create("shared", 2);
    const producer = await open("producer");
    const members = [
      await consumer("team", "shared", { ...LIVELY, "client.id": "one" }),
      await consumer("team", "shared", { ...LIVELY, "client.id": "two" }),
    ] as const;
    // Both poll, so that both are members.
    await waitUntil("both have a partition", async () => {
      await Promise.all(members.map((member) => member.poll(1, 300)));
      return (await admin.members("team")).length === 2;
    });
    const values = numbers(400).map((value) => value.padStart(200, "."));
    await producer.send("shared", values);
    const seen: string[] = [];
    await waitUntil("all of them", async () => {
      for (const some of await Promise.all(members.map((member) => member.poll(400, 300)))) {
        seen.push(...some);
      }
      return seen.length >= values.length;
    });
    expect(seen.toSorted()).toEqual(values.toSorted());
    await clients.splice(clients.indexOf(members[0]), 1)[0]?.close();
    await producer.send("shared", values);
    expect((await members[1].poll(400)).toSorted()).toEqual(values.toSorted());
    expect(await admin.members("team")).toEqual(["two"]);
  });

  test("clients are routed by their id, on all of their connections", async () => {
    const blue = { client_id: { prefix: "blue" } };
    await mesh.route(service, { match: blue, to: { v2: 100 } }, ALL);
    const admins = {
      blue: await open("admin", { "client.id": "blue-admin" }),
      other: await open("admin", { "client.id": "admin" }),
    };
    await admins.blue.create("only-blue");
    expect(await admins.blue.topics()).toEqual(["only-blue"]);
    expect(await admins.other.topics()).not.toContain("only-blue");
    const producer = await open("producer", { "client.id": "blue-producer" });
    await producer.send("only-blue", numbers(10));
    const reader = await consumer("blue-team", "only-blue", { "client.id": "blue-consumer" });
    expect(await reader.poll(10)).toEqual(numbers(10));
  });

  test("a client id that a route sets is the one that the broker sees", async () => {
    await createTopics("renamed");
    await mesh.route(service, { ...ALL, requestMutation: { client_id: "by-the-route" } });
    const admin = await open("admin");
    const reader = await consumer("renamed-team", "renamed", { "client.id": "a-name-of-its-own" });
    await (await open("producer")).send("renamed", numbers(5));
    expect(await reader.poll(5)).toEqual(numbers(5));
    expect(await admin.members("renamed-team")).toEqual(["by-the-route"]);
  });

  test("what a policy refuses is an exception of Kafka's own", async () => {
    await createTopics("free", "secret", "broken");
    const admin = await open("admin");
    const abort = { code: 44, percentage: { value: 100 } };
    const produce = { api_name: { exact: "Produce" } };
    // Kafka's own clients name what they produce to by its id.
    const [secret, broken] = [await admin.id("secret"), await admin.id("broken")];
    const brokenId = { topic_id: { exact: broken } };
    await mesh.edit({
      ...service,
      routes: [{ match: brokenId, ...ALL, more: { fault: { abort } } }, ALL],
      resources: [
        deny("no-secrets", { ...produce, topic: { exact: "secret" } }),
        deny("no-secrets-by-id", { ...produce, topic_id: { exact: secret } }),
        deny("no-spies", { api_name: { exact: "Fetch" }, client_id: { prefix: "spy" } }),
        deny("no-strangers", { group_id: { exact: "strangers" } }),
      ],
    });
    const producer = await open("producer", IMPATIENT);
    await waitUntil("the policy", async () => {
      const denied = failureOf(producer.send("secret", ["x"]));
      return (await denied) === "TopicAuthorizationException";
    });
    expect(await failureOf(producer.send("broken", ["x"]))).toBe("PolicyViolationException");
    const other = await open("producer", {}, undefined, python);
    expect(await failureOf(other.send("secret", ["x"]))).toBe("TopicAuthorizationFailedError");
    // On the same connection, which has not been closed.
    expect(await producer.send("free", ["x"])).toEqual([0]);
    const spy = await consumer("spies", "free", { "client.id": "spy" });
    expect(await failureOf(spy.poll(1))).toBe("TopicAuthorizationException");
    const stranger = await consumer("strangers", "free");
    expect(await failureOf(stranger.poll(1))).toBe("GroupAuthorizationException");
    expect(await (await consumer("friends", "free")).poll(1)).toEqual(["x"]);
  });

  test("a client that is refused altogether finds its connections closed", async () => {
    await mesh.edit({
      ...service,
      resources: [deny("nobody", { client_id: { exact: "nobody" } })],
    });
    const admin = await open("admin", { ...IMPATIENT, "client.id": "nobody" });
    expect(await failureOf(admin.topics())).toBe("TimeoutException");
  });

  test("a rate limit makes producers and consumers wait, and loses nothing", async () => {
    await createTopics("busy");
    const limited = (api: string, fillInterval: string): RouteOptions => ({
      match: { api_name: { exact: api } },
      ...ALL,
      more: { localRateLimit: { tokenBucket: { maxTokens: 2, tokensPerFill: 1, fillInterval } } },
    });
    // One that has nothing to fetch asks twice a second.
    await mesh.route(service, limited("Produce", "300ms"), limited("Fetch", "1s"), ALL);
    const refused = async (): Promise<number> => await stat("local_reply_rl");
    const atFirst = await refused();
    const producer = await open("producer");
    let count = 0;
    await waitUntil("a batch was refused, and sent again", async () => {
      expect(await producer.send("busy", [String(count)])).toEqual([count]);
      count++;
      return (await refused()) > atFirst;
    });
    const afterProducing = await refused();
    const reader = await consumer("busy-team", "busy", { "max.poll.records": 1 });
    expect(await reader.poll(count)).toEqual(numbers(count));
    await waitUntil("a fetch was refused", async () => {
      await reader.poll(1, 200);
      return (await refused()) > afterProducing;
    });
  });

  test("a broker that dies under load: nothing that it has acknowledged is lost", async () => {
    await createTopics("load");
    const producer = await open("producer");
    await producer.startTraffic("load");
    await waitUntil("traffic", async () => (await producer.progress()) > 200);
    await broker.kill();
    await broker.restart();
    const before = await producer.progress();
    await waitUntil("traffic again", async () => (await producer.progress()) > before + 200, {
      timeoutMs: 30_000,
    });
    const { values, failures } = await producer.stopTraffic();
    expect(failures).toEqual({});
    const reader = await consumer("load-team", "load");
    // A record whose acknowledgement died with the broker may be there twice, since the producer sends it again, and one
    // that was under way when the traffic was stopped although nobody knows of it.
    const missing = new Set(values);
    await waitUntil("all that was acknowledged", async () => {
      for (const value of await reader.poll(1)) missing.delete(value);
      return missing.size === 0;
    });
  });

  test("no broker: the connection is closed, and a client tries the next one", async () => {
    const connection = await TcpConnection.connect(nowhere.port);
    connection.write(
      Buffer.from(request({ key: 18, version: 3 }, NO_TAGS, compact("a"), varint(0))),
    );
    expect(await connection.readUntilEnd()).toHaveLength(0);
    connection.destroy();
  });
});
