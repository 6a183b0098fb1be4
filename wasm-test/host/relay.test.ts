// A module that obeys every rule moves bytes from client to server and back, and cheaply.

import { describe, expect, test } from "vitest";

import { builtModule } from "../modules/built-module.js";
import { TcpServer, TestHost, type Client, type TestHostOptions } from "./index.js";
import { callback, watModule } from "./testing/wat-module.js";

const RELAY = await builtModule("test/host-relay");

function start(servers: readonly TcpServer[], options: Partial<TestHostOptions> = {}): TestHost {
  const clusters = {
    carrier: { internalListener: true },
    servers: { endpoints: servers },
  } as const;
  return new TestHost({ module: RELAY, clusters, ...options });
}

function upperCaseServer(): TcpServer {
  return new TcpServer({
    onData: (connection, bytes) => {
      connection.write(Buffer.from(Buffer.from(bytes).toString().toUpperCase()));
    },
  });
}

function connect(host: TestHost): Client {
  const client = host.connect();
  host.runUntilIdle();
  return client;
}

describe("bytes flow", () => {
  test("from client to server and back", () => {
    const server = upperCaseServer();
    const host = start([server]);
    const client = connect(host);
    client.send(Buffer.from("hello"));
    host.runUntilIdle();
    expect(server.connections[0]?.received.toString()).toBe("hello");
    expect(client.received.toString()).toBe("HELLO");
  });

  test("between each client and its own server", () => {
    const servers = [upperCaseServer(), upperCaseServer()];
    const host = start(servers);
    const clients = ["a", "b", "c", "d"].map((text) => ({ text, client: connect(host) }));
    for (const { text, client } of clients) client.send(Buffer.from(text));
    host.runUntilIdle();
    for (const { text, client } of clients) {
      expect(client.received.toString()).toBe(text.toUpperCase());
    }
    expect(servers.map((server) => server.connections.length)).toEqual([2, 2]);
  });

  test("also those sent before the server has accepted", () => {
    const server = upperCaseServer();
    server.acceptDelayMs = 100;
    const host = start([server]);
    const client = host.connect();
    client.send(Buffer.from("early"));
    host.advance(99);
    expect(client.received.toString()).toBe("");
    host.advance(1);
    expect(client.received.toString()).toBe("EARLY");
  });

  test.each([{ sizes: [1] }, { sizes: [3, 1, 7] }, { seed: 7, max: 5 }])(
    "in reads cut by %j",
    (chunking) => {
      const server = upperCaseServer();
      const host = start([server], { chunking });
      const client = connect(host);
      const text = "the quick brown fox jumps over the lazy dog";
      client.send(Buffer.from(text));
      host.runUntilIdle();
      expect(client.received.toString()).toBe(text.toUpperCase());
      expect(host.vm.stats.hostCalls["proxy_continue_stream"]).toBeGreaterThan(text.length / 3);
    },
  );

  test("8 MiB of them, through read buffers of 1 MiB", () => {
    const server = new TcpServer({
      onData: (connection, bytes) => {
        connection.write(bytes);
      },
    });
    const host = start([server]);
    const client = connect(host);
    const payload = Buffer.alloc(8 * 1024 * 1024, "payload.");
    client.send(payload);
    host.runUntilIdle();
    expect(Buffer.compare(client.received, payload)).toBe(0);
    expect(host.warnings).toEqual([]);
  });
});

describe("closing", () => {
  test("by the client reaches the server", () => {
    const server = upperCaseServer();
    const host = start([server]);
    const client = connect(host);
    client.close();
    host.runUntilIdle();
    expect(server.openConnections).toEqual([]);
    expect(host.workers[0]?.contextCount).toBe(1);
  });

  test("by the server reaches the client, behind its last bytes", () => {
    const server = new TcpServer({
      onData: (connection) => {
        connection.write(Buffer.from("bye"));
        connection.close();
      },
    });
    const host = start([server]);
    const client = connect(host);
    client.send(Buffer.from("x"));
    host.runUntilIdle();
    expect(client.received.toString()).toBe("bye");
    expect(client.closed).toBe(true);
    expect(host.workers[0]?.contextCount).toBe(1);
  });

  test("by a server that is killed reaches every client", () => {
    const server = upperCaseServer();
    const host = start([server]);
    const clients = [connect(host), connect(host)];
    server.kill();
    host.runUntilIdle();
    expect(clients.map((client) => client.closed)).toEqual([true, true]);
  });
});

test("a request costs the host calls of the module and little else", () => {
  const server = new TcpServer({
    onData: (connection, bytes) => {
      connection.write(bytes);
    },
  });
  const host = start([server]);
  const client = connect(host);
  host.vm.stats.reset();
  const memory = host.vm.memory.sizeBytes;
  const requests = 20_000;
  const request = Buffer.alloc(64, "x");
  for (let i = 0; i < requests; i++) {
    client.send(request);
    host.runUntilIdle();
    expect(client.take()).toHaveLength(request.length);
  }
  expect(host.vm.memory.sizeBytes).toBe(memory);
  expect(host.vm.stats.bytesIn).toBe(2 * requests * request.length);
  expect(host.vm.stats.bytesOut).toBe(2 * requests * request.length);
  expect(host.vm.stats.hostCalls["proxy_continue_stream"]).toBe(2 * requests);
  expect(host.vm.stats.totalHostCalls).toBe(2 * 6 * requests);
});

describe("a read buffer that is left full", () => {
  const KEEP = callback("on_downstream_data", 3, "", 1);

  test("stops reading, with a warning, and the client's later bytes wait", () => {
    const host = new TestHost({ module: watModule(KEEP), bufferLimitBytes: 100_000 });
    const client = connect(host);
    client.send(Buffer.alloc(300_000));
    host.runUntilIdle();
    expect(client.connection.readBuffer.length).toBe(100_000 + 16 * 1024);
    expect(host.warnings).toEqual([
      "reads of connection 0 stopped: 116384 bytes left in its read buffer",
    ]);
  });

  test("reads on when the module has emptied it", () => {
    const emptyFrom = (size: number) =>
      `(if (i32.gt_u (local.get 1) (i32.const ${String(size)})) (then (call $empty (local.get 0))))`;
    const body = callback("on_downstream_data", 3, emptyFrom(100_000), 1);
    const host = new TestHost({ module: watModule(body), bufferLimitBytes: 100_000 });
    const client = connect(host);
    client.send(Buffer.alloc(300_000));
    host.runUntilIdle();
    expect(client.connection.readBuffer.length).toBe(300_000 - 2 * (100_000 + 16 * 1024));
    expect(host.warnings).toEqual([]);
  });
});
