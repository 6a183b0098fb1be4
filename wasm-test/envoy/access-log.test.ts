// Lines that users read in Envoy's log, and records in a real collector, of requests of official clients: what
// servers answer, what the proxy answers, and what clients give up. Mutations whose values depend on requests.
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AccessLogSchema } from "../../controlplane/gen/metaproto/filters/v1/access_log_pb.js";
import { filterOptions } from "../filters/filter-options.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "./support/dubbo-peer.js";
import { dubboRequest, hessianInt } from "./support/dubbo-wire.js";
import { Envoy } from "./support/envoy.js";
import { OtelCollector, missingOtelCollector } from "./support/otel-collector.js";
import type { PeerServer } from "./support/peer-client.js";
import { LISTENER, switchboardBootstrap } from "./support/switchboard-bootstrap.js";
import { THRIFT_LANGUAGES, missingThriftPeers } from "./support/thrift-mesh.js";
import { MessageType, thriftFrame } from "./support/thrift-wire.js";
import { type ThriftClient, startThriftClient, startThriftServer } from "./support/thrift-peer.js";

const HEADER = { transport: "header", protocol: "binary" } as const;
const LINE = 'LINE "%ATTR(method)%" user="%ATTR(user)%" %RESPONSE_STATUS% %RESPONSE_FLAGS% ';
const DETAILS = "%RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_HOST%";

const text = filterOptions(AccessLogSchema, {
  format: { case: "text", value: LINE + DETAILS },
  output: { case: "log", value: true },
});

const json = filterOptions(AccessLogSchema, {
  format: {
    case: "json",
    value: {
      members: {
        json: "access",
        method: "%ATTR(method)%",
        user: "%ATTR(user)%",
        time: "%START_TIME%",
        duration: "%DURATION%",
        client: "%DOWNSTREAM_REMOTE_ADDRESS%",
        listener: "%DOWNSTREAM_LOCAL_ADDRESS%",
      },
    },
  },
  output: { case: "log", value: true },
});

/** What the module has logged that begins with `start`, in order. */
function logged(envoy: Envoy, start: string): string[] {
  return envoy.log().flatMap((line) => {
    const at = line.indexOf(start);
    return at < 0 || !line.includes("wasm log") ? [] : [line.slice(at)];
  });
}

/** The line about a request of this method that `send` sends. */
async function lineOf(envoy: Envoy, method: string, send: () => unknown): Promise<string> {
  const start = `LINE "${method}" `;
  const before = logged(envoy, start).length;
  await send();
  return waitUntil(`a line of ${method}`, () => logged(envoy, start)[before]);
}

/** Waits for the JSON object of a method. */
async function objectOf(envoy: Envoy, user: string): Promise<Record<string, unknown>> {
  return waitUntil(`an object of ${user}`, () =>
    logged(envoy, '{"')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find((object) => object["user"] === user),
  );
}

const set = (key: string, value: string): object => ({ operation: "SET", key, value });

