// Routes from a control plane: they take effect between two requests of live connections, bad ones
// never do, and without a control plane the last ones stay.
import { describe, expect, it } from "vitest";
import {
  dubboRequest,
  dubboResponse,
  hessianString,
  valueBody,
} from "../envoy/support/dubbo-wire.js";
import { LogLevel } from "../host/index.js";
import { builtModule } from "../modules/built-module.js";
import { DubboMesh, Provider, type DubboClient } from "./dubbo-fixture.js";
import { holdings } from "./probe.js";
import { RouteControl } from "./route-control.js";
import { ROUTES_TYPE_URL } from "./scenarios/discovery-messages.js";

const PROBED = await builtModule("test/switchboard-dubbo");
const NAME = "demo_20880";

function routesTo(cluster: string, overrides: object = {}): object {
  const clusters = [{ name: cluster, endpoints: 1 }];
  return { name: NAME, routes: [{ destinations: [{ cluster }] }], clusters, ...overrides };
}

interface Setup {
  readonly mesh: DubboMesh;
  readonly control: RouteControl;
  readonly v1: Provider;
  readonly v2: Provider;
}

function setUp(plugin: Readonly<Record<string, unknown>> = {}): Setup {
  const control = new RouteControl();
  const [v1, v2] = [new Provider("v1"), new Provider("v2")];
  const mesh = new DubboMesh({
    clusters: { v1: [v1], v2: [v2] },
    module: PROBED,
    plugin: { routeConfigurations: [], discoveryCluster: "control", ...plugin },
    host: { clusters: { control: { grpc: control.grpc } } },
  });
  return { mesh, control, v1, v2 };
}

/** Who answered, or the message of the proxy's error. */
function answer(client: DubboClient, id: bigint): string {
  const text = client.response(id).body.toString("latin1");
  return /metaproto: [ -~]*/.exec(text)?.[0] ?? /v1|v2/.exec(text)?.[0] ?? text;
}

describe("the subscription", () => {
  it("asks for what the listeners name, once for all clients, and acknowledges", () => {
    const { mesh, control } = setUp();
    mesh.connect(NAME);
    mesh.connect(NAME);
    mesh.connect("other_1");
    expect(control.requests.map((request) => request.resourceNames)).toEqual([
      [NAME],
      [NAME, "other_1"],
    ]);
    expect(control.requests[0]).toMatchObject({
      typeUrl: ROUTES_TYPE_URL,
      versionInfo: "",
      responseNonce: "",
      node: { id: "test-node", cluster: "test-cluster" },
    });
    control.publish([routesTo("v1")], { version: "abc", nonce: "xyz" });
    mesh.run();
    expect(control.lastRequest).toMatchObject({ versionInfo: "abc", responseNonce: "xyz" });
    expect(control.lastRequest.errorDetail).toBeUndefined();
  });

  it("opens no stream before a client has come", () => {
    const { mesh, control } = setUp();
    mesh.host.advance(5000);
    expect(control.grpc.streams).toHaveLength(0);
  });

  it("tells at once that the module runs, and which, where it is to announce itself", () => {
    const { mesh, control, v1 } = setUp({ announce: true });
    expect(control.grpc.streams).toHaveLength(0);
    mesh.host.advance(1000);
    expect(control.grpc.streams).toHaveLength(1);
    expect(control.lastRequest).toMatchObject({
      typeUrl: ROUTES_TYPE_URL,
      resourceNames: [],
      node: { id: "test-node", userAgentName: "metaproto" },
    });
    const said = control.lastRequest.node?.userAgentVersionType;
    expect(said?.case).toBe("userAgentVersion");
    expect(said?.value).not.toBe("");
    const client = mesh.connect(NAME);
    expect(control.grpc.streams).toHaveLength(1);
    expect(control.lastRequest.resourceNames).toEqual([NAME]);
    control.publish([routesTo("v1")]);
    client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(answer(client, 1n)).toBe("v1");
    expect(v1.requests).toHaveLength(1);
  });
});

