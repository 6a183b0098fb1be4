// The load generator must see every wrong answer, or the figures it prints mean nothing.
import { afterEach, describe, expect, test } from "vitest";
import { missingDubboPeer, startDubboConsumer, startDubboProvider } from "./dubbo-peer.js";
import {
  HEADER_SIZE,
  Status,
  dubboFrameLength,
  dubboResponse,
  hessianString,
  parseDubboFrame,
  valueBody,
} from "./dubbo-wire.js";
import { type LoadProtocol, missingLoad, runLoad, startEchoServer } from "./load.js";
import type { TcpConnection } from "./tcp-connection.js";
import { type ConnectionScript, TcpServer } from "./tcp-server.js";
import { missingThriftPeer, startThriftClient, startThriftServer } from "./thrift-peer.js";
import {
  FRAMED,
  parseThriftFrame,
  stringStruct,
  thriftFrame,
  thriftFrameLength,
} from "./thrift-wire.js";

const SHORT = { seconds: 0.5, warmupSeconds: 0.1, drainSeconds: 0.5 } as const;
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function scriptedServer(script: ConnectionScript): Promise<number> {
  const server = await TcpServer.start(script);
  cleanUps.push(() => server.stop());
  return server.port;
}

/** Answers request after request with what `answer` makes of it. */
function dubboServer(answer: (id: bigint, text: string, index: number) => Buffer): Promise<number> {
  return scriptedServer(async (connection: TcpConnection) => {
    for (let index = 0; ; index++) {
      const frame = await connection.readFrame(dubboFrameLength);
      const { id, body } = parseDubboFrame(frame);
      const descriptor = hessianString("Ljava/lang/String;");
      const start = body.indexOf(descriptor) + descriptor.length;
      // Texts of 32 to 1023 characters have two bytes of length.
      const text = body.toString("latin1", start + 2, start + 2 + 100);
      connection.write(answer(id, text, index));
    }
  });
}

describe.skipIf(missingLoad())("load generator", () => {
  test.each<[LoadProtocol, number, number, number]>([
    ["dubbo", 8, 8, 100],
    ["dubbo", 2, 4, 70_000],
    ["dubbo", 200, 1, 16],
    ["thrift", 8, 8, 100],
    ["thrift", 2, 4, 70_000],
  ])(
    "%s, %i connections, %i in flight, %i bytes",
    async (protocol, connections, inFlight, payload) => {
      const server = await startEchoServer({ protocol });
      cleanUps.push(server.stop);
      const shape = { protocol, port: server.port, connections, inFlight, payload };
      const result = await runLoad({ ...shape, ...SHORT });
      expect(result).toMatchObject({ errors: 0, mismatched: 0, closed: 0, fault: null });
      expect(result.requests).toBeGreaterThan(connections);
    },
  );

  test.each<LoadProtocol>(["dubbo", "thrift"])(
    "%s: rate and latency are kept",
    async (protocol) => {
      const server = await startEchoServer({ protocol, latencyUs: 20_000 });
      cleanUps.push(server.stop);
      const shape = { protocol, port: server.port, connections: 4, inFlight: 16, rate: 500 };
      const result = await runLoad({ ...shape, seconds: 1, warmupSeconds: 0.2 });
      expect(result).toMatchObject({ errors: 0, mismatched: 0 });
      expect(result.rps).toBeGreaterThan(450);
      expect(result.rps).toBeLessThan(550);
      expect(result.p50_us).toBeGreaterThanOrEqual(20_000);
    },
  );

  test("a server too slow for the rate shows in the latency", async () => {
    const server = await startEchoServer({ protocol: "dubbo", latencyUs: 10_000 });
    cleanUps.push(server.stop);
    // One at a time of 10 ms each gives 100 per second; the others wait, and their waiting counts.
    const result = await runLoad({ protocol: "dubbo", port: server.port, rate: 200, ...SHORT });
    expect(result.p99_us).toBeGreaterThan(100_000);
  });

  test("right answers by a scripted server", async () => {
    const port = await dubboServer((id, text) => dubboResponse(id, valueBody(text)));
    const result = await runLoad({ protocol: "dubbo", port, ...SHORT });
    expect(result).toMatchObject({ errors: 0, mismatched: 0, fault: null });
    expect(result.requests).toBeGreaterThan(10);
  });

  test.each<[string, RegExp, (id: bigint, text: string, index: number) => Buffer]>([
    ["another id", /id that is not open/, (id, text) => dubboResponse(id + 8n, valueBody(text))],
    [
      "an id twice",
      /id that is not open/,
      (id, text) => {
        const response = dubboResponse(id, valueBody(text));
        return Buffer.concat([response, response]);
      },
    ],
    [
      "another payload",
      /payload of another/,
      (id, text) => dubboResponse(id, valueBody(`0${text.slice(0, -1)}`)),
    ],
    ["no frame", /no frame/, () => Buffer.alloc(HEADER_SIZE)],
  ])("sees %s", async (_, fault, answer) => {
    const port = await dubboServer((id, text, index) =>
      index === 5 ? answer(id, text, index) : dubboResponse(id, valueBody(text)),
    );
    const result = await runLoad({ protocol: "dubbo", port, inFlight: 4, ...SHORT });
    expect(result.mismatched).toBeGreaterThan(0);
    expect(result.fault).toMatch(fault);
  });

  test("counts error replies, missing answers and closed connections", async () => {
    const refused = await dubboServer((id) => {
      return dubboResponse(id, hessianString("no"), Status.ServerError);
    });
    const errors = await runLoad({ protocol: "dubbo", port: refused, ...SHORT });
    expect(errors.errors).toBeGreaterThanOrEqual(errors.requests);
    expect(errors.mismatched).toBe(0);

    const closing = await dubboServer(() => Buffer.alloc(0));
    const silent = await runLoad({ protocol: "dubbo", port: closing, inFlight: 3, ...SHORT });
    expect(silent).toMatchObject({ requests: 0, errors: 3, unanswered: 3 });

    const port = await scriptedServer(async (connection) => {
      const frame = await connection.readFrame(thriftFrameLength);
      const call = parseThriftFrame(FRAMED, frame);
      const body = stringStruct("binary", 0, call.body.toString("latin1", 7, 107));
      connection.write(thriftFrame(FRAMED, { ...call, type: 2, body }));
      connection.end();
    });
    const closed = await runLoad({ protocol: "thrift", port, inFlight: 2, ...SHORT });
    expect(closed.closed).toBeGreaterThan(1);
    expect(closed.errors).toBeGreaterThan(0);
    expect(closed.mismatched).toBe(0);
  });

  test("Thrift answers must come in order, unless told otherwise", async () => {
    const port = await scriptedServer(async (connection) => {
      for (;;) {
        const calls = [];
        for (let i = 0; i < 2; i++) {
          calls.push(parseThriftFrame(FRAMED, await connection.readFrame(thriftFrameLength)));
        }
        for (const call of calls.reverse()) {
          const body = stringStruct("binary", 0, call.body.toString("latin1", 7, 107));
          connection.write(thriftFrame(FRAMED, { ...call, type: 2, body }));
        }
      }
    });
    const shape = { protocol: "thrift", port, inFlight: 2, ...SHORT } as const;
    const strict = await runLoad(shape);
    expect(strict.fault).toMatch(/not the answer to the oldest/);
    const loose = await runLoad({ ...shape, isAnyOrder: true });
    expect(loose.mismatched).toBe(0);
    // The server answers two at a time: at the end one request may have no partner.
    expect(loose.errors).toBe(loose.unanswered);
    expect(loose.unanswered).toBeLessThanOrEqual(1);
  });

  test("says why it could not run", async () => {
    const nobody = await scriptedServer(() => undefined);
    await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
    await expect(runLoad({ protocol: "dubbo", port: nobody, ...SHORT })).rejects.toThrow(/refused/);
  });
});

