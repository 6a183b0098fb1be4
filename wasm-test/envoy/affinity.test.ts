// Sticky sessions, hashing by the client, and weights of endpoints, as the official clients see them.
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { type DubboConsumer, missingDubboPeer } from "./support/dubbo-peer.js";
import {
  expectApplicationException,
  expectRpcException,
  RpcCode,
} from "./support/expect-failure.js";
import { answersByLabel } from "./support/peer-client.js";
import { freePorts } from "./support/ports.js";
import type { EndpointOptions, ServiceOptions } from "./support/resources.js";
import { assertFollowsWeights } from "./support/statistics.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import { ExceptionType } from "./support/thrift-wire.js";

/** One listener each. */
const KINDS = ["sticky", "strict", "cookie", "address", "connection", "weighted"] as const;
type Kind = (typeof KINDS)[number];
const ALL = { "": 100 };
const ATTRIBUTE = "x-affinity";
const WEIGHTS = { a: 1, b: 3, c: 6 };
const COUNT = 3_000;

async function portsByKind(): Promise<ReadonlyMap<Kind, number>> {
  const free = await freePorts(KINDS.length);
  return new Map(KINDS.map((kind, index) => [kind, free[index] ?? 0]));
}

function servicesOf(
  protocol: "dubbo" | "thrift",
  ports: ReadonlyMap<Kind, number>,
  real: readonly EndpointOptions[],
): ServiceOptions[] {
  const service = (kind: Kind, rest: Partial<ServiceOptions>): ServiceOptions => ({
    protocol,
    host: `${kind}.${protocol}`,
    port: ports.get(kind) ?? 0,
    endpoints: real,
    ...rest,
  });
  const route = (more: Readonly<Record<string, unknown>>) => ({ routes: [{ to: ALL, more }] });
  const consistentHash = (key: object) => ({ loadBalancer: { consistentHash: key } });
  const stickySession = { attribute: ATTRIBUTE };
  return [
    service("sticky", route({ stickySession })),
    service("strict", route({ stickySession: { ...stickySession, strict: true } })),
    service("cookie", {
      trafficPolicy: consistentHash({ httpCookie: { name: ATTRIBUTE, ttl: "3600s" } }),
    }),
    service("address", { trafficPolicy: consistentHash({ useSourceIp: true }) }),
    service("connection", route({ hashPolicy: { useSourceConnection: true } })),
    service("weighted", {
      trafficPolicy: { loadBalancer: { simple: "ROUND_ROBIN" } },
      endpoints: real.map((endpoint, index) => ({
        ...endpoint,
        weight: Object.values(WEIGHTS)[index] ?? 1,
      })),
    }),
  ];
}

/** What a client does, whatever its protocol: one call, on a connection of its own if it is told a name. */
interface Caller {
  call(
    kind: Kind,
    token?: string,
    connection?: string,
  ): Promise<{ readonly owner: string; readonly token: string | undefined }>;
}

async function expectSticky(caller: Caller, kind: "sticky" | "cookie"): Promise<void> {
  const seen = new Set<string>();
  for (let session = 0; session < 12; session++) {
    const { owner, token } = await caller.call(kind);
    expect(token).toMatch(/^[\w+/]+=*$/);
    for (let i = 0; i < 6; i++) {
      // The client is told nothing that it knows.
      expect(await caller.call(kind, token)).toEqual({ owner, token: undefined });
    }
    seen.add(owner);
  }
  expect(seen.size).toBeGreaterThan(1);
}

async function expectRenewal(caller: Caller): Promise<void> {
  const gone = Buffer.from("127.0.0.1:1").toString("base64");
  const { owner, token } = await caller.call("sticky", gone);
  expect(token).toBeDefined();
  expect(token).not.toBe(gone);
  expect(await caller.call("sticky", token)).toEqual({ owner, token: undefined });
}

