// The bounds that cannot be set: at the bound and one beyond.
import { expect, it } from "vitest";
import { dubboRequest } from "../envoy/support/dubbo-wire.js";
import { GrpcServer } from "../host/index.js";
import { builtModule } from "../modules/built-module.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import { holdings } from "./probe.js";

const MAX_STREAMS = 1 << 18;
const MAX_ABANDONED = 1024;
/** Requests that are sent at once: all of a read's answers are written at once as well. */
const BATCH = 4096;

function requests(first: number, count: number): Buffer {
  const frames: Buffer[] = [];
  for (let id = first; id < first + count; id++) {
    frames.push(dubboRequest({ id: BigInt(id), method: "m" }));
  }
  return Buffer.concat(frames);
}

it("MAX_STREAMS: the request beyond 262,144 of a worker is refused, and there is room again after them", async () => {
  // They wait for routes: nobody else has to hold as many.
  const mesh = new DubboMesh({
    clusters: {},
    module: await builtModule("test/switchboard-dubbo"),
    plugin: {
      routeConfigurations: [],
      discoveryCluster: "control",
      initialFetchTimeout: "600s",
      limits: {
        maxRequestsAwaitingRoutes: 2 * MAX_STREAMS,
        maxRequestsPerDownstreamConnection: MAX_STREAMS,
      },
    },
    host: { clusters: { control: { grpc: new GrpcServer() } } },
  });
  const clients = Array.from({ length: 4 }, () => mesh.connect("demo_20880"));
  const perClient = MAX_STREAMS / clients.length;
  for (const client of clients) {
    for (let sent = 0; sent < perClient; sent += BATCH) {
      client.socket.send(requests(sent, BATCH));
      mesh.run();
    }
  }
  expect(clients.every((client) => client.responses.size === 0)).toBe(true);
  expect(holdings(mesh).streams).toBe(MAX_STREAMS);
  const late = mesh.connect("demo_20880");
  late.request({ id: 7n, method: "m" });
  mesh.run();
  expect(late.response(7n).body.toString("latin1")).toContain("too many requests");
  expect(mesh.stat("downstream_rq_table_overflow")).toBe(1);
  clients[0]?.socket.close();
  mesh.run();
  late.request({ id: 8n, method: "m" });
  mesh.run();
  expect(late.responses.size).toBe(1);
  expect(holdings(mesh).streams).toBe(MAX_STREAMS - perClient + 1);
  for (const client of [...clients, late]) client.socket.close();
  mesh.run();
  expect(holdings(mesh).streams).toBe(0);
  expect(mesh.stat("downstream_rq_active")).toBe(0);
});

it("MAX_ABANDONED: a server that never answers loses its connection with the one beyond 1024", () => {
  const provider = new Provider("v1");
  provider.answers = false;
  const mesh = new DubboMesh({
    clusters: { v1: [provider] },
    plugin: {
      defaultTimeout: "1s",
      limits: { maxRequestsPerUpstreamConnection: 4 * MAX_ABANDONED },
    },
  });
  const client = mesh.connect();
  for (let id = 1; id <= MAX_ABANDONED; id++) client.request({ id: BigInt(id), method: "m" });
  mesh.run();
  mesh.host.advance(1_100);
  expect(client.responses.size).toBe(MAX_ABANDONED);
  const connection = provider.requests[0]?.connection;
  expect(connection?.ended).toBe(false);
  expect(mesh.stat("upstream_cx_abandoned")).toBe(0);
  client.request({ id: 5000n, method: "m" });
  mesh.host.advance(1_100);
  expect(connection?.ended).toBe(true);
  expect(mesh.stat("upstream_cx_abandoned")).toBe(1);
  client.request({ id: 5001n, method: "m" });
  mesh.run();
  provider.requests.at(-1)?.reply("answer");
  mesh.run();
  expect(client.response(5001n).status).toBe(20);
  expect(provider.requests.at(-1)?.connection).not.toBe(connection);
});
