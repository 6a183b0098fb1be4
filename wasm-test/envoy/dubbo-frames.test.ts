// Dubbo on the wire: large frames, frames in pieces, equal ids, and clients that are gone too early.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { missingDubboPeer, startDubboConsumer } from "./support/dubbo-peer.js";
import {
  dubboFrameLength,
  dubboRequest,
  dubboResponse,
  hessianString,
  parseDubboFrame,
  valueBody,
} from "./support/dubbo-wire.js";
import { freePort } from "./support/ports.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";

const MIB = 1 << 20;
const DESCRIPTOR = "Ljava/lang/String;";

/** The text argument of a request, of at most 31 ASCII characters. */
function argumentOf(body: Buffer): string {
  const descriptor = hessianString(DESCRIPTOR);
  const at = body.indexOf(descriptor) + descriptor.length;
  return body.toString("latin1", at + 1, at + 1 + body.readUInt8(at));
}

function echoRequest(id: bigint, text: string): Buffer {
  return dubboRequest({ id, method: "echo", descriptor: DESCRIPTOR, args: [hessianString(text)] });
}

/** A request that a scripted server has received and not answered yet. */
interface Held {
  readonly id: bigint;
  readonly text: string;
  readonly connection: TcpConnection;
  /** @param size of the pieces in which the answer is written; default all at once. */
  readonly answer: (size?: number) => Promise<void>;
}

