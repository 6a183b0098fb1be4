// Thrift on the wire: large frames, frames in pieces, equal ids, and clients that are gone too early.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { freePort } from "./support/ports.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import { type ThriftTarget, startThriftClient } from "./support/thrift-peer.js";
import {
  FRAMED,
  MessageType,
  type ThriftWire,
  parseThriftFrame,
  stringStruct,
  thriftFrame,
  thriftFrameLength,
} from "./support/thrift-wire.js";

const MIB = 1 << 20;
const HEADER = { transport: "header", protocol: "compact" } as const;
const WIRES: readonly ThriftWire[] = [
  FRAMED,
  { transport: "buffered", protocol: "binary" },
  { transport: "buffered", protocol: "compact" },
  HEADER,
];

function call(wire: ThriftWire, seqid: number, text: string): Buffer {
  const body = stringStruct(wire.protocol, 1, text);
  return thriftFrame(wire, { type: MessageType.Call, name: "hello", seqid, body });
}

function reply(wire: ThriftWire, seqid: number, text: string): Buffer {
  const body = stringStruct(wire.protocol, 0, text);
  return thriftFrame(wire, { type: MessageType.Reply, name: "hello", seqid, body });
}

/** A call that a scripted server has received and not answered yet. */
interface Held {
  readonly text: string;
  readonly connection: TcpConnection;
  /** @param size of the pieces in which the answer is written; default all at once. */
  readonly answer: (size?: number) => Promise<void>;
}