describe.skipIf(missingLoad() ?? missingDubboPeer())("load tools and official Dubbo", () => {
  test("the consumer talks to the echo server, the load to the provider", async () => {
    const server = await startEchoServer({ protocol: "dubbo" });
    const consumer = await startDubboConsumer();
    const provider = await startDubboProvider({ endpoints: [{ label: "v1" }] });
    cleanUps.push(
      server.stop,
      () => consumer.stop(),
      () => provider.stop(),
    );
    for (const length of [10, 500, 40_000]) {
      const text = "é".repeat(length);
      const result = await consumer.call({ port: server.port }, { method: "echo", args: [text] });
      const isLarge = length > 4_096;
      expect(result.value).toEqual(isLarge ? { $string: length, echoed: true } : text);
    }
    const shape = { protocol: "dubbo", port: provider.port("v1"), connections: 2 } as const;
    const result = await runLoad({ ...shape, inFlight: 4, payload: 40_000, ...SHORT });
    expect(result).toMatchObject({ errors: 0, mismatched: 0 });
    expect(result.requests).toBeGreaterThan(10);
  });
});

describe.skipIf(missingLoad() ?? missingThriftPeer("go"))("load tools and official Thrift", () => {
  test("the client talks to the echo server, the load to the server", async () => {
    const echo = await startEchoServer({ protocol: "thrift" });
    const client = await startThriftClient("go");
    const server = await startThriftServer("go", [{ ...FRAMED, label: "v1" }]);
    cleanUps.push(
      echo.stop,
      () => client.stop(),
      () => server.stop(),
    );
    const target = { ...FRAMED, port: echo.port };
    const result = await client.call(target, { method: "big", args: [{ $string: 100_000 }] });
    expect(result.value).toEqual({ $string: 100_000, echoed: true });
    const shape = { protocol: "thrift", port: server.port("v1"), connections: 4 } as const;
    const load = await runLoad({ ...shape, ...SHORT });
    expect(load).toMatchObject({ errors: 0, mismatched: 0 });
    expect(load.requests).toBeGreaterThan(10);
  });
});