describeWith("Dubbo frames", [missingDubboPeer()], () => {
  let dubbo: DubboMesh;
  let server: TcpServer;
  let rawPort: number;
  const held: Held[] = [];

  beforeAll(async () => {
    rawPort = await freePort();
    server = await TcpServer.start(async (connection) => {
      for (;;) {
        const { id, body, isEvent } = parseDubboFrame(
          await connection.readFrame(dubboFrameLength, 120_000),
        );
        if (isEvent) continue;
        const text = argumentOf(body);
        held.push({
          id,
          text,
          connection,
          answer: async (size) => {
            const response = dubboResponse(id, valueBody(text, { echoed: text }));
            await connection.writeInPieces(response, size ?? response.length);
          },
        });
      }
    });
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1" },
      others: () => [
        {
          protocol: "dubbo",
          host: "raw.dubbo",
          port: rawPort,
          endpoints: [{ port: server.port, version: "v1" }],
        },
      ],
    });
  });

  afterAll(async () => {
    await dubbo.stop();
    await server.stop();
  });

  async function take(count: number): Promise<Held[]> {
    await waitUntil(`${count} requests at the server`, () => held.length >= count);
    return held.splice(0);
  }

  function expected(id: bigint, text: string): Buffer {
    return dubboResponse(id, valueBody(text, { echoed: text }));
  }

  describe("equal ids at once", () => {
    test("each client gets the answer to its own request, in whatever order they come", async () => {
      const clients = await Promise.all(
        Array.from({ length: 40 }, () => TcpConnection.connect(rawPort)),
      );
      for (const id of [0n, 7n, 1n << 63n, (1n << 64n) - 1n]) {
        clients.forEach((client, index) => client.write(echoRequest(id, `client ${index}`)));
        const requests = await take(clients.length);
        // On one upstream connection no id may be used twice.
        expect(new Set(requests.map((request) => request.id)).size).toBe(clients.length);
        expect(new Set(requests.map((request) => request.connection)).size).toBe(1);
        for (const request of requests.reverse()) await request.answer();
        for (const [index, client] of clients.entries()) {
          expect(await client.readFrame(dubboFrameLength)).toEqual(expected(id, `client ${index}`));
        }
      }
      for (const client of clients) client.destroy();
    });

    test("one client that uses an id twice gets both answers", async () => {
      const client = await TcpConnection.connect(rawPort);
      client.write(Buffer.concat([echoRequest(5n, "first"), echoRequest(5n, "second")]));
      const requests = await take(2);
      for (const request of requests) await request.answer();
      expect(await client.readFrame(dubboFrameLength)).toEqual(expected(5n, "first"));
      expect(await client.readFrame(dubboFrameLength)).toEqual(expected(5n, "second"));
      client.destroy();
    });

    test("two consumer processes", async () => {
      const second = await startDubboConsumer();
      const callers = [dubbo.consumer, second];
      const calls = Array.from({ length: 400 }, async (_, index) => {
        const text = `process ${index % 2} call ${index}`;
        const caller = callers[index % 2] ?? second;
        const { value } = await caller.call({ port: dubbo.port }, { method: "echo", args: [text] });
        expect(value).toBe(text);
      });
      await Promise.all(calls);
      await second.stop();
    });
  });

  describe("frames in pieces", () => {
    test("split at every byte, both ways", async () => {
      const client = await TcpConnection.connect(rawPort);
      const request = echoRequest(3n, "split");
      for (let at = 1; at < request.length; at++) {
        client.write(request.subarray(0, at));
        await new Promise(setImmediate);
        client.write(request.subarray(at));
        const [received] = await take(1);
        await received?.answer(at);
        expect(await client.readFrame(dubboFrameLength)).toEqual(expected(3n, "split"));
      }
      client.destroy();
    });

    test("one byte at a time, both ways", async () => {
      const client = await TcpConnection.connect(rawPort);
      const [first, second] = [echoRequest(1n, "one"), echoRequest(2n, "two")];
      await client.writeInPieces(Buffer.concat([first, second]), 1);
      for (const request of await take(2)) await request.answer(1);
      expect(await client.readFrame(dubboFrameLength)).toEqual(expected(1n, "one"));
      expect(await client.readFrame(dubboFrameLength)).toEqual(expected(2n, "two"));
      client.destroy();
    });

    test("500 frames in one write", async () => {
      const client = await TcpConnection.connect(rawPort);
      const ids = Array.from({ length: 500 }, (_, index) => BigInt(index));
      client.write(Buffer.concat(ids.map((id) => echoRequest(id, `call ${id}`))));
      for (const request of await take(ids.length)) await request.answer();
      const answers = new Map<bigint, Buffer>();
      while (answers.size < ids.length) {
        const frame = await client.readFrame(dubboFrameLength);
        answers.set(parseDubboFrame(frame).id, frame);
      }
      for (const id of ids) expect(answers.get(id)).toEqual(expected(id, `call ${id}`));
      client.destroy();
    });
  });

  describe("large frames", () => {
    test.each([
      ["echo", { $string: MIB }],
      ["echo", { $string: 8 * MIB }],
      ["echoBytes", { $bytes: MIB }],
      ["echoBytes", { $bytes: 8 * MIB }],
    ])("%s %o", async (method, argument) => {
      const target = { port: dubbo.port, timeoutMs: 60_000 };
      const { value } = await dubbo.consumer.call(target, { method, args: [argument] });
      expect(value).toEqual({ ...argument, echoed: true });
    });

    test("small requests go on between large ones", async () => {
      const target = { port: dubbo.port, timeoutMs: 60_000 };
      const large = { method: "echoBytes", args: [{ $bytes: 4 * MIB }] };
      const small = { method: "sayHello", args: ["you"] };
      const [mixed, others] = await Promise.all([
        dubbo.consumer.burst(target, [large, small], { count: 24, concurrency: 4 }),
        dubbo.consumer.burst({ ...target, reference: "own" }, [small], { count: 500 }),
      ]);
      expect(mixed).toMatchObject({ succeeded: 24, errors: {} });
      expect(others).toMatchObject({ succeeded: 500, errors: {} });
    });
  });

  describe("a client that is gone", () => {
    test("before its answer: nobody else gets it, and the server's connection stays", async () => {
      const [gone, stays] = await Promise.all([
        TcpConnection.connect(rawPort),
        TcpConnection.connect(rawPort),
      ]);
      const late = await dubbo.stat("upstream_rq_late");
      gone.write(echoRequest(9n, "gone"));
      const [abandoned] = await take(1);
      gone.reset();
      stays.write(echoRequest(9n, "stays"));
      const [request] = await take(1);
      await abandoned?.answer();
      await request?.answer();
      expect(await stays.readFrame(dubboFrameLength)).toEqual(expected(9n, "stays"));
      await expect.poll(() => dubbo.stat("upstream_rq_late")).toBe(late + 1);
      expect(stays.pending).toHaveLength(0);
      expect(request?.connection).toBe(abandoned?.connection);
      expect(request?.connection.ended).toBe(false);
      stays.destroy();
    });

    test("in the middle of a frame: the server never hears of it", async () => {
      const gone = await TcpConnection.connect(rawPort);
      const frame = echoRequest(9n, "half a frame");
      gone.write(Buffer.concat([echoRequest(8n, "whole"), frame.subarray(0, frame.length - 1)]));
      const [whole] = await take(1);
      expect(whole?.text).toBe("whole");
      await whole?.answer();
      expect(await gone.readFrame(dubboFrameLength)).toEqual(expected(8n, "whole"));
      gone.reset();
      const client = await TcpConnection.connect(rawPort);
      client.write(echoRequest(9n, "next"));
      const [next] = await take(1);
      expect(next?.text).toBe("next");
      await next?.answer();
      expect(await client.readFrame(dubboFrameLength)).toEqual(expected(9n, "next"));
      client.destroy();
    });

    test("nothing stays behind", async () => {
      await dubbo.consumer.close(dubbo.port);
      await expect
        .poll(
          async () => [
            await dubbo.stat("downstream_cx_active"),
            await dubbo.stat("downstream_rq_active"),
          ],
          { timeout: 10_000 },
        )
        .toEqual([0, 0]);
    });
  });
});
