// Requests that go where their client connected to, as they do in a sidecar's inbound listener: clusters of
// type ORIGINAL_DST, and routes by the port of the connection.
import { describe, expect, it } from "vitest";
import { LogLevel, type TestHostOptions } from "../host/index.js";
import { DubboClient, DubboMesh, Provider } from "./dubbo-fixture.js";
import { RouteControl } from "./route-control.js";

const CLUSTER = "inbound|20880||";
const HOUR = 3_600_000;

function at(address: string, options: { accept?: "refuse" } = {}): Provider {
  return new Provider(address, { address, ...options });
}

function routesOf(name: string, cluster = CLUSTER): object {
  return {
    name,
    routes: [{ name: "default", destinations: [{ cluster }] }],
    clusters: [{ name: cluster, originalDestination: true, endpoints: 7 }],
  };
}

class Sidecar {
  readonly mesh: DubboMesh;
  #id = 0n;

  constructor(
    readonly providers: readonly Provider[],
    plugin: object = {},
    clusters: TestHostOptions["clusters"] = {},
  ) {
    this.mesh = new DubboMesh({
      clusters: {},
      plugin: { routeConfigurations: [routesOf("inbound")], ...plugin },
      host: {
        clusters: {
          [CLUSTER]: { endpoints: providers.map(({ server }) => server), lb: "original_dst" },
          ...clusters,
        },
      },
    });
  }

  connect(destinationAddress: string): DubboClient {
    const socket = this.mesh.host.connect({ destinationAddress });
    this.mesh.run();
    return new DubboClient(socket);
  }

  /** What the client is told: the name of a provider, or an error. */
  ask(client: DubboClient): string {
    const id = ++this.#id;
    client.request({ id, method: "m" });
    this.mesh.run();
    return client.response(id).body.toString("latin1");
  }
}

describe("requests to a cluster of original destinations", () => {
  it("go to the address that their client connected to, each over connections of its own", () => {
    const addresses = ["10.0.0.5:20880", "[fd00::5]:20880"];
    const sidecar = new Sidecar(addresses.map((address) => at(address)));
    const clients = [0, 1, 0, 1].map((which) => {
      const address = addresses[which] ?? "";
      return { address, client: sidecar.connect(address) };
    });
    for (let round = 0; round < 3; round++)
      for (const { address, client } of clients) expect(sidecar.ask(client)).toContain(address);
    for (const { server } of sidecar.providers) expect(server.openConnections).toHaveLength(1);
  });

  it("do so when the control plane says that the cluster is one", () => {
    const control = new RouteControl();
    const sidecar = new Sidecar(
      [at("10.0.0.5:20880"), at("10.0.0.6:20880")],
      {
        routeConfigurations: [],
        discoveryCluster: "control",
        defaultRouteConfiguration: "inbound",
      },
      { control: { grpc: control.grpc } },
    );
    const client = sidecar.connect("10.0.0.6:20880");
    control.publish([routesOf("inbound")]);
    sidecar.mesh.run();
    expect(sidecar.ask(client)).toContain("10.0.0.6:20880");
  });

  it("fail when nobody listens there, and go through once somebody does", () => {
    const provider = at("10.0.0.5:20880");
    provider.server.accept = "refuse";
    const sidecar = new Sidecar([provider]);
    const client = sidecar.connect("10.0.0.5:20880");
    expect(sidecar.ask(client)).toMatch(/metaproto: /);
    provider.server.accept = "accept";
    sidecar.mesh.host.advance(1500);
    expect(sidecar.ask(client)).toContain("10.0.0.5:20880");
  });

  it("leave nothing behind of an address that nobody asks for any more", () => {
    const provider = at("10.0.0.5:20880");
    const sidecar = new Sidecar([provider]);
    // More than a cluster has destinations at a time.
    for (let i = 0; i < 100; i++) {
      const address = `10.0.1.${String(i)}:20880`;
      const other = at(address);
      sidecar.mesh.host.upstreams.tcp(CLUSTER)?.endpoints.push(other.server);
      const client = sidecar.connect(address);
      expect(sidecar.ask(client), address).toContain(address);
      client.socket.close();
      sidecar.mesh.host.advance(i % 32 === 31 ? HOUR : 1000);
    }
    expect(sidecar.ask(sidecar.connect("10.0.0.5:20880"))).toContain("10.0.0.5:20880");
  });

  it("are refused beyond the number of destinations, and others are not", () => {
    const sidecar = new Sidecar([]);
    const endpoints = sidecar.mesh.host.upstreams.tcp(CLUSTER)?.endpoints;
    const answers = Array.from({ length: 65 }, (_, i) => {
      const address = `10.0.1.${String(i)}:20880`;
      endpoints?.push(at(address).server);
      return { address, text: sidecar.ask(sidecar.connect(address)) };
    });
    for (const { address, text } of answers.slice(0, 64)) expect(text).toContain(address);
    expect(answers[64]?.text).toMatch(/metaproto: /);
    expect(sidecar.ask(sidecar.connect("10.0.1.3:20880"))).toContain("10.0.1.3");
  });
});

describe("a default route configuration with the port in its name", () => {
  const plugin = {
    routeConfigurations: [
      routesOf("inbound|20880||"),
      { ...routesOf("inbound|20881||"), routes: [{ destinations: [{ cluster: "none" }] }] },
    ],
    defaultRouteConfiguration: "inbound|%DESTINATION_PORT%||",
  };

  it("is that of the port which the client connected to", () => {
    const sidecar = new Sidecar([at("10.0.0.5:20880")], plugin);
    expect(sidecar.ask(sidecar.connect("10.0.0.5:20880"))).toContain("10.0.0.5:20880");
    expect(sidecar.ask(sidecar.connect("10.0.0.5:20881"))).toMatch(/none/);
    expect(sidecar.mesh.host.logged(LogLevel.Warn)).toEqual([]);
  });

  it("may not be there for a port: its requests have no route", () => {
    const sidecar = new Sidecar([], plugin);
    expect(sidecar.ask(sidecar.connect("10.0.0.5:9"))).toMatch(/metaproto: .*no route/i);
  });
});

describe("a route configuration named by the filter chain", () => {
  const plugin = {
    routeConfigurations: [
      routesOf("inbound-vip|20880|tcp|greeter.shop"),
      {
        ...routesOf("inbound-vip|20881|tcp|other.shop"),
        routes: [{ destinations: [{ cluster: "none" }] }],
      },
    ],
    defaultRouteConfiguration: "%FILTER_CHAIN_NAME%",
  };

  function askIn(chain: string | undefined): string {
    const sidecar = new Sidecar([at("10.0.0.5:20880")], plugin);
    const socket = sidecar.mesh.host.connect({
      destinationAddress: "10.0.0.5:20880",
      ...(chain !== undefined && { properties: { xds: { filter_chain_name: chain } } }),
    });
    sidecar.mesh.run();
    return sidecar.ask(new DubboClient(socket));
  }

  it("is that of the chain which the connection came by", () => {
    expect(askIn("inbound-vip|20880|tcp|greeter.shop")).toContain("10.0.0.5:20880");
    expect(askIn("inbound-vip|20881|tcp|other.shop")).toMatch(/none/);
  });

  it.each(["inbound-vip|9|tcp|greeter.shop", "", undefined])(
    "may not be there for a chain, %j: its requests have no route",
    (chain) => {
      expect(askIn(chain)).toMatch(/metaproto: .*no route/i);
    },
  );
});
