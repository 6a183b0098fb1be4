// A stock Envoy with the modules of both protocols, good clients, and a crowd of hostile ones.
import { buildWasm } from "../../../scripts/build-wasm.mjs";
import { waitUntil } from "../support/deadline.js";
import { Envoy } from "../support/envoy.js";
import { type EchoServer, type LoadResult, startEchoServer, startLoad } from "../support/load.js";
import { LISTENER, switchboardBootstrap } from "../support/switchboard-bootstrap.js";
import type { TcpServer } from "../support/tcp-server.js";
import { HostileConnection } from "./hostile-connection.js";
import { type Fate, type HostileKind, fateOf } from "./hostile-kinds.js";
import {
  HOSTILE_DUBBO,
  HOSTILE_THRIFT,
  MAX_FRAME_BYTES,
  type HostileProtocol,
} from "./hostile-protocols.js";

const PROTOCOLS = [HOSTILE_DUBBO, HOSTILE_THRIFT];
/** Connections that are opened at once, so that none waits in a full backlog. */
const OPENED_AT_ONCE = 50;
const PATIENCE_MS = 60_000;

/** Of each VM: all answers that the clients of one worker which never read may keep it waiting with. */
export const MAX_BUFFERED_BYTES = 128 << 20;
/** Short ones, and small ones: what takes half a minute in production is to be seen in a test. */
const SETTINGS = {
  frameTimeout: "2s",
  upstreamIdleTimeout: "1s",
  limits: { maxFrameBytes: MAX_FRAME_BYTES, maxBufferedBytes: MAX_BUFFERED_BYTES },
};
const UNREAD_TIMEOUT = "3s";

interface Bootstrap {
  static_resources: { listeners: Record<string, unknown>[]; clusters: Record<string, unknown>[] };
}

interface Attacker {
  readonly kind: HostileKind;
  readonly connection: HostileConnection;
}

/** What became of the connections of one kind. */
export interface Casualties {
  readonly protocol: string;
  readonly kind: HostileKind;
  readonly count: number;
  /** How many had which fate. */
  readonly fates: ReadonlyMap<Fate | undefined, number>;
}

