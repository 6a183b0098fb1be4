// bRPC, TARS, AwesomeRPC, and protocols by their descriptions, through a MetaRouter: routes, weights, mutations, errors
// in the protocol's own words. Clients and servers are the tests' own.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { type Failure, FailingServices } from "./support/failing-services.js";
import type { RouteOptions } from "./support/resources.js";
import {
  AWESOMERPC,
  BRPC,
  COURIER,
  RpcClient,
  type RpcResponse,
  RpcServer,
  type RpcWire,
  TARS,
} from "./support/rpc-wire.js";
import { assertFollowsWeights } from "./support/statistics.js";

interface Protocol {
  /** Of the test. */
  readonly title: string;
  readonly name: "brpc" | "tars" | "awesomerpc" | "courier";
  /** Spoken by its description in docs/protocol-owners/frames. */
  readonly isDescribed?: boolean;
  readonly wire: RpcWire;
  /** The attribute that names the method. */
  readonly attribute: string;
  /** Methods: two that are answered, and one that is not. */
  readonly echo: string;
  readonly other: string;
  readonly silent: string;
  readonly codes: {
    readonly noRoute: number;
    readonly empty: number;
    readonly refused: number;
    readonly reset: number;
    readonly timeout: number;
    readonly limited: number;
  };
  /** Errors have a text, messages metadata. */
  readonly hasTexts: boolean;
}

const METHODS = { echo: "Echo", other: "Other", silent: "Silent" };
const COMMANDS = { echo: "1001", other: "1002", silent: "1003" };
const BRPC_BY_CODE: Protocol = {
  title: "brpc",
  name: "brpc",
  wire: BRPC,
  attribute: "method",
  ...METHODS,
  codes: { noRoute: 1001, empty: 2001, refused: 1009, reset: 1014, timeout: 1008, limited: 2004 },
  hasTexts: true,
};
const PROTOCOLS: readonly Protocol[] = [
  BRPC_BY_CODE,
  { ...BRPC_BY_CODE, title: "brpc by its description", isDescribed: true },
  {
    title: "courier by its description",
    name: "courier",
    isDescribed: true,
    wire: COURIER,
    attribute: "cmd",
    ...COMMANDS,
    codes: { noRoute: -404, empty: -1, refused: -1, reset: -1, timeout: -408, limited: -429 },
    hasTexts: true,
  },
  {
    title: "tars",
    name: "tars",
    wire: TARS,
    attribute: "func",
    ...METHODS,
    codes: { noRoute: -4, empty: -10, refused: -8, reset: -8, timeout: -7, limited: -9 },
    hasTexts: true,
  },
  {
    title: "awesomerpc",
    name: "awesomerpc",
    wire: AWESOMERPC,
    attribute: "cmd",
    ...COMMANDS,
    codes: { noRoute: 1, empty: 1, refused: 1, reset: 1, timeout: 1, limited: 1 },
    hasTexts: false,
  },
];

/** The ApplicationProtocol of a protocol that no module is named after. */
function descriptionOf({ name, isDescribed = false }: Protocol): Record<string, string> {
  if (!isDescribed) return {};
  const file = new URL(`../../docs/protocol-owners/frames/${name}.yaml`, import.meta.url);
  return { "protocol.yaml": readFileSync(file, "utf8") };
}