describe("the first routes", () => {
  it("are awaited: requests that came before them go where they lead, in the order they came", () => {
    const { mesh, control, v2 } = setUp();
    const clients = [mesh.connect(NAME), mesh.connect(NAME)];
    for (let id = 1n; id <= 10n; id++)
      for (const client of clients) client.request({ id, method: "m" });
    mesh.host.advance(1000);
    expect(clients.map((client) => client.responses.size)).toEqual([0, 0]);
    control.publish([routesTo("v2")]);
    mesh.run();
    for (const client of clients) {
      for (let id = 1n; id <= 10n; id++) expect(answer(client, id)).toBe("v2");
    }
    expect(v2.requests).toHaveLength(20);
    expect(holdings(mesh)).toMatchObject({ streams: 0 });
  });

  it("are not awaited for ever: requests fail by name, and pass once routes come after all", () => {
    const { mesh, control } = setUp({ initialFetchTimeout: "3s" });
    const client = mesh.connect(NAME);
    client.request({ id: 1n, method: "m" });
    mesh.host.advance(2900);
    expect(client.responses.size).toBe(0);
    mesh.host.advance(200);
    const missing = `metaproto: no routes have been received for ${NAME}`;
    expect(answer(client, 1n)).toBe(missing);
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(answer(client, 2n)).toBe(missing);
    control.publish([routesTo("v1")]);
    mesh.run();
    client.request({ id: 3n, method: "m" });
    mesh.run();
    expect(answer(client, 3n)).toBe("v1");
    expect(mesh.host.logged(LogLevel.Warn)).toEqual([
      `metaproto: no routes have been received for ${NAME}`,
    ]);
  });

  it("are not missed by a client that left before they came", () => {
    const { mesh, control, v1 } = setUp();
    const [leaving, staying] = [mesh.connect(NAME), mesh.connect(NAME)];
    for (const client of [leaving, staying]) client.request({ id: 1n, method: "m" });
    leaving.socket.send(dubboRequest({ id: 2n, method: "m" }).subarray(0, 20));
    mesh.run();
    leaving.socket.reset();
    mesh.run();
    control.publish([routesTo("v1")]);
    mesh.run();
    expect(answer(staying, 1n)).toBe("v1");
    expect(v1.requests).toHaveLength(1);
    expect(holdings(mesh).streams).toBe(0);
  });

  it("of the plugin's configuration hold until the control plane sends others of that name", () => {
    const { mesh, control } = setUp({ routeConfigurations: [routesTo("v1")] });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(answer(client, 1n)).toBe("v1");
    control.publish([routesTo("v2")]);
    mesh.run();
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(answer(client, 2n)).toBe("v2");
  });
});

