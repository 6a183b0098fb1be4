import { expect, test } from "vitest";
import { dubboFrameLength, dubboHeartbeat } from "./dubbo-wire.js";
import { TcpConnection } from "./tcp-connection.js";
import { TcpServer } from "./tcp-server.js";

test("a scripted server sees frames however they are split, and the test sees every end", async () => {
  const server = await TcpServer.start(async (connection) => {
    connection.write(await connection.readFrame(dubboFrameLength));
    connection.write(await connection.readFrame(dubboFrameLength));
    await connection.read(1);
    connection.reset();
  });
  try {
    const client = await TcpConnection.connect(server.port);
    const frames = Buffer.concat([dubboHeartbeat(1n), dubboHeartbeat(2n)]);
    await client.writeInPieces(frames, 1);
    expect(await client.read(frames.length)).toEqual(frames);
    await expect(client.read(1, 20)).rejects.toThrow(/no 1 bytes within 20 ms/);
    client.write(Buffer.from([0]));
    await expect(client.read(1)).rejects.toThrow(/ended/);
    expect(await client.closed).toBe(true);
    expect(server.failures).toEqual([]);

    const gone = await TcpConnection.connect(server.port);
    gone.end();
    const peer = await server.connection(1);
    expect(await peer.readUntilEnd()).toHaveLength(0);
  } finally {
    await server.stop();
  }
});
