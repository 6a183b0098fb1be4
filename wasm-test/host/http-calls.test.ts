import { describe, expect, test } from "vitest";

import type { HttpHandler, HttpRequest } from "./http-callouts.js";
import { TcpServer } from "./tcp-server.js";
import { ProbeHost } from "./testing/probe-host.js";

function call(http: HttpHandler): ProbeHost {
  const probe = ProbeHost.start({ clusters: { web: { http } } });
  probe.connect().send(Buffer.from("http:web"));
  probe.host.runUntilIdle();
  return probe;
}

test("a request reaches the scripted server, and its response the module", () => {
  const requests: HttpRequest[] = [];
  const probe = call((request) => {
    requests.push(request);
    return {
      headers: [
        [":status", "201"],
        ["x", "y"],
      ],
      body: Buffer.from("content"),
      trailers: [["t", "u"]],
    };
  });
  expect(requests).toHaveLength(1);
  expect(requests[0]).toMatchObject({ cluster: "web", timeoutMs: 300 });
  expect([...(requests[0]?.headers ?? [])]).toEqual([
    [":method", "GET"],
    [":path", "/"],
    [":authority", "carrier"],
  ]);
  expect(probe.takeLog().slice(-3)).toEqual([
    "response token#4 headers 2 trailers 1 status 201",
    "  header map size -> 2",
    "  body content",
  ]);
});

test("a request without answer ends with 504 at its timeout", () => {
  const probe = call(() => "never");
  probe.takeLog();
  probe.host.advance(299);
  expect(probe.takeLog()).toEqual([]);
  probe.host.advance(1);
  expect(probe.takeLog()[0]).toBe("response token#4 headers 3 trailers 0 status 504");
});

test("an answer cancels the timeout", () => {
  const probe = call(() => ({ headers: [[":status", "200"]] }));
  probe.takeLog();
  probe.host.advance(10_000);
  expect(probe.takeLog()).toEqual([]);
});

describe("dialling", () => {
  const CARRIER = { carrier: { internalListener: true } } as const;

  test("a server that never accepts fails at the cluster's connect timeout", () => {
    const silent = new TcpServer({ accept: "never-answer" });
    const probe = ProbeHost.start({
      clusters: { ...CARRIER, silent: { endpoints: [silent], connectTimeoutMs: 250 } },
    });
    probe.run("dial:silent");
    probe.host.advance(249);
    expect(probe.takeLog()).toEqual([]);
    probe.host.advance(1);
    const log = probe.takeLog();
    expect(log[0]).toBe("close upstream#3 type 1");
    // UF and URX, and the address it was tried at.
    expect(log[1]).toBe("  upstream#3 response/flags -> 0 32800");
    expect(log[2]).toBe(`  upstream#3 upstream/address -> 0 ${silent.address}`);
    expect(log).toContain("response token#4 headers 3 trailers 0 status 503");
  });

  test("a slow server is connected when it has accepted", () => {
    const slow = new TcpServer({ acceptDelayMs: 100 });
    const probe = ProbeHost.start({ clusters: { ...CARRIER, slow: { endpoints: [slow] } } });
    probe.run("dial:slow");
    probe.host.advance(99);
    expect(probe.takeLog()).toEqual([]);
    probe.host.advance(1);
    expect(probe.takeLog()[0]).toMatch(
      /^data upstream#3 \d+ end 0 GET \/ HTTP\/1.1\|host: carrier/,
    );
    expect(slow.openConnections).toHaveLength(1);
  });

  test("a server may speak first", () => {
    const greeting = new TcpServer({
      onConnection: (connection) => {
        connection.write(Buffer.from("welcome"));
      },
    });
    const probe = ProbeHost.start({
      clusters: { ...CARRIER, greeting: { endpoints: [greeting] } },
    });
    expect(probe.run("dial:greeting")).toContain("write upstream#3 7 end 0 welcome");
  });

  test("a server's last bytes come with the end, or before it", () => {
    const server = new TcpServer();
    const probe = ProbeHost.start({ clusters: { ...CARRIER, s: { endpoints: [server] } } });
    const client = probe.connect();
    for (const together of [true, false]) {
      probe.run("dial:s", client);
      const [connection] = server.openConnections;
      connection?.write(Buffer.from("bye"));
      if (!together) probe.host.runUntilIdle();
      connection?.close();
      probe.host.runUntilIdle();
      const writes = probe.takeLog().filter((line) => line.startsWith("write upstream"));
      expect(writes.map((line) => line.slice(line.indexOf(" ", 6)).trimEnd())).toEqual(
        together ? [" 3 end 1 bye"] : [" 3 end 0 bye", " 0 end 1"],
      );
    }
  });

  test("the circuit breaker counts connections that are open or being opened", () => {
    const server = new TcpServer({ acceptDelayMs: 10 });
    const probe = ProbeHost.start({
      clusters: { ...CARRIER, s: { endpoints: [server], maxConnections: 2 } },
    });
    const client = probe.connect();
    probe.run("dial:s;dial:s", client);
    // UO
    expect(probe.run("dial:s", client)).toContain("  upstream#5 response/flags -> 0 128");
    probe.host.advance(10);
    server.connections[0]?.reset();
    probe.host.runUntilIdle();
    probe.takeLog();
    expect(probe.run("dial:s", client).join()).not.toContain("close upstream");
  });
});