describeWith("Thrift frames", missingThriftPeers(), () => {
  let thrift: ThriftMesh;
  let server: TcpServer;
  let rawPort: number;
  const held: Held[] = [];

  beforeAll(async () => {
    rawPort = await freePort();
    server = await TcpServer.start(async (connection) => {
      for (;;) {
        const frame = await connection.readFrame(thriftFrameLength, 120_000);
        const { seqid, body } = parseThriftFrame(FRAMED, frame);
        const text = body.toString("utf8", 7, 7 + body.readUInt32BE(3));
        held.push({
          text,
          connection,
          answer: async (size) => {
            const response = reply(FRAMED, seqid, text);
            await connection.writeInPieces(response, size ?? response.length);
          },
        });
      }
    });
    thrift = await ThriftMesh.start({
      endpoints: [
        { label: "go", language: "go", version: "v1", ...HEADER },
        { label: "python", language: "python", version: "v2", ...HEADER },
      ],
      others: () => [
        {
          protocol: "thrift",
          host: "raw.thrift",
          port: rawPort,
          endpoints: [{ port: server.port, version: "v1" }],
        },
      ],
    });
  });

  afterAll(async () => {
    await thrift.stop();
    await server.stop();
  });

  async function take(count: number): Promise<Held[]> {
    await waitUntil(`${count} calls at the server`, () => held.length >= count);
    return held.splice(0);
  }

  describe("equal ids at once", () => {
    test("each client gets the answer to its own call, in whatever order they come", async () => {
      const clients = await Promise.all(
        Array.from({ length: 40 }, () => TcpConnection.connect(rawPort)),
      );
      for (const seqid of [0, 7, -1]) {
        clients.forEach((client, index) => client.write(call(FRAMED, seqid, `client ${index}`)));
        for (const request of (await take(clients.length)).reverse()) await request.answer();
        for (const [index, client] of clients.entries()) {
          const frame = await client.readFrame(thriftFrameLength);
          expect(frame).toEqual(reply(FRAMED, seqid, `client ${index}`));
        }
      }
      for (const client of clients) client.destroy();
    });

    test("one client that numbers all its calls 0 gets the answers in their order", async () => {
      const client = await TcpConnection.connect(rawPort);
      const texts = ["first", "second", "third"];
      client.write(Buffer.concat(texts.map((text) => call(FRAMED, 0, text))));
      for (const request of (await take(texts.length)).reverse()) await request.answer();
      for (const text of texts) {
        expect(await client.readFrame(thriftFrameLength)).toEqual(reply(FRAMED, 0, text));
      }
      client.destroy();
    });

    test.each(THRIFT_LANGUAGES)("two %s processes", async (language) => {
      const second = await startThriftClient(language);
      const callers = [thrift.client(language), second];
      const target: ThriftTarget = { ...FRAMED, port: thrift.port, connections: 8 };
      const calls = Array.from({ length: 400 }, async (_, index) => {
        const name = `process ${index % 2} call ${index}`;
        const caller = callers[index % 2] ?? second;
        const { value } = await caller.call(target, { method: "hello", args: [name] });
        expect(value).toMatch(new RegExp(`^Hello ${name} from (go|python)$`));
      });
      await Promise.all(calls);
      await second.stop();
    });
  });

  describe("frames in pieces", () => {
    test("split at every byte, both ways", async () => {
      const client = await TcpConnection.connect(rawPort);
      const request = call(FRAMED, 3, "split");
      for (let at = 1; at < request.length; at++) {
        client.write(request.subarray(0, at));
        await new Promise(setImmediate);
        client.write(request.subarray(at));
        const [received] = await take(1);
        await received?.answer(at);
        expect(await client.readFrame(thriftFrameLength)).toEqual(reply(FRAMED, 3, "split"));
      }
      client.destroy();
    });

    // The official server answers: it is the one that knows all transports.
    test.each(WIRES)("%o, one byte at a time and all at once", async (wire) => {
      const client = await TcpConnection.connect(thrift.port);
      for (const size of [1, 7, Infinity]) {
        for (const seqid of [1, 2]) {
          const request = call(wire, seqid, "you");
          await client.writeInPieces(request, Math.min(size, request.length));
          const length = reply(wire, seqid, "Hello you from go").length;
          const answer = await readAnswer(client, wire, length);
          expect(answer).toMatch(/Hello you from (go|python)/);
        }
      }
      client.destroy();
    });
  });

  /** What the label makes of the length is read until it is complete. */
  async function readAnswer(
    client: TcpConnection,
    wire: ThriftWire,
    least: number,
  ): Promise<string> {
    if (wire.transport !== "buffered") {
      return (await client.readFrame(thriftFrameLength)).toString("latin1");
    }
    const start = await client.read(least);
    if (start.includes("from go")) return start.toString("latin1");
    return Buffer.concat([start, await client.read("python".length - "go".length)]).toString(
      "latin1",
    );
  }

  describe("large frames", () => {
    const cases = THRIFT_LANGUAGES.flatMap((language) =>
      WIRES.flatMap((wire) => [MIB, 8 * MIB].map((size) => [language, wire, size] as const)),
    );

    test.each(cases)("%s client, %o, %i bytes", async (language, wire, size) => {
      const target: ThriftTarget = { ...wire, port: thrift.port, timeoutMs: 60_000 };
      const argument = { $string: size };
      const { value } = await thrift.client(language).call(target, {
        method: "big",
        args: [argument],
      });
      expect(value).toEqual({ ...argument, echoed: true });
    });

    test("small calls go on between large ones", async () => {
      const target: ThriftTarget = { ...FRAMED, port: thrift.port, timeoutMs: 60_000 };
      const large = { method: "big", args: [{ $string: 4 * MIB }] } as const;
      const small = { method: "hello", args: ["you"] } as const;
      const [mixed, others] = await Promise.all([
        thrift.client("go").burst({ ...target, connections: 4 }, [large, small], {
          count: 24,
          concurrency: 4,
        }),
        thrift.client("python").burst(target, [small], { count: 300 }),
      ]);
      expect(mixed).toMatchObject({ succeeded: 24, errors: {} });
      expect(others).toMatchObject({ succeeded: 300, errors: {} });
    });
  });

  describe("one-way calls", () => {
    test.each(WIRES)("%o: a server gets them, and nothing comes back", async (wire) => {
      // The client in Python says on the wire that a call is one-way; the one in Go does not.
      const client = thrift.client("python");
      const target: ThriftTarget = { ...wire, port: thrift.port };
      const texts = Array.from({ length: 20 }, (_, i) => `${wire.transport} ${wire.protocol} ${i}`);
      for (const [index, what] of texts.entries()) {
        await client.call(target, { method: "fire", args: [what] });
        // What came back to it would be taken for this answer.
        const sum = await client.call(target, { method: "add", args: [index, 1] });
        expect(sum.value).toBe(index + 1);
      }
      await expect
        .poll(async () => {
          const all = await Promise.all(
            THRIFT_LANGUAGES.map((language) => thrift.server(language).statistics()),
          );
          const fired = all.flatMap((seen) => Object.values(seen).flatMap((label) => label.fired));
          return fired.filter((what) => texts.includes(what)).sort();
        })
        .toEqual(texts.sort());
    });
  });

  describe("a client that is gone", () => {
    test("before its answer: nobody else gets it", async () => {
      const [gone, stays] = await Promise.all([
        TcpConnection.connect(rawPort),
        TcpConnection.connect(rawPort),
      ]);
      gone.write(call(FRAMED, 9, "gone"));
      const [abandoned] = await take(1);
      gone.reset();
      stays.write(call(FRAMED, 9, "stays"));
      const [request] = await take(1);
      await abandoned?.answer();
      await request?.answer();
      expect(await stays.readFrame(thriftFrameLength)).toEqual(reply(FRAMED, 9, "stays"));
      // The connection that carried the abandoned call is in step again: calls reuse it.
      const connections = new Set(server.connections);
      for (let i = 0; i < 10; i++) {
        stays.write(call(FRAMED, i, `again ${i}`));
        const [again] = await take(1);
        expect(connections).toContain(again?.connection);
        await again?.answer();
        const frame = await stays.readFrame(thriftFrameLength);
        expect(frame).toEqual(reply(FRAMED, i, `again ${i}`));
      }
      stays.destroy();
    });

    test("in the middle of a frame: the server never hears of it", async () => {
      const gone = await TcpConnection.connect(rawPort);
      gone.write(call(FRAMED, 9, "half a frame").subarray(0, -1));
      gone.end();
      expect(await gone.readUntilEnd()).toHaveLength(0);
      const client = await TcpConnection.connect(rawPort);
      client.write(call(FRAMED, 9, "next"));
      const [next] = await take(1);
      expect(next?.text).toBe("next");
      await next?.answer();
      expect(await client.readFrame(thriftFrameLength)).toEqual(reply(FRAMED, 9, "next"));
      client.destroy();
    });

    test("nothing stays behind", async () => {
      for (const language of THRIFT_LANGUAGES) await thrift.client(language).close(thrift.port);
      await expect
        .poll(
          async () => [
            await thrift.stat("downstream_cx_active"),
            await thrift.stat("downstream_rq_active"),
          ],
          { timeout: 10_000 },
        )
        .toEqual([0, 0]);
    });
  });
});
