// Ports `tcp-zookeeper` and `tcp-kafka`: bytes are passed on as they are, and Envoy's own filters count what they say.
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ControlPlane } from "./support/control-plane.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { Envoy } from "./support/envoy.js";
import { freePorts } from "./support/ports.js";
import { yamlOf } from "./support/resources.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { missingZookeeper, ZookeeperClient, ZookeeperServer } from "./support/zookeeper-peer.js";

const CONTRIB = { "metaproto.io/envoy-contrib": "true" };

function entry(
  name: string,
  [port, server]: readonly [number, number],
  annotations: object = {},
): object {
  const portName = `tcp-${name}`;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, annotations },
    spec: {
      hosts: [`${name}.test`],
      ports: [{ number: port, name: portName }],
      resolution: "STATIC",
      endpoints: [{ address: "127.0.0.1", ports: { [portName]: server } }],
    },
  };
}

describeWith("stats of stock filters", missingZookeeper(), () => {
  let ports: readonly [number, number];
  let server: ZookeeperServer;
  let client: ZookeeperClient;
  let echo: Server;
  let controlPlane: ControlPlane;
  let envoy: Envoy;

  const resources = (kafka: object): string =>
    yamlOf(
      entry("zookeeper", [ports[0], server.port]),
      entry("kafka", [ports[1], (echo.address() as AddressInfo).port], kafka),
    );

  beforeAll(async () => {
    const [first = 0, second = 0] = await freePorts(2);
    ports = [first, second];
    echo = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    [server, client] = await Promise.all([ZookeeperServer.start(), ZookeeperClient.start()]);
    controlPlane = await ControlPlane.start({ "stock.yaml": resources({}) });
    envoy = await Envoy.start({ bootstrap: await controlPlane.bootstrap("stock-stats") });
    await envoy.listenerPort(`zookeeper.test_${String(ports[0])}`);
    await envoy.listenerPort(`kafka.test_${String(ports[1])}`);
  });

  afterAll(async () => {
    await client.stop();
    await envoy.stop();
    await controlPlane.stop();
    await server.stop();
    echo.close();
  });

  test("ZooKeeper's requests by operation, of a real client and a real server", async () => {
    const session = await client.open(ports[0], 4);
    await session.call("create", "/counted", "value");
    for (let i = 0; i < 5; i++) await session.call("exists", "/counted");
    const prefix = `zookeeper_test_${String(ports[0])}.zookeeper`;
    const stats = await envoy.stats(`^${prefix}`);
    for (const [name, count] of [
      ["connect_rq", 1],
      ["create_rq", 1],
      ["create_resp", 1],
      ["exists_rq", 5],
      ["exists_resp", 5],
      ["decoder_error", 0],
    ] as const)
      expect(stats.get(`${prefix}.${name}`), name).toBe(count);
    await session.close();
    await envoy.waitForStat(`${prefix}.close_rq`, (count) => count === 1);
    await envoy.waitForStat(
      `tcp.zookeeper_test_${String(ports[0])}.downstream_cx_total`,
      (count) => count === 1,
    );
  });

  async function echoed(text: string): Promise<string> {
    const connection = await TcpConnection.connect(ports[1]);
    try {
      connection.write(Buffer.from(text));
      return (await connection.read(text.length)).toString();
    } finally {
      connection.destroy();
    }
  }

  test("Kafka is passed on without stats, and a warning says why", async () => {
    expect(await echoed("any bytes")).toBe("any bytes");
    expect(controlPlane.log().join("\n")).toMatch(/tcp-kafka` is served as TCP without stats/);
  });

  test("an Envoy that is said to be a contrib build, and is not, keeps what it had and says so", async () => {
    controlPlane.write("stock.yaml", resources(CONTRIB));
    await waitUntil("the refusal", async () => {
      const { stdout } = await controlPlane.command("status");
      return /refused LDS kafka\.test_\d+: .*kafka_broker/.test(stdout);
    });
    expect(await echoed("still there")).toBe("still there");
    await controlPlane.edit("stock.yaml", resources({}));
    expect(await echoed("as before")).toBe("as before");
  });
});
