// Traffic of one client library through Envoy, and what its answers say about the routes.
import { pause, waitUntil } from "../envoy/support/deadline.js";
import type { Traffic, TrafficTally } from "../envoy/support/peer-client.js";
import { startDubboConsumer } from "../envoy/support/dubbo-peer.js";
import { startThriftClient, type ThriftLanguage } from "../envoy/support/thrift-peer.js";
import { BETA_REQUEST, requestNames, type DemoService, type Expectation } from "./services.js";

const CONNECTIONS = 4;
/** Requests per second of each client: enough to see a change within milliseconds. */
const RATE = 500;
const WINDOW_MS = 40;

export interface DemoClient {
  readonly name: string;
  readonly service: DemoService;
  readonly traffic: Traffic;
  stop(): Promise<void>;
}

export async function startDubboTraffic(service: DemoService): Promise<DemoClient> {
  const consumer = await startDubboConsumer();
  const requests = requestNames("dubbo").map((name) =>
    name === BETA_REQUEST
      ? { name, method: "sayHello", args: ["beta"], attachments: { user: "beta" } }
      : { name, method: name, args: ["demo"] },
  );
  const target = { port: service.port, connections: CONNECTIONS };
  const traffic = await consumer.traffic(target, requests, RATE);
  return { name: "dubbo java", service, traffic, stop: () => consumer.stop() };
}

export async function startThriftTraffic(
  service: DemoService,
  language: ThriftLanguage,
): Promise<DemoClient> {
  const client = await startThriftClient(language);
  const requests = requestNames("thrift").map((name) =>
    name === BETA_REQUEST
      ? { name, method: "hello" as const, args: ["beta"], headers: { user: "beta" } }
      : { name, method: name as "hello" | "getUser" | "getOrder" | "placeOrder", args: ["demo"] },
  );
  const target = {
    port: service.port,
    transport: "header" as const,
    protocol: "binary" as const,
    connections: CONNECTIONS,
  };
  const traffic = await client.traffic(target, requests, RATE);
  return { name: `thrift ${language}`, service, traffic, stop: () => client.stop() };
}

function allows({ versions }: Expectation, name: string, version: string): boolean {
  const allowed = versions[name] ?? versions["*"];
  return allowed === undefined || allowed.includes(version);
}

/**
 * Milliseconds from `writtenMs` (epoch) until the routes were seen to be in force: the first answer
 * that only they give, or else the start of the first moment in which no other answer came.
 */
export async function effectAfterMs(
  client: DemoClient,
  expectation: Expectation,
  writtenMs: number,
): Promise<number> {
  const { traffic } = client;
  const { first } = expectation;
  if (first !== undefined) {
    const { atMs } = await traffic.waitForFirst(first.version, first.name);
    return atMs - writtenMs;
  }
  const since = await waitUntil("the new routes in force", async () => {
    const start = await traffic.mark();
    await pause(WINDOW_MS);
    const answers = traffic.firstAnswers;
    const isInForce =
      answers.length > 0 && answers.every(({ name, label }) => allows(expectation, name, label));
    return isInForce ? start : undefined;
  });
  return since - writtenMs;
}

/** Waits for a second that began after the change, and checks it against what the routes say. */
export async function confirm(client: DemoClient, expectation: Expectation): Promise<TrafficTally> {
  const { traffic } = client;
  const before = traffic.seconds.length;
  // The first tally may cover a moment before the change.
  const tally = await waitUntil("two full seconds", () => traffic.seconds[before + 1]);
  const isAsExpected = Object.entries(tally.counts).every(([name, counts]) =>
    Object.keys(counts).every((version) => allows(expectation, name, version)),
  );
  if (!isAsExpected) {
    throw new Error(`${client.name}: answers by version ${JSON.stringify(tally.counts)}`);
  }
  return tally;
}