describe.each(PROTOCOLS)("$title", (protocol) => {
  const { wire, codes, echo, other, silent } = protocol;
  const servers: RpcServer[] = [];
  const clients: RpcClient[] = [];
  let services: FailingServices;

  beforeAll(async () => {
    for (const name of ["one", "two"]) servers.push(await RpcServer.start(wire, name, silent));
    services = await FailingServices.start({
      protocol: protocol.name,
      servers,
      strict: { [protocol.attribute]: { exact: other } },
      files: descriptionOf(protocol),
    });
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    await services.mesh.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  async function connect(kind?: Failure): Promise<RpcClient> {
    const port = kind === undefined ? services.service.port : services.port(kind);
    const client = await RpcClient.connect(wire, port);
    clients.push(client);
    return client;
  }

  const route = (...routes: readonly RouteOptions[]): Promise<void> =>
    services.mesh.route(services.service, ...routes);

  /** Many calls on one connection, a few of them at the same time; answers by who gave them. */
  async function burst(client: RpcClient, count: number): Promise<RpcResponse[]> {
    const responses: RpcResponse[] = [];
    const worker = async (): Promise<void> => {
      while (responses.length < count) responses.push(await client.call(echo));
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    return responses;
  }

  function expectText(response: RpcResponse, text: string): void {
    if (protocol.hasTexts) expect(response.text).toContain(`metaproto: ${text}`);
    else expect(response.text).toBe("");
  }

  test("routes by its method", async () => {
    const match = { [protocol.attribute]: { exact: other } };
    await route({ match, to: { v2: 100 } }, { to: { v1: 100 } });
    const client = await connect();
    const calls = [echo, other, echo, other].map((method) => client.call(method));
    expect((await Promise.all(calls)).map(({ text }) => text)).toEqual([
      "one",
      "two",
      "one",
      "two",
    ]);
  });

  test("splits what one connection carries by weight", async () => {
    await route({ to: { v1: 25, v2: 75 } });
    const responses = await burst(await connect(), 800);
    const counts = new Map<string, number>();
    for (const { code, text } of responses) {
      expect(code).toBe(0);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    assertFollowsWeights(counts, { one: 25, two: 75 });
  });

  async function changesMetadata(): Promise<void> {
    await route(
      { match: { user: { prefix: "gold" } }, to: { v2: 100 } },
      {
        to: { v1: 100 },
        requestMutation: { added: "1", user: "%ATTR(user)% via proxy" },
        responseMutation: { "answered-by": "the proxy" },
      },
    );
    const client = await connect();
    expect((await client.call(echo, { user: "golden" })).text).toBe("two");
    expect((await client.call(echo, { user: "u-1" })).metadata).toEqual({
      added: "1",
      user: "u-1 via proxy",
      "answered-by": "the proxy",
    });
  }
  // AwesomeRPC has none.
  if (protocol.hasTexts) test("routes by metadata, and changes it both ways", changesMetadata);

  test("no route", async () => {
    const client = await connect("strict");
    const refused = await client.call(echo);
    expect(refused.code).toBe(codes.noRoute);
    expectText(refused, `no route of strict.${protocol.name}_`);
    expect(await client.call(other)).toMatchObject({ code: 0, text: "one" });
  });

  test.each<[Failure, "empty" | "refused" | "timeout", string]>([
    ["empty", "empty", "cluster outbound"],
    ["refused", "refused", "cannot connect to an endpoint of cluster"],
    ["patient", "timeout", "no response within 300 ms from cluster"],
  ])("%s: an error in the protocol's own code", async (kind, code, text) => {
    const client = await connect(kind);
    const response = await client.call(kind === "patient" ? silent : echo);
    expect(response.code).toBe(codes[code]);
    expectText(response, text);
  });

  test("a rate limit", async () => {
    const client = await connect("limited");
    expect((await client.call(echo)).code).toBe(0);
    const limited = await client.call(echo);
    expect(limited.code).toBe(codes.limited);
    expectText(limited, "local rate limit exceeded");
  });

  test("a server that is killed under load takes only its own calls with it", async () => {
    const match = { [protocol.attribute]: { exact: silent } };
    await route({ match, to: { v2: 100 } }, { to: { "": 100 } });
    const client = await connect();
    const [, second] = servers;
    const before = second?.requests ?? 0;
    let isOver = false;
    const load = async (): Promise<RpcResponse[]> => {
      const responses: RpcResponse[] = [];
      while (!isOver) responses.push(...(await burst(client, 100)));
      return responses;
    };
    const running = load();
    await waitUntil("load", () => (second?.requests ?? 0) > before + 100);
    const silentCalls = Array.from({ length: 8 }, () => client.call(silent));
    await waitUntil("calls that wait", () => second?.unanswered === silentCalls.length);
    const port = second?.port ?? 0;
    await second?.stop();
    const first = servers[0]?.requests ?? 0;
    await waitUntil("the other one goes on", () => (servers[0]?.requests ?? 0) > first + 200);
    isOver = true;
    const codesSeen = new Set((await running).map(({ code }) => code));
    for (const code of codesSeen) expect([0, codes.reset, codes.refused]).toContain(code);
    for (const { code } of await Promise.all(silentCalls)) expect(code).toBe(codes.reset);
    servers[1] = await RpcServer.start(wire, "two", silent, port);
    await waitUntil("both answer", async () => {
      const texts = new Set((await burst(client, 50)).map(({ text }) => text));
      return texts.has("one") && texts.has("two");
    });
  });
});