function routes(json_: object, failing: string, slow: string): object[] {
  const to = (cluster: string): object[] => [{ cluster }];
  const ofMethod = (exact: string): object => ({ name: "method", exact });
  return [
    {
      name: "json",
      match: [{ name: "format", exact: "json" }],
      destinations: to("v1"),
      filters: [json_],
    },
    {
      name: "mutated",
      match: [{ name: "mutated", present: true }],
      destinations: to("v1"),
      requestMutation: [
        set("caller", "%ATTR(user)% of %ROUTE_NAME% on %PROTOCOL%"),
        set("client-ip", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        { operation: "ADD_IF_ABSENT", key: "zone", value: "%UPSTREAM_CLUSTER%" },
        { operation: "REMOVE", key: "secret" },
        set("nothing", "%ATTR(absent)%"),
      ],
      responseMutation: [set("served", "%ATTR(user)% by %UPSTREAM_HOST%")],
    },
    { name: "slow", match: [ofMethod(slow)], destinations: to("v1"), timeout: "0.3s" },
    { name: "hello", match: [{ name: "method", prefix: "say" }], destinations: to("v1") },
    { name: "failing", match: [{ name: "method", prefix: failing }], destinations: to("v1") },
  ];
}

describeWith("Access logs of Dubbo", [missingDubboPeer()], () => {
  let provider: PeerServer;
  let consumer: DubboConsumer;
  let collector: OtelCollector | undefined;
  let envoy: Envoy;
  let port: number;

  beforeAll(async () => {
    [provider, consumer, collector] = await Promise.all([
      startDubboProvider({ endpoints: [{ label: "v1" }] }),
      startDubboConsumer(),
      missingOtelCollector() === undefined ? OtelCollector.start() : undefined,
    ]);
    const otlp = filterOptions(AccessLogSchema, {
      format: { case: "json", value: { members: { user: "%ATTR(user)%", ms: "%DURATION%" } } },
      output: {
        case: "otlp",
        value: {
          cluster: "collector",
          flushInterval: { nanos: 50_000_000 },
          resourceAttributes: { "service.name": "greeter" },
        },
      },
    });
    const bootstrap = switchboardBootstrap({
      protocol: "dubbo",
      clusters: { v1: [provider.port("v1")] },
      grpcClusters: { collector: collector?.port ?? 1 },
      plugin: {
        routeConfigurations: [
          {
            name: "test",
            clusters: [{ name: "v1", endpoints: 1 }],
            filters: [text],
            routes: [
              {
                name: "otlp",
                match: [{ name: "format", exact: "otlp" }],
                destinations: [{ cluster: "v1" }],
                filters: [otlp],
              },
              ...routes(json, "fail", "slow"),
            ],
          },
        ],
      },
    });
    envoy = await Envoy.start({ bootstrap });
    port = await envoy.listenerPort(LISTENER);
  });

  afterAll(async () => {
    await Promise.all([provider.stop(), consumer.stop(), collector?.stop()]);
    await envoy.stop();
  });

  test("a line for each outcome", async () => {
    const target = { port };
    const hello = { method: "sayHello", args: ["you"], attachments: { user: "gold" } } as const;
    const address = `127.0.0.1:${provider.port("v1")}`;
    expect(await lineOf(envoy, "sayHello", () => consumer.call(target, hello))).toBe(
      `LINE "sayHello" user="gold" ok - via_upstream hello v1 ${address}`,
    );
    expect(
      await lineOf(envoy, "failChecked", () =>
        consumer.fail(target, { method: "failChecked", args: ["boom"] }),
      ),
    ).toBe(`LINE "failChecked" user="-" business_error - via_upstream failing v1 ${address}`);
    expect(
      await lineOf(envoy, "getUser", () =>
        consumer.fail(target, { method: "getUser", args: ["1"] }),
      ),
    ).toBe('LINE "getUser" user="-" error NR route_not_found - - -');
    expect(
      await lineOf(envoy, "slow", () => consumer.fail(target, { method: "slow", args: [2_000] })),
    ).toBe(`LINE "slow" user="-" error UT response_timeout slow v1 ${address}`);
  });

  test("a client that is gone before the response", async () => {
    const socket = connect(port, "127.0.0.1");
    const sent = await envoy.stat("cluster.v1.upstream_cx_tx_bytes_total");
    const request = dubboRequest({
      id: 1n,
      method: "slow",
      path: "demo.Greeter",
      descriptor: "I",
      args: [hessianInt(2_000)],
      attachments: { user: "raw" },
    });
    const giveUp = async (): Promise<void> => {
      socket.write(request);
      await envoy.waitForStat("cluster.v1.upstream_cx_tx_bytes_total", (bytes) => bytes > sent);
      socket.destroy();
    };
    expect(await lineOf(envoy, "slow", giveUp)).toMatch(
      /^LINE "slow" user="raw" - DC downstream_remote_disconnect slow v1 /,
    );
  });

  test("JSON, and lines that nobody can forge", async () => {
    const user = 'a"b\\c\n[2026][critical] LINE "forged"\r\u001b[2J\u2028顾客 😀';
    const attachments = { user, format: "json" };
    await consumer.call({ port }, { method: "sayHello", args: ["you"], attachments });
    const object = await objectOf(envoy, user);
    expect(object).toMatchObject({
      json: "access",
      method: "sayHello",
      listener: `127.0.0.1:${port}`,
    });
    expect(Date.now() - Date.parse(String(object["time"]))).toBeLessThan(60_000);
    expect(object["duration"]).toBeGreaterThanOrEqual(0);
    expect(object["client"]).toMatch(/^127\.0\.0\.1:\d+$/);
    const lines = envoy.log().length;
    const quoted = JSON.stringify(user).replaceAll("\u2028", "\\u2028");
    const plain = { method: "sayHello", args: ["you"], attachments: { user } } as const;
    const line = await lineOf(envoy, "sayHello", () => consumer.call({ port }, plain));
    expect(line).toContain(`user=${quoted} ok`);
    const added = envoy.log().slice(lines);
    expect(added.filter((line) => line.startsWith("[2026][critical]"))).toEqual([]);
  });

  test.skipIf(missingOtelCollector() !== undefined)("records in a collector", async () => {
    if (collector === undefined) throw new Error("no collector");
    for (const user of ["first", 'sec"ond', "third 😀"]) {
      const attachments = { user, format: "otlp" };
      await consumer.call({ port }, { method: "sayHello", args: ["you"], attachments });
    }
    const records = await collector.waitForLogs(3);
    expect(records.map(({ attributes }) => attributes["user"])).toEqual([
      "first",
      'sec"ond',
      "third 😀",
    ]);
    expect(records[0]).toMatchObject({
      resource: { "service.name": "greeter" },
      scope: "metaproto",
      severityText: "INFO",
    });
    expect(typeof records[0]?.attributes["ms"]).toBe("bigint");
    const written = "wasmcustom.metaproto.dubbo.access_log_written";
    await envoy.waitForStat(written, (count) => count >= 3);
    expect(await envoy.stat("wasmcustom.metaproto.dubbo.access_log_dropped")).toBe(0);
  });

  test("mutations whose values depend on the request", async () => {
    const attachments = { user: "gold", mutated: "yes", secret: "s3", zone: "own" };
    const seen = await consumer.call({ port }, { method: "attachments", attachments });
    expect(seen.value).toMatchObject({
      user: "gold",
      caller: "gold of mutated on dubbo",
      "client-ip": "127.0.0.1",
      zone: "own",
    });
    expect(seen.value).not.toHaveProperty("secret");
    expect(seen.value).not.toHaveProperty("nothing");
    expect(seen.attachments).toMatchObject({
      served: `gold by 127.0.0.1:${provider.port("v1")}`,
    });
    const silver = await consumer.call(
      { port },
      { method: "attachments", attachments: { user: "silver 😀", mutated: "yes" } },
    );
    expect(silver.value).toMatchObject({ caller: "silver 😀 of mutated on dubbo", zone: "v1" });
    expect(silver.attachments["served"]).toMatch(/^silver 😀 by /u);
  });
});

describeWith("Access logs of Thrift", missingThriftPeers(), () => {
  let server: PeerServer;
  let envoy: Envoy;
  let port: number;
  const clients: ThriftClient[] = [];

  beforeAll(async () => {
    server = await startThriftServer("go", [{ label: "v1", ...HEADER }]);
    for (const language of THRIFT_LANGUAGES) clients.push(await startThriftClient(language));
    const bootstrap = switchboardBootstrap({
      protocol: "thrift",
      clusters: { v1: [server.port("v1")] },
      plugin: {
        routeConfigurations: [
          {
            name: "test",
            clusters: [{ name: "v1", endpoints: 1 }],
            filters: [text],
            routes: [
              ...routes(json, "fail", "slow"),
              {
                name: "rest",
                match: [{ name: "method", exact: "hello" }],
                destinations: [{ cluster: "v1" }],
              },
              {
                name: "fire",
                match: [{ name: "method", exact: "fire" }],
                destinations: [{ cluster: "v1" }],
              },
            ],
          },
        ],
      },
    });
    envoy = await Envoy.start({ bootstrap });
    port = await envoy.listenerPort(LISTENER);
  });

  afterAll(async () => {
    await Promise.all([server.stop(), ...clients.map((client) => client.stop())]);
    await envoy.stop();
  });

  // Clients in Go send oneway requests as calls.
  test("a line for a oneway request", async () => {
    const python = clients[THRIFT_LANGUAGES.indexOf("python")];
    expect(
      await lineOf(envoy, "fire", () =>
        python?.call({ ...HEADER, port }, { method: "fire", args: ["x"] }),
      ),
    ).toBe(`LINE "fire" user="-" - - oneway_sent fire v1 127.0.0.1:${server.port("v1")}`);
  });

  describe.each(THRIFT_LANGUAGES.map((language, index) => [language, index] as const))(
    "%s client",
    (_, index) => {
      const client = (): ThriftClient => {
        const found = clients[index];
        if (found === undefined) throw new Error("no client");
        return found;
      };

      test("a line for each outcome", async () => {
        const target = { ...HEADER, port };
        const address = `127.0.0.1:${server.port("v1")}`;
        expect(
          await lineOf(envoy, "hello", () =>
            client().call(target, { method: "hello", args: ["you"], headers: { user: "gold" } }),
          ),
        ).toBe(`LINE "hello" user="gold" ok - via_upstream rest v1 ${address}`);
        expect(
          await lineOf(envoy, "failBiz", () =>
            client().fail(target, { method: "failBiz", args: ["boom"] }),
          ),
        ).toBe(`LINE "failBiz" user="-" business_error - via_upstream failing v1 ${address}`);
        expect(
          await lineOf(envoy, "add", () => client().fail(target, { method: "add", args: [1, 2] })),
        ).toBe('LINE "add" user="-" error NR route_not_found - - -');
        expect(
          await lineOf(envoy, "slow", () =>
            client().fail(target, { method: "slow", args: [2_000] }),
          ),
        ).toBe(`LINE "slow" user="-" error UT response_timeout slow v1 ${address}`);
      });

      test("JSON, and lines that nobody can forge", async () => {
        const user = `a"b\\c\nLINE "forged" ${String(index)}\r\u001b顾客`;
        const headers = { user, format: "json" };
        const target = { ...HEADER, port };
        await client().call(target, { method: "hello", args: ["you"], headers });
        expect(await objectOf(envoy, user)).toMatchObject({ json: "access", method: "hello" });
        const plain = { method: "hello", args: ["you"], headers: { user } } as const;
        const line = await lineOf(envoy, "hello", () => client().call(target, plain));
        expect(line).toContain(`user=${JSON.stringify(user)} ok`);
        expect(envoy.log().filter((it) => it.startsWith('LINE "forged"'))).toEqual([]);
      });

      test("mutations whose values depend on the request", async () => {
        const headers = { user: "gold", mutated: "yes", secret: "s3" };
        const seen = await client().call({ ...HEADER, port }, { method: "headers", headers });
        expect(seen.value).toMatchObject({
          user: "gold",
          caller: "gold of mutated on thrift",
          "client-ip": "127.0.0.1",
          zone: "v1",
        });
        expect(seen.value).not.toHaveProperty("secret");
        expect(seen.value).not.toHaveProperty("nothing");
        expect(seen.attachments).toMatchObject({
          served: `gold by 127.0.0.1:${server.port("v1")}`,
        });
      });
    },
  );

  test("a client that is gone before the response", async () => {
    // The server waits for as many milliseconds as field 1, an i32, says.
    const body = Buffer.concat([Buffer.from([8, 0, 1]), Buffer.alloc(4), Buffer.from([0])]);
    body.writeInt32BE(2_000, 3);
    const call = { type: MessageType.Call, name: "slow", seqid: 7, body, headers: { user: "raw" } };
    const socket = connect(port, "127.0.0.1");
    const sent = await envoy.stat("cluster.v1.upstream_cx_tx_bytes_total");
    const giveUp = async (): Promise<void> => {
      socket.write(thriftFrame(HEADER, call));
      await envoy.waitForStat("cluster.v1.upstream_cx_tx_bytes_total", (bytes) => bytes > sent);
      socket.destroy();
    };
    expect(await lineOf(envoy, "slow", giveUp)).toMatch(
      /^LINE "slow" user="raw" - DC downstream_remote_disconnect slow v1 /,
    );
    const abandoned = "wasmcustom.metaproto.thrift.downstream_rq_active";
    await envoy.waitForStat(abandoned, (count) => count === 0);
  });
});
