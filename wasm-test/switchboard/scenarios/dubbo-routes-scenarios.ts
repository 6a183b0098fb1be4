// Routes from a control plane, in any world.
import { expect, it } from "vitest";
import { hessianString } from "../../envoy/support/dubbo-wire.js";
import { DubboConsumer, DubboProvider, dubboText } from "./dubbo-peers.js";
import type { Network, World } from "./network.js";

const NAME = "demo_20880";

interface Setup {
  readonly network: Network;
  readonly v1: DubboProvider;
  readonly v2: DubboProvider;
}

async function setUp(world: World): Promise<Setup> {
  const v1 = await DubboProvider.start(world, "v1");
  const v2 = await DubboProvider.start(world, "v2");
  const network = await world.open({
    protocol: "dubbo",
    clusters: { v1: [v1.endpoint], v2: [v2.endpoint] },
    plugin: { defaultRouteConfiguration: NAME },
    isDiscovered: true,
  });
  return { network, v1, v2 };
}

function routesTo(cluster: string, route: object = {}): Record<string, unknown> {
  return {
    name: NAME,
    routes: [{ destinations: [{ cluster }], ...route }],
    clusters: [{ name: cluster, endpoints: 1 }],
  };
}

export function dubboRoutesSmokeScenarios(world: World): void {
  it("new routes take effect on a live connection, between two requests", async () => {
    const { network } = await setUp(world);
    const client = await DubboConsumer.connect(network);
    let id = 0n;
    for (const cluster of ["v1", "v2", "v1", "v2"]) {
      network.publish([routesTo(cluster)]);
      let answer = "";
      for (let attempt = 0; attempt < 500 && answer !== cluster; attempt++) {
        answer = dubboText(await client.call({ id: ++id, method: "m" }));
        expect(answer).toMatch(/^v[12]$/);
      }
      expect(answer).toBe(cluster);
      // Once it has changed it does not change back.
      for (let more = 0; more < 20; more++) {
        expect(dubboText(await client.call({ id: ++id, method: "m" }))).toBe(cluster);
      }
    }
    expect(client.wire.isClosed).toBe(false);
  });
}

export function dubboRoutesScenarios(world: World): void {
  it("requests wait for the first routes", async () => {
    const { network, v2 } = await setUp(world);
    const client = await DubboConsumer.connect(network);
    for (let id = 1n; id <= 5n; id++) client.send({ id, method: "m" });
    await network.pass(500);
    expect(client.responses.size).toBe(0);
    network.publish([routesTo("v2")]);
    for (let id = 1n; id <= 5n; id++) expect(dubboText(await client.response(id))).toBe("v2");
    expect(v2.requests).toHaveLength(5);
  });

  it("without the control plane the last routes stay, and newer ones come when it is back", async () => {
    const { network } = await setUp(world);
    const client = await DubboConsumer.connect(network);
    network.publish([routesTo("v1")]);
    let id = 0n;
    expect(dubboText(await client.call({ id: ++id, method: "m" }))).toBe("v1");
    await network.stopControlPlane();
    for (let attempt = 0; attempt < 20; attempt++) {
      await network.pass(20);
      expect(dubboText(await client.call({ id: ++id, method: "m" }))).toBe("v1");
    }
    network.publish([routesTo("v2")]);
    await network.startControlPlane();
    let answer = "v1";
    for (let attempt = 0; attempt < 400 && answer === "v1"; attempt++) {
      await network.pass(50);
      answer = dubboText(await client.call({ id: ++id, method: "m" }));
    }
    expect(answer).toBe("v2");
    expect(client.wire.isClosed).toBe(false);
  });

  it("bad routes are refused with the reason, and those before stay", async () => {
    const { network } = await setUp(world);
    const client = await DubboConsumer.connect(network);
    network.publish([routesTo("v1")]);
    expect(dubboText(await client.call({ id: 1n, method: "m" }))).toBe("v1");
    network.publish([{ name: NAME, routes: [{ destinations: [] }] }]);
    await network.until("the refusal", () => network.rejections.length > 0);
    expect(network.rejections[0]).toContain("routes[0].destinations");
    expect(dubboText(await client.call({ id: 2n, method: "m" }))).toBe("v1");
  });

  it("a request that is in flight keeps the response mutation it began with", async () => {
    const { network, v1 } = await setUp(world);
    v1.answers = false;
    const client = await DubboConsumer.connect(network);
    const mutation = (value: string): object => ({
      responseMutation: [{ operation: "SET", key: "table", value }],
    });
    network.publish([routesTo("v1", mutation("old"))]);
    client.send({ id: 1n, method: "m" });
    await network.until("the request", () => v1.requests.length === 1);
    v1.answers = true;
    network.publish([routesTo("v2", mutation("new"))]);
    let response = await client.call({ id: 2n, method: "m" });
    for (let id = 3n; dubboText(response) !== "v2" && id < 500n; id++) {
      response = await client.call({ id, method: "m" });
    }
    expect(response.body.includes(hessianString("new"))).toBe(true);
    const [first] = v1.requests;
    if (first !== undefined) v1.reply(first);
    expect((await client.response(1n)).body.includes(hessianString("old"))).toBe(true);
  });
}