describe("new routes", () => {
  it("take effect between two requests of a live connection", () => {
    const { mesh, control } = setUp();
    const client = mesh.connect(NAME);
    mesh.run();
    for (let round = 0n; round < 50n; round++) {
      const cluster = round % 2n === 0n ? "v1" : "v2";
      control.publish([routesTo(cluster)]);
      mesh.run();
      client.request({ id: round, method: "m" });
      mesh.run();
      expect(answer(client, round)).toBe(cluster);
    }
    expect(client.socket.closed).toBe(false);
    expect(mesh.stat("route_table_update")).toBe(50);
  });

  it("leave requests that are in flight alone, with the response mutation that they began with", () => {
    const { mesh, control, v1 } = setUp();
    v1.answers = false;
    const mutation = (value: string): object => ({
      routes: [
        {
          destinations: [{ cluster: "v1" }],
          responseMutation: [{ operation: "SET", key: "table", value }],
        },
      ],
    });
    const client = mesh.connect(NAME);
    control.publish([routesTo("v1", mutation("first"))]);
    mesh.run();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    // Many tables later the first one's memory would long have been used for something else.
    for (let i = 0; i < 100; i++) {
      control.publish([routesTo("v1", mutation(`table ${String(i)}`))]);
      mesh.host.advance(20);
    }
    client.request({ id: 2n, method: "m" });
    mesh.run();
    for (const { connection, frame } of v1.requests) {
      connection.write(dubboResponse(frame.id, valueBody("v1")));
    }
    mesh.run();
    expect(client.response(1n).body.includes(hessianString("first"))).toBe(true);
    expect(client.response(2n).body.includes(hessianString("table 99"))).toBe(true);
  });

  it("that are the same as before change nothing", () => {
    const { mesh, control } = setUp();
    mesh.connect(NAME);
    for (let i = 0; i < 5; i++) {
      control.publish([routesTo("v1")]);
      mesh.run();
    }
    expect(mesh.stat("route_table_update")).toBe(1);
    expect(control.lastRequest.versionInfo).toBe("5");
  });

  it("that are bad are refused with the reason, and those before stay", () => {
    const { mesh, control } = setUp();
    const client = mesh.connect(NAME);
    control.publish([routesTo("v1")], { version: "good" });
    mesh.run();
    control.publish([routesTo("v2", { routes: [{ destinations: [] }] })], { nonce: "bad" });
    mesh.run();
    expect(control.lastRequest).toMatchObject({ versionInfo: "good", responseNonce: "bad" });
    expect(control.lastRequest.errorDetail?.message).toContain("routes[0].destinations");
    client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(answer(client, 1n)).toBe("v1");
    control.publish([routesTo("v2")], { version: "better" });
    mesh.run();
    expect(control.lastRequest.versionInfo).toBe("better");
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(answer(client, 2n)).toBe("v2");
    expect(mesh.stat("route_table_rejected")).toBe(1);
  });

  it("are good for their listener although others in the same response are bad", () => {
    const { mesh, control } = setUp();
    const [good, bad] = [mesh.connect(NAME), mesh.connect("bad_1")];
    control.publish([{ name: "bad_1", routes: [{ destinations: [] }] }, routesTo("v1")]);
    mesh.run();
    expect(control.lastRequest.errorDetail?.message).toContain("bad_1");
    good.request({ id: 1n, method: "m" });
    bad.request({ id: 1n, method: "m" });
    mesh.run();
    expect(answer(good, 1n)).toBe("v1");
    expect(bad.responses.size).toBe(0);
  });

  it("for a listener that nobody has used yet are there when the first client comes", () => {
    const presets = [
      { name: "a_1", routes: [{ destinations: [{ cluster: "v1" }] }] },
      { name: "b_1", routes: [{ destinations: [{ cluster: "v1" }] }] },
    ];
    const { mesh, control } = setUp({ routeConfigurations: presets });
    const client = mesh.connect("a_1");
    mesh.run();
    // A control plane may send what was not asked for.
    control.publish([{ name: "b_1", routes: [{ destinations: [{ cluster: "v2" }] }] }]);
    mesh.host.advance(5000);
    // Whatever was freed meanwhile has been used for something else.
    const others = Array.from({ length: 300 }, () => mesh.connect("a_1"));
    for (const other of others) other.request({ id: 1n, method: "m" });
    mesh.host.advance(5000);
    for (const other of others) expect(answer(other, 1n)).toBe("v1");
    client.request({ id: 1n, method: "m" });
    const late = mesh.connect("b_1");
    late.request({ id: 1n, method: "m" });
    mesh.run();
    expect(answer(client, 1n)).toBe("v1");
    expect(answer(late, 1n)).toBe("v2");
  });
});