async function expectSources(caller: Caller): Promise<void> {
  const byAddress = new Set<string>();
  const byConnection = new Map<string, Set<string>>();
  // So many that each endpoint gets some, whatever their addresses are hashed to.
  for (let connection = 0; connection < 40; connection++) {
    const name = `c${String(connection)}`;
    for (let i = 0; i < 2; i++) {
      byAddress.add((await caller.call("address", undefined, name)).owner);
      const { owner } = await caller.call("connection", undefined, name);
      byConnection.set(name, (byConnection.get(name) ?? new Set()).add(owner));
    }
  }
  expect(byAddress.size).toBe(1);
  for (const owners of byConnection.values()) expect(owners.size).toBe(1);
  expect(new Set([...byConnection.values()].flatMap((owners) => [...owners])).size).toBe(3);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

describeWith("Dubbo requests", [missingDubboPeer()], () => {
  const HELLO = { method: "sayHello", args: ["you"] };
  const labels = { a: "v1", b: "v1", c: "v1" };
  let ports: ReadonlyMap<Kind, number>;
  let dubbo: DubboMesh;
  let consumer: DubboConsumer;
  const targetOf = (kind: Kind) => ({ port: ports.get(kind) ?? 0 });
  const caller: Caller = {
    async call(kind, token, reference) {
      const target = { ...targetOf(kind), ...(reference === undefined ? {} : { reference }) };
      const attachments = token === undefined ? {} : { [ATTRIBUTE]: token };
      const answer = await consumer.call(target, { ...HELLO, attachments });
      return {
        owner: answer.label,
        token: textOf(answer.attachments[ATTRIBUTE]),
      };
    },
  };

  beforeAll(async () => {
    ports = await portsByKind();
    dubbo = await DubboMesh.start({
      endpoints: labels,
      others: (provider) =>
        servicesOf(
          "dubbo",
          ports,
          Object.entries(labels).map(([label, version]) => ({
            port: provider.port(label),
            version,
          })),
        ),
    });
    ({ consumer } = dubbo);
  });

  afterAll(() => dubbo.stop());

  test("that bring back what a response says go to its endpoint", async () => {
    await expectSticky(caller, "sticky");
    await expectRenewal(caller);
  });

  test("do so too with the cookie of a DestinationRule", async () => {
    await expectSticky(caller, "cookie");
  });

  test("fail where their endpoint is gone and the session is strict", async () => {
    const attachments = { [ATTRIBUTE]: Buffer.from("127.0.0.1:1").toString("base64") };
    await caller.call("strict");
    const failure = await consumer.fail(targetOf("strict"), { ...HELLO, attachments });
    expectRpcException(failure, RpcCode.NoInvoker, "has no healthy endpoint");
    const { owner, token } = await caller.call("strict");
    expect((await caller.call("strict", token)).owner).toBe(owner);
  });

  test("of one address, or of one connection, go to one endpoint", async () => {
    await expectSources(caller);
  });

  test("are spread over endpoints by weight", async () => {
    const burst = await consumer.burst(targetOf("weighted"), [HELLO], {
      count: COUNT,
      concurrency: 2,
    });
    expect(burst).toMatchObject({ succeeded: COUNT, failed: 0 });
    assertFollowsWeights(answersByLabel(burst), WEIGHTS);
  });
});

describeWith("Thrift calls", missingThriftPeers(), () => {
  const HEADER = { transport: "header", protocol: "compact" } as const;
  const HELLO = { method: "hello", args: ["you"] } as const;
  let ports: ReadonlyMap<Kind, number>;
  let thrift: ThriftMesh;
  const targetOf = (kind: Kind) => ({ ...HEADER, port: ports.get(kind) ?? 0 });

  beforeAll(async () => {
    ports = await portsByKind();
    thrift = await ThriftMesh.start({
      endpoints: ["a", "b", "c"].map((label) => ({
        label,
        language: "go" as const,
        version: "v1",
        ...HEADER,
      })),
      others: (real) => servicesOf("thrift", ports, real),
    });
  });

  afterAll(() => thrift.stop());

  test.each(THRIFT_LANGUAGES)("%s: go to the endpoint that the client names", async (language) => {
    const client = thrift.client(language);
    const caller: Caller = {
      async call(kind, token) {
        const headers = token === undefined ? {} : { [ATTRIBUTE]: token };
        const answer = await client.call(targetOf(kind), { ...HELLO, headers });
        const { attachments } = answer;
        return { owner: String(answer.value), token: textOf(attachments[ATTRIBUTE]) };
      },
    };
    await expectSticky(caller, "sticky");
    await expectSticky(caller, "cookie");
    await expectRenewal(caller);
    const gone = Buffer.from("127.0.0.1:1").toString("base64");
    const call = { ...HELLO, headers: { [ATTRIBUTE]: gone } };
    const failure = await client.fail(targetOf("strict"), call);
    expectApplicationException(failure, ExceptionType.InternalError, "has no healthy endpoint");
  });

  test("are spread over endpoints by weight", async () => {
    const target = { ...targetOf("weighted"), connections: 2 };
    const options = { count: COUNT, concurrency: 2 };
    const burst = await thrift.client("go").burst(target, [HELLO], options);
    expect(burst).toMatchObject({ succeeded: COUNT, failed: 0 });
    assertFollowsWeights(answersByLabel(burst), WEIGHTS);
  });
});
