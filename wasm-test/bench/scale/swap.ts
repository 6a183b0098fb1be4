// The swap of a table of 10,000 routes under load: one Envoy with one worker, requests at a fixed rate whatever
// the answers do, and a table of other bytes twice a second.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";
import { pause, waitUntil } from "../../envoy/support/deadline.js";
import { Envoy } from "../../envoy/support/envoy.js";
import { type LoadResult, runLoad, startEchoServer } from "../../envoy/support/load.js";
import { RouteControlPlane } from "../../envoy/support/route-control-plane.js";
import { LISTENER, switchboardBootstrap } from "../../envoy/support/switchboard-bootstrap.js";
import { encodeConfiguration } from "../../switchboard/route-harness.js";
import { configurationOf } from "../../switchboard/route-reference.js";
import { type Shape, SHAPES } from "../../switchboard/route-shapes.js";

const TYPE_URL = "type.googleapis.com/metaproto.v1.RouteConfiguration";
const NAME = "bench";
const CLUSTER = "echo";
/** Requests per second: about a tenth of what one worker can do. */
const RATE = 4_000;
const CONNECTIONS = 16;
const SWAP_EVERY_MS = 500;

export interface SwapResult {
  readonly shape: string;
  readonly routes: number;
  readonly bytes: number;
  readonly swaps: number;
  /** Milliseconds from sending a table to its acknowledgement: it is in force then. */
  readonly swapMs: readonly number[];
  readonly still: LoadResult;
  readonly swapping: LoadResult;
  /** The longest turn of the worker's event loop in all that time, as Envoy counts it; in milliseconds. */
  readonly longestTurnMs: number;
}

const LOOP_DURATION = "listener_manager.worker_0.dispatcher.loop_duration_us";

async function longestTurnMs(envoy: Envoy): Promise<number> {
  const most = await waitUntil("the worker's loop in the stats", async () => {
    const stats = await envoy.admin(`/stats?filter=${LOOP_DURATION}`);
    return /P100\([^,]+,(\d[\d.]*)\)/.exec(stats)?.[1];
  });
  return Number(most) / 1000;
}

/** Two tables of `count` routes and one that takes all else, which differ in its name. */
function tables(shape: Shape, count: number): Uint8Array[] {
  const init = configurationOf(shape.routes(count));
  return ["one", "other"].map((name) =>
    encodeConfiguration({
      ...init,
      name: NAME,
      routes: [...(init.routes ?? []), { name, destinations: [{ cluster: CLUSTER }] }],
      clusters: [{ name: CLUSTER, endpoints: 1 }],
    }),
  );
}

/** Serves one table after the other. */
class Tables {
  private readonly acknowledged = new Map<string, number>();
  private version = 0;

  private constructor(
    private readonly tables: readonly Uint8Array[],
    private plane: RouteControlPlane | undefined,
  ) {}

  static async start(tables: readonly Uint8Array[]): Promise<Tables> {
    const served = new Tables(tables, undefined);
    served.plane = await RouteControlPlane.start((stream, message) => {
      const { responseNonce, errorDetail } = fromBinary(DiscoveryRequestSchema, message);
      if (errorDetail !== undefined) throw new Error(`a table is refused: ${errorDetail.message}`);
      if (responseNonce === "") stream.write(served.next());
      else served.acknowledged.set(responseNonce, performance.now());
    });
    return served;
  }

  get port(): number {
    return this.plane?.port ?? 0;
  }

  /** Sends the next table; milliseconds until it is acknowledged. */
  async swap(): Promise<number> {
    const message = this.next();
    const startMs = performance.now();
    for (const stream of this.plane?.streams ?? []) stream.write(message);
    const nonce = String(this.version);
    const at = await waitUntil("a table acknowledged", () => this.acknowledged.get(nonce), {
      intervalMs: 2,
    });
    return at - startMs;
  }

  stop(): void {
    this.plane?.stop();
  }

  private next(): Buffer {
    const version = String(++this.version);
    const value = this.tables[this.version % this.tables.length] ?? new Uint8Array();
    return Buffer.from(
      toBinary(
        DiscoveryResponseSchema,
        create(DiscoveryResponseSchema, {
          versionInfo: version,
          nonce: version,
          typeUrl: TYPE_URL,
          resources: [{ typeUrl: TYPE_URL, value }],
        }),
      ),
    );
  }
}

async function benchShape(shape: Shape, routes: number, seconds: number): Promise<SwapResult> {
  const encoded = tables(shape, routes);
  const server = await startEchoServer({ protocol: "dubbo" });
  const served = await Tables.start(encoded);
  const bootstrap = {
    ...switchboardBootstrap({
      protocol: "dubbo",
      clusters: { [CLUSTER]: [server.port] },
      plugin: { defaultRouteConfiguration: NAME },
      controlPort: served.port,
    }),
    enable_dispatcher_stats: true,
  };
  let envoy: Envoy | undefined;
  try {
    envoy = await Envoy.start({ bootstrap, concurrency: 1, logLevel: "warn" });
    const port = await envoy.listenerPort(LISTENER);
    const load = {
      ...{ protocol: "dubbo" as const, port, connections: CONNECTIONS, inFlight: 8 },
      ...{ rate: RATE, seconds, warmupSeconds: 1 },
    };
    const still = await runLoad(load);
    const running = runLoad(load);
    const swapMs: number[] = [];
    const endMs = performance.now() + (seconds + 0.5) * 1000;
    while (performance.now() < endMs) {
      swapMs.push(await served.swap());
      await pause(SWAP_EVERY_MS);
    }
    const swapping = await running;
    const bytes = encoded[0]?.length ?? 0;
    return {
      ...{ shape: shape.name, routes, bytes, swaps: swapMs.length, swapMs, still, swapping },
      longestTurnMs: await longestTurnMs(envoy),
    };
  } finally {
    await envoy?.stop();
    served.stop();
    await server.stop();
  }
}

/** @param seconds of each measurement; there are two for each shape. */
export async function benchSwaps(seconds: number): Promise<SwapResult[]> {
  const results: SwapResult[] = [];
  for (const shape of SHAPES.slice(0, 4)) results.push(await benchShape(shape, 10_000, seconds));
  return results;
}