describe("without its control plane", () => {
  it("a worker keeps the last routes, and takes newer ones when it is back", () => {
    const { mesh, control } = setUp();
    const client = mesh.connect(NAME);
    control.publish([routesTo("v1")]);
    mesh.run();
    control.grpc.kill();
    for (let id = 1n; id <= 20n; id++) {
      mesh.host.advance(30_000);
      client.request({ id, method: "m" });
      mesh.run();
      expect(answer(client, id)).toBe("v1");
    }
    control.grpc.reachability = "up";
    mesh.host.advance(31_000);
    expect(control.lastRequest).toMatchObject({ resourceNames: [NAME], versionInfo: "1" });
    expect(control.lastRequest.responseNonce).toBe("");
    control.publish([routesTo("v2")]);
    mesh.run();
    client.request({ id: 21n, method: "m" });
    mesh.run();
    expect(answer(client, 21n)).toBe("v2");
  });

  it("a worker comes back with growing pauses, and at once after a stream that was good", () => {
    const { mesh, control } = setUp();
    mesh.connect(NAME);
    const attempts: number[] = [];
    const start = mesh.host.loop.nowMs;
    let known = 0;
    const original = control.grpc.streams.length;
    expect(original).toBe(1);
    control.grpc.reachability = "no-endpoints";
    control.stream.close(14);
    // Each attempt fails in the host call itself, and is logged.
    for (let ms = 0; ms < 120_000; ms += 100) {
      mesh.host.advance(100);
      const failures = mesh.host
        .logged(LogLevel.Warn)
        .filter((line) => line.includes("cannot open"));
      const count = failures.length;
      if (count > known) attempts.push(mesh.host.loop.nowMs - start);
      known = count;
    }
    const pauses = attempts.map((time, index) => time - (attempts[index - 1] ?? 0));
    const bounds = [1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1000);
    pauses.forEach((pause, index) => {
      const ceiling = bounds[index] ?? 30_000;
      expect(pause).toBeGreaterThanOrEqual(ceiling / 2 - 100);
      expect(pause).toBeLessThanOrEqual(ceiling + 200);
    });
    expect(attempts.length).toBeGreaterThan(6);
    control.grpc.reachability = "up";
    mesh.host.advance(31_000);
    control.publish([routesTo("v1")]);
    mesh.run();
    control.stream.close(14);
    mesh.host.advance(1200);
    expect(control.grpc.openStreams).toHaveLength(1);
  });

  it("from the start a worker answers by name, and serves once it is there", () => {
    const { mesh, control } = setUp({ initialFetchTimeout: "1s" });
    control.grpc.reachability = "refused";
    const client = mesh.connect(NAME);
    client.request({ id: 1n, method: "m" });
    mesh.host.advance(1200);
    expect(answer(client, 1n)).toContain("no routes have been received");
    control.grpc.reachability = "up";
    mesh.host.advance(31_000);
    control.publish([routesTo("v1")]);
    mesh.run();
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(answer(client, 2n)).toBe("v1");
  });
});

describe("a cluster", () => {
  it("that no route leads to any more loses its connections after a while, and comes back when needed", () => {
    const { mesh, control, v1, v2 } = setUp({ upstreamIdleTimeout: "60s" });
    const client = mesh.connect(NAME);
    control.publish([routesTo("v1")]);
    mesh.run();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(v1.server.openConnections).toHaveLength(1);
    control.publish([routesTo("v2")]);
    mesh.run();
    client.request({ id: 2n, method: "m" });
    mesh.host.advance(70_000);
    expect(v1.server.openConnections).toHaveLength(0);
    expect(v2.server.openConnections).toHaveLength(1);
    control.publish([routesTo("v1")]);
    mesh.run();
    client.request({ id: 3n, method: "m" });
    mesh.run();
    expect(answer(client, 3n)).toBe("v1");
  });

  it("that goes while requests are in flight to it still answers them", () => {
    const { mesh, control, v1 } = setUp({ defaultTimeout: "0s", upstreamHeartbeat: "0s" });
    v1.answers = false;
    const client = mesh.connect(NAME);
    control.publish([routesTo("v1")]);
    mesh.run();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    control.publish([routesTo("v2")]);
    mesh.host.advance(300_000);
    v1.requests[0]?.reply("v1, late");
    mesh.run();
    expect(answer(client, 1n)).toBe("v1");
    mesh.host.advance(70_000);
    expect(v1.server.openConnections).toHaveLength(0);
  });

  it("after cluster leaves no memory behind", () => {
    const { mesh, control, v1 } = setUp({ upstreamIdleTimeout: "1s" });
    const client = mesh.connect(NAME);
    let id = 0n;
    const visit = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const cluster = `c${String(i % 200)}`;
        mesh.host.upstreams.set(cluster, { endpoints: [v1.server] });
        control.publish([routesTo(cluster)]);
        mesh.run();
        client.request({ id: ++id, method: "m" });
        mesh.host.advance(4000);
        expect(answer(client, id)).toBe("v1");
        client.responses.clear();
        v1.server.connections.length = 0;
        control.requests.length = 0;
      }
      mesh.host.advance(10_000);
    };
    visit(20);
    const before = holdings(mesh);
    visit(200);
    const after = holdings(mesh);
    expect(after.heapBytes - before.heapBytes).toBeLessThan(500);
    expect(after.memoryBytes).toBe(before.memoryBytes);
  });
});

