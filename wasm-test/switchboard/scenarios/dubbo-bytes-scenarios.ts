// Dubbo frames of any size, cut anywhere, in any world.
import { expect, it } from "vitest";
import { dubboRequest, dubboResponse, valueBody } from "../../envoy/support/dubbo-wire.js";
import { DubboConsumer, DubboProvider, dubboText } from "./dubbo-peers.js";
import { openWith, startHeld } from "./dubbo-scenarios.js";
import type { World } from "./network.js";

const MIB = 1 << 20;

/** Bytes in which a piece that is shifted, lost or doubled would be seen. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) bytes.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  return bytes;
}

/** A byte array in chunks, as Java writes them. */
function hessianBinary(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 0x8000) {
    const chunk = bytes.subarray(at, at + 0x8000);
    const isLast = at + chunk.length === bytes.length;
    const head = Buffer.from([isLast ? 0x42 : 0x41, chunk.length >> 8, chunk.length & 0xff]);
    chunks.push(head, chunk);
  }
  return Buffer.concat(chunks);
}

export function dubboBytesScenarios(world: World): void {
  it("two frames are understood, wherever the bytes are cut between two reads", async () => {
    const provider = await DubboProvider.start(world, "v1");
    const network = await openWith(world, [provider]);
    const client = await DubboConsumer.connect(network);
    const length = dubboRequest({ id: 0n, method: "sayHello" }).length;
    let id = 0n;
    for (let cut = 1; cut < 2 * length; cut++) {
      const frames = Buffer.concat([
        dubboRequest({ id: ++id, method: "sayHello" }),
        dubboRequest({ id: ++id, method: "sayHello" }),
      ]);
      client.wire.write(frames.subarray(0, cut));
      await network.pass(1);
      client.wire.write(frames.subarray(cut));
      expect(dubboText(await client.response(id - 1n))).toBe("v1");
      expect(dubboText(await client.response(id))).toBe("v1");
    }
    expect(provider.requests).toHaveLength(Number(id));
  });

  it.each([1, 2, 7, 16, 17])(
    "frames in pieces of %d bytes are understood in both directions",
    async (size) => {
      const provider = await startHeld(world);
      const network = await openWith(world, [provider]);
      const client = await DubboConsumer.connect(network);
      for (let id = 1n; id <= 3n; id++) {
        await client.wire.writeInPieces(dubboRequest({ id, method: "sayHello" }), size);
        await network.until("the request", () => provider.requests.length === Number(id));
        const request = provider.requests.at(-1);
        await request?.wire.writeInPieces(
          dubboResponse(request.frame.id, valueBody(`answer ${String(id)}`)),
          size,
        );
        expect(dubboText(await client.response(id))).toBe(`answer ${String(id)}`);
      }
    },
  );

  it.each([
    ["1 MiB", MIB],
    ["8 MiB", 8 * MIB],
  ])(
    "a payload of %s arrives whole in both directions, and does not hold up others",
    async (_, size) => {
      const provider = await startHeld(world);
      const network = await openWith(world, [provider]);
      const [large, small] = [
        await DubboConsumer.connect(network),
        await DubboConsumer.connect(network),
      ];
      const bytes = noise(size);
      const request = dubboRequest({ id: 1n, method: "big", args: [hessianBinary(bytes)] });
      large.wire.write(request.subarray(0, request.length / 2));
      small.send({ id: 2n, method: "small" });
      await network.until("the small one", () => provider.requests.length === 1);
      large.wire.write(request.subarray(request.length / 2));
      await network.until("the large one", () => provider.requests.length === 2);
      expect(provider.requests[1]?.frame.body.equals(request.subarray(16))).toBe(true);
      const [first, second] = provider.requests;
      const response = dubboResponse(second?.frame.id ?? 0n, bytes);
      second?.wire.write(response);
      if (first !== undefined) provider.reply(first, "small");
      expect((await large.response(1n)).body.equals(response.subarray(16))).toBe(true);
      expect(dubboText(await small.response(2n))).toBe("small");
    },
  );

  it("a client's 300 requests of 100 KiB at once are all answered with as much", async () => {
    const provider = await startHeld(world);
    const network = await openWith(world, [provider]);
    const client = await DubboConsumer.connect(network);
    const bytes = noise(100 * 1024);
    for (let id = 1n; id <= 300n; id++) {
      client.send({ id, method: "m", args: [hessianBinary(bytes)] });
    }
    await network.until("all requests", () => provider.requests.length === 300);
    for (const { wire, frame } of provider.requests) wire.write(dubboResponse(frame.id, bytes));
    await network.until("all responses", () => client.responses.size === 300);
    for (let id = 1n; id <= 300n; id++) {
      expect((await client.response(id)).body.equals(bytes)).toBe(true);
    }
  });
}
