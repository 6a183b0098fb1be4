// Disturbances by numbers: of connections, of answers at once, of clusters.
import type { LoadProtocol } from "../envoy/support/load.js";
import { freePort } from "../envoy/support/ports.js";
import { type ServiceOptions, listenerOf } from "../envoy/support/resources.js";
import { BadServer } from "./bad-server.js";
import type { Round, Scenario } from "./scenario.js";
import { type ChaosWorld, PROTOCOLS, type WorldOptions } from "./world.js";

/** Of both protocols together. */
const CONNECTIONS = 2000;
const ANSWERS_AT_ONCE = 10_000;
const CLUSTERS = 200;

const comeAndGo: Scenario = {
  name: "connections-come-and-go",
  about: `${String(CONNECTIONS)} connections open, ask a few times and close, some without waiting`,
  load: () => ({
    connections: CONNECTIONS / PROTOCOLS.length,
    inFlight: 2,
    lifetime: 4,
    rate: 3000,
  }),
  disturb: (_, round) => round.pause(Number.MAX_SAFE_INTEGER),
};

const BURST_SETTINGS = {
  connectionMode: "SHARED",
  defaultTimeout: "60s",
  upstreamHeartbeat: "0s",
  limits: {
    ...{ maxConnections: 1, maxRequestsPerUpstreamConnection: ANSWERS_AT_ONCE },
    maxPendingRequests: ANSWERS_AT_ONCE,
  },
};

/** One worker, which has one connection to one server. */
const BURST_WORLD: WorldOptions = {
  workers: 1,
  servers: 1,
  settings: { dubbo: BURST_SETTINGS, thrift: BURST_SETTINGS },
  timeout: "60s",
};

async function answerAtOnce(server: BadServer, round: Round): Promise<void> {
  await round.every(0, async () => {
    const areGathered = server.gather(ANSWERS_AT_ONCE);
    await areGathered();
    await server.release();
    for (const load of round.loads) await load.answers(ANSWERS_AT_ONCE);
  });
}

/** One protocol at a time: the number of files that a process may open bounds the clients. */
function answersAtOnce(protocol: LoadProtocol): Scenario {
  return {
    name: `answers-at-once-${protocol}`,
    about: `a server withholds its answers until ${String(ANSWERS_AT_ONCE)} clients wait, and sends all of them in one piece`,
    world: BURST_WORLD,
    // Envoy's allocator: with so many connections it takes some rounds to reach its size, 370 MiB.
    memoryTolerance: { rss: 128 * 1024 * 1024 },
    load: (side) =>
      side.protocol === protocol
        ? { connections: ANSWERS_AT_ONCE, inFlight: 1, payloads: [16], rate: 0, drainSeconds: 60 }
        : undefined,
    disturb: (world, round) => {
      const [server] = world.servers.filter((candidate) => candidate.protocol === protocol);
      return server === undefined ? Promise.resolve() : answerAtOnce(server, round);
    },
  };
}

const crowds = new WeakMap<ChaosWorld, readonly ServiceOptions[]>();

async function addClusters(world: ChaosWorld): Promise<void> {
  const services: ServiceOptions[] = [];
  for (const { protocol } of world.sides) {
    const server = await BadServer.start(protocol, CLUSTERS);
    world.adopt(server);
    const service: ServiceOptions = {
      ...{ protocol, host: `many.${protocol}`, port: await freePort() },
      endpoints: server.ports.map((port, index) => ({ port, version: `c${String(index)}` })),
      routes: server.ports.map((_, index) => ({
        match: { method: { exact: `call${String(index)}` } },
        to: { [`c${String(index)}`]: 100 },
      })),
    };
    services.push(service);
    world.write(service);
  }
  for (const service of services) await world.envoy.listenerPort(listenerOf(service));
  await world.controlPlane.waitUntilSynced();
  crowds.set(world, services);
}

async function removeClusters(world: ChaosWorld): Promise<void> {
  for (const service of crowds.get(world) ?? []) world.remove(service);
  crowds.delete(world);
  await world.disown();
}

const manyClusters: Scenario = {
  name: "many-clusters",
  about: `requests go to ${String(CLUSTERS)} clusters of each protocol at once`,
  load: (side, world) => {
    const service = crowds.get(world)?.find(({ protocol }) => protocol === side.protocol);
    const shape = { methods: CLUSTERS, payloads: [100, 1000, 4000] };
    return { ...shape, ...(service === undefined ? {} : { port: service.port }) };
  },
  setUp: addClusters,
  disturb: (_, round) => round.pause(Number.MAX_SAFE_INTEGER),
  tearDown: removeClusters,
};

export const CROWD_SCENARIOS: readonly Scenario[] = [
  comeAndGo,
  manyClusters,
  answersAtOnce("dubbo"),
  answersAtOnce("thrift"),
];