describe("a large table", () => {
  /** So many that they are built in several slices. */
  const ROUTES = 3000;

  function largeTable(cluster: string): object {
    const routes = Array.from({ length: ROUTES }, (_, order) => ({
      match: [{ name: "method", exact: `m${String(order)}` }],
      destinations: [{ cluster }],
    }));
    return routesTo(cluster, { routes });
  }

  it("is built while the one before serves, a slice each millisecond", () => {
    const { mesh, control } = setUp();
    const client = mesh.connect(NAME);
    control.publish([largeTable("v1")]);
    mesh.host.advance(1000);
    control.publish([largeTable("v2")], { version: "new" });
    const answers: string[] = [];
    for (let id = 1n; id <= 60n; id++) {
      mesh.host.advance(1);
      client.request({ id, method: `m${String(id)}` });
      mesh.run();
      answers.push(answer(client, id));
    }
    const before = answers.indexOf("v2");
    expect(before).toBeGreaterThan(8);
    expect(before).toBeLessThan(30);
    expect(answers).toEqual([
      ...answers.slice(0, before).fill("v1"),
      ...answers.slice(before).fill("v2"),
    ]);
    expect(client.socket.closed).toBe(false);
    expect(control.lastRequest.versionInfo).toBe("new");
  });

  it("costs ticks only while it is built", () => {
    const { mesh, control } = setUp();
    mesh.connect(NAME);
    control.publish([largeTable("v1")]);
    mesh.host.advance(2500);
    mesh.host.vm.stats.reset();
    mesh.host.advance(1000);
    expect(mesh.host.vm.stats.hostCalls["proxy_get_current_time_nanoseconds"]).toBe(10);
  });

  it("is awaited by requests when it is the first", () => {
    const { mesh, control } = setUp();
    const client = mesh.connect(NAME);
    client.request({ id: 1n, method: "m7" });
    control.publish([largeTable("v2")]);
    mesh.run();
    expect(client.responses.size).toBe(0);
    mesh.host.advance(1000);
    expect(answer(client, 1n)).toBe("v2");
  });

  it("keeps nothing of the ones before", () => {
    const { mesh, control } = setUp();
    mesh.connect(NAME);
    const publish = (cluster: string): void => {
      control.publish([largeTable(cluster)]);
      mesh.host.advance(1000);
      control.requests.length = 0;
    };
    for (let i = 0; i < 4; i++) publish(i % 2 === 0 ? "v1" : "v2");
    const before = holdings(mesh);
    for (let i = 0; i < 20; i++) publish(i % 2 === 0 ? "v1" : "v2");
    const after = holdings(mesh);
    expect(after.heapBytes - before.heapBytes).toBeLessThan(500);
    expect(after.memoryBytes).toBe(before.memoryBytes);
  });
});

describe("another worker", () => {
  it("that gets its first client without a control plane takes what the first one was sent", () => {
    const control = new RouteControl();
    const [v1, v2] = [new Provider("v1"), new Provider("v2")];
    const mesh = new DubboMesh({
      clusters: { v1: [v1], v2: [v2] },
      module: PROBED,
      plugin: { routeConfigurations: [], discoveryCluster: "control" },
      host: { workers: 2, clusters: { control: { grpc: control.grpc } } },
    });
    mesh.connect(NAME);
    control.publish([routesTo("v2")]);
    mesh.run();
    mesh.host.upstreams.remove("control");
    const late = mesh.connect(NAME, 1);
    late.request({ id: 1n, method: "m" });
    mesh.run();
    expect(answer(late, 1n)).toBe("v2");
  });

  it("follows the control plane from then on, as every worker does", () => {
    const control = new RouteControl();
    const [v1, v2] = [new Provider("v1"), new Provider("v2")];
    const mesh = new DubboMesh({
      clusters: { v1: [v1], v2: [v2] },
      module: PROBED,
      plugin: { routeConfigurations: [], discoveryCluster: "control" },
      host: { workers: 2, clusters: { control: { grpc: control.grpc } } },
    });
    mesh.connect(NAME);
    control.publish([routesTo("v2")]);
    mesh.run();
    const late = mesh.connect(NAME, 1);
    control.publish([routesTo("v1")]);
    mesh.run();
    late.request({ id: 1n, method: "m" });
    mesh.run();
    expect(answer(late, 1n)).toBe("v1");
  });
});