function bootstrapOf(
  { protocol, goodMethod }: HostileProtocol,
  goodPort: number,
  sinkPort: number,
): Bootstrap {
  const routes = [
    {
      match: [{ name: "method", exact: goodMethod }],
      destinations: [{ cluster: `${protocol}-good` }],
    },
    { destinations: [{ cluster: `${protocol}-sink` }] },
  ];
  const bootstrap = switchboardBootstrap({
    protocol,
    clusters: { [`${protocol}-good`]: [goodPort], [`${protocol}-sink`]: [sinkPort] },
    plugin: { ...SETTINGS, routeConfigurations: [{ name: protocol, routes }] },
  });
  // Names that the bootstraps of both have in common.
  const text = JSON.stringify(bootstrap)
    .replaceAll(/\bcarrier\b/g, `${protocol}-carrier`)
    .replaceAll(/\bmetaproto\b(?=\\?")/g, `metaproto-${protocol}`)
    .replaceAll(`"${LISTENER}"`, `"${protocol}"`);
  return JSON.parse(text) as Bootstrap;
}

function merge(first: Bootstrap, second: Bootstrap): Bootstrap {
  const { listeners, clusters } = first.static_resources;
  listeners.push(...second.static_resources.listeners);
  clusters.push(...second.static_resources.clusters);
  for (const listener of listeners) {
    if (listener["internal_listener"] === undefined) {
      listener["per_connection_buffer_high_watermark_timeout"] = UNREAD_TIMEOUT;
    }
  }
  return first;
}

export class HostileWorld {
  private attackers: (Attacker & { readonly protocol: string })[] = [];

  private constructor(
    readonly envoy: Envoy,
    private readonly good: readonly EchoServer[],
    private readonly sinks: readonly TcpServer[],
  ) {}

  static async start(): Promise<HostileWorld> {
    for (const { protocol } of PROTOCOLS) await buildWasm(protocol);
    const good = await Promise.all(PROTOCOLS.map(({ protocol }) => startEchoServer({ protocol })));
    const sinks = await Promise.all(PROTOCOLS.map((protocol) => protocol.startServer()));
    const bootstraps = PROTOCOLS.map((protocol, index) =>
      bootstrapOf(protocol, good[index]?.port ?? 0, sinks[index]?.port ?? 0),
    );
    const envoy = await Envoy.start({ bootstrap: bootstraps.reduce(merge), concurrency: 2 });
    return new HostileWorld(envoy, good, sinks);
  }

  /** Ten good clients of each protocol; `rate`: requests per second, default as fast as they are answered. */
  async serveGood(seconds: number, rate?: number): Promise<Map<string, LoadResult>> {
    const results = new Map<string, LoadResult>();
    await Promise.all(
      PROTOCOLS.map(async ({ protocol }) => {
        const port = await this.envoy.listenerPort(protocol);
        const pace = rate === undefined ? {} : { rate };
        const clients = { protocol, port, connections: 10, seconds, warmupSeconds: 0.5 };
        const load = startLoad({ ...clients, ...pace });
        results.set(protocol, await load.result);
      }),
    );
    return results;
  }

  /** Opens about `count` hostile connections, and waits until each has met its fate. */
  async attack(count: number): Promise<Casualties[]> {
    for (const { protocol, kinds } of PROTOCOLS) {
      const port = await this.envoy.listenerPort(protocol);
      const shares = kinds.reduce((sum, { share = 1 }) => sum + share, 0);
      for (const kind of kinds) {
        const members = Math.ceil(((count / PROTOCOLS.length) * (kind.share ?? 1)) / shares);
        await this.recruit(protocol, port, kind, members);
      }
    }
    const undecided = (): boolean =>
      this.attackers.some(({ connection, kind }) => fateOf(connection, kind) !== kind.fate);
    // What does not meet its fate is seen in the result.
    await waitUntil("all have met their fate", () => !undecided(), { timeoutMs: 20_000 }).catch(
      () => undefined,
    );
    return this.casualties();
  }

  private async recruit(
    protocol: string,
    port: number,
    kind: HostileKind,
    count: number,
  ): Promise<void> {
    for (let first = 0; first < count; first += OPENED_AT_ONCE) {
      const size = Math.min(OPENED_AT_ONCE, count - first);
      const opened = await Promise.all(
        Array.from({ length: size }, () => HostileConnection.open(port)),
      );
      opened.forEach((connection, index) => {
        this.attackers.push({ protocol, kind, connection });
        kind.act(connection, first + index);
      });
    }
  }

  private casualties(): Casualties[] {
    return PROTOCOLS.flatMap(({ protocol, kinds }) =>
      kinds.map((kind) => {
        const own = this.attackers.filter((it) => it.protocol === protocol && it.kind === kind);
        const fates = new Map<Fate | undefined, number>();
        for (const { connection } of own) {
          const fate = fateOf(connection, kind);
          fates.set(fate, (fates.get(fate) ?? 0) + 1);
        }
        return { protocol, kind, count: own.length, fates };
      }),
    );
  }

  get attackerCount(): number {
    return this.attackers.length;
  }

  /** The attack is over, and the proxy has heard of it. */
  async retreat(): Promise<void> {
    for (const { connection } of this.attackers) connection.end();
    this.attackers = [];
    for (const { protocol } of PROTOCOLS) {
      const prefix = `wasmcustom.metaproto.${protocol}`;
      for (const gauge of ["downstream_cx_active", "downstream_rq_active", "timers_active"]) {
        await this.envoy.waitForStat(`${prefix}.${gauge}`, (value) => value === 0, {
          timeoutMs: PATIENCE_MS,
        });
      }
    }
    // Spare upstream connections go after a second without a request.
    for (const { protocol } of PROTOCOLS) {
      const gauge = `wasmcustom.metaproto.${protocol}.upstream_cx_active`;
      // At most one is kept for each worker and endpoint.
      await this.envoy.waitForStat(gauge, (value) => value <= 4, { timeoutMs: PATIENCE_MS });
    }
  }

  stat(protocol: string, name: string): Promise<number> {
    return this.envoy.stat(`wasmcustom.metaproto.${protocol}.${name}`);
  }

  async stop(): Promise<void> {
    for (const { connection } of this.attackers) connection.end();
    try {
      await this.envoy.stop();
    } finally {
      for (const server of [...this.good, ...this.sinks]) await server.stop();
    }
  }
}
