// What is disturbed: a stock Envoy with two workers, its control plane, and per protocol some servers that
// can be made to misbehave.
import { copyFileSync } from "node:fs";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { ControlPlane } from "../envoy/support/control-plane.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { Envoy } from "../envoy/support/envoy.js";
import type { LoadProtocol } from "../envoy/support/load.js";
import { freePort } from "../envoy/support/ports.js";
import {
  type RouteOptions,
  type ServiceOptions,
  listenerOf,
  serviceYaml,
  yamlOf,
} from "../envoy/support/resources.js";
import { BadServer } from "./bad-server.js";

export const PROTOCOLS: readonly LoadProtocol[] = ["dubbo", "thrift"];

/** After so many seconds Envoy closes what is left of a removed listener. */
const DRAIN_SECONDS = 10;
const SETTINGS_FILE = "protocols.yaml";

export interface WorldOptions {
  /** Worker threads; default 2. */
  readonly workers?: number;
  /** Of each protocol; default 3. */
  readonly servers?: number;
  /** Fields of the ApplicationProtocols, laid over those of this file. */
  readonly settings?: Readonly<Record<LoadProtocol, object>>;
  /** Default 600ms. */
  readonly timeout?: string;
  /** Started with the world, and stopped with it. */
  readonly surroundings?: () => Promise<Surroundings>;
}

/** What is beside proxy and servers, and what configurations say because of it. */
export interface Surroundings {
  /** Further files of the configuration, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Fields of the ApplicationProtocols. */
  readonly settings: Readonly<Record<LoadProtocol, object>>;
  /** Of every MetaRouter, beside its routes. */
  readonly router: Readonly<Record<string, unknown>>;
  /** Of every route. */
  readonly route: (protocol: LoadProtocol) => Partial<RouteOptions>;
  readonly stop: () => Promise<void>;
}

function settingsYaml(settings: Readonly<Record<LoadProtocol, object>> | undefined): string {
  return yamlOf(
    ...PROTOCOLS.map((protocol) => ({
      apiVersion: "metaprotocol.aeraki.io/v1alpha1",
      kind: "ApplicationProtocol",
      metadata: { name: protocol },
      spec: {
        ...{ protocol, codec: protocol, connectTimeout: "1s" },
        // What is not needed any more is to be gone soon.
        ...{ upstreamIdleTimeout: "1s", upstreamHeartbeat: "5s" },
        ...settings?.[protocol],
      },
    })),
  );
}

/** One protocol's share of the world. */
export class Side {
  /** The configuration that is written when all is well. */
  readonly service: ServiceOptions;

  constructor(
    readonly protocol: LoadProtocol,
    readonly port: number,
    readonly servers: readonly BadServer[],
    private readonly timeout: string,
    private readonly surroundings: Surroundings | undefined,
  ) {
    this.service = this.serviceOf(servers);
  }

  /** A service of these servers; every other one is version v2. */
  serviceOf(servers: readonly BadServer[], version = ""): ServiceOptions {
    const endpoints = this.servers
      .map(({ port }, index) => ({ port, version: index % 2 === 0 ? "v1" : "v2" }))
      .filter((_, index) => servers.includes(this.servers[index] as BadServer));
    return {
      ...{ protocol: this.protocol, port: this.port, endpoints, emptySubsets: ["v1", "v2"] },
      routes: [{ ...this.routeTo(version) }],
      ...(this.surroundings && { router: this.surroundings.router }),
    };
  }

  /** Everything to one version; all of them: "". */
  routeTo(version: string): RouteOptions {
    const route = { to: { [version]: 100 }, timeout: this.timeout };
    return { ...route, ...this.surroundings?.route(this.protocol) };
  }
}

async function startSide(
  protocol: LoadProtocol,
  options: WorldOptions,
  surroundings: Surroundings | undefined,
): Promise<Side> {
  const servers: BadServer[] = [];
  for (let i = 1; i <= (options.servers ?? 3); i++) {
    servers.push(await BadServer.start(protocol, 1, i));
  }
  return new Side(protocol, await freePort(), servers, options.timeout ?? "600ms", surroundings);
}

/** By file name. */
function configurationOf(
  sides: readonly Side[],
  options: WorldOptions,
  surroundings: Surroundings | undefined,
): Record<string, string> {
  return {
    ...Object.fromEntries(sides.map(({ service }) => [fileOf(service), serviceYaml(service)])),
    [SETTINGS_FILE]: settingsYaml(surroundings?.settings ?? options.settings),
    ...surroundings?.files,
  };
}

/** Call `stop` in the clean-up, always. */
export class ChaosWorld {
  private hasControlPlane = true;
  private readonly adopted: BadServer[] = [];

  private constructor(
    readonly controlPlane: ControlPlane,
    readonly envoy: Envoy,
    readonly sides: readonly Side[],
    readonly workers: number,
    readonly surroundings: Surroundings | undefined,
  ) {}

  static async start(options: WorldOptions = {}): Promise<ChaosWorld> {
    const sides: Side[] = [];
    let controlPlane: ControlPlane | undefined;
    let envoy: Envoy | undefined;
    const surroundings = await options.surroundings?.();
    try {
      for (const protocol of PROTOCOLS) {
        sides.push(await startSide(protocol, options, surroundings));
      }
      controlPlane = await ControlPlane.start(configurationOf(sides, options, surroundings));
      // Before there is a proxy: the modules that it replaces never were.
      await controlPlane.kill();
      for (const { protocol } of sides) {
        copyFileSync(await buildWasm(`test/held-${protocol}`), controlPlane.modulePath(protocol));
      }
      await controlPlane.restart();
      const workers = options.workers ?? 2;
      envoy = await Envoy.start({
        bootstrap: await controlPlane.bootstrap("chaos"),
        concurrency: workers,
        args: ["--drain-time-s", String(DRAIN_SECONDS)],
      });
      for (const { service } of sides) await envoy.listenerPort(listenerOf(service));
      await controlPlane.waitUntilSynced();
      return new ChaosWorld(controlPlane, envoy, sides, workers, surroundings);
    } catch (error) {
      await envoy?.kill();
      await controlPlane?.stop();
      for (const { servers } of sides) for (const server of servers) await server.kill();
      await surroundings?.stop();
      throw error;
    }
  }

  get servers(): readonly BadServer[] {
    return this.sides.flatMap(({ servers }) => servers);
  }

  /** Those of a scenario included. */
  get allServers(): readonly BadServer[] {
    return [...this.servers, ...this.adopted];
  }

  /** Takes over a server that a scenario has added. */
  adopt(server: BadServer): void {
    this.adopted.push(server);
  }

  /** Ends the servers that scenarios have added. */
  async disown(): Promise<void> {
    for (const server of this.adopted.splice(0)) await server.kill();
  }

  /** Writes a service's file and does not wait for anything. */
  write(service: ServiceOptions): void {
    this.controlPlane.write(fileOf(service), serviceYaml(service));
  }

  /** Removes a service's file and does not wait for anything. */
  remove(service: ServiceOptions): void {
    this.controlPlane.remove(fileOf(service));
  }

  /** Servers run and behave, the control plane runs, and everybody has the configuration of the start. */
  async restore(): Promise<void> {
    for (const server of this.servers) {
      if (server.isRunning) server.behave();
      else await server.restart();
    }
    await this.reviveControlPlane();
    for (const { service } of this.sides) this.write(service);
    for (const { service } of this.sides) await this.envoy.listenerPort(listenerOf(service));
    // Proxies and modules come back after a control plane's absence within 30 s.
    await this.controlPlane.waitUntilSynced({ timeoutMs: 45_000 });
    await waitUntil("the endpoints of the start", () => this.hasAllEndpoints());
  }

  async killControlPlane(): Promise<void> {
    this.hasControlPlane = false;
    await this.controlPlane.kill();
  }

  async reviveControlPlane(): Promise<void> {
    if (this.hasControlPlane) return;
    await this.controlPlane.restart();
    this.hasControlPlane = true;
  }

  /** New connections to servers, for requests that may still be answered on old ones. */
  async renewServers(): Promise<void> {
    for (const server of this.servers) {
      await server.kill();
      await server.restart();
    }
  }

  private async hasAllEndpoints(): Promise<boolean> {
    const clusters = await this.envoy.admin("/clusters");
    return this.servers.every(({ port }) => clusters.includes(`127.0.0.1:${String(port)}::`));
  }

  /** @throws Error when Envoy had ended by itself, or logged a failure. */
  async stop(): Promise<void> {
    try {
      await this.envoy.stop();
    } finally {
      await this.controlPlane.stop();
      for (const server of this.allServers) await server.kill();
      await this.surroundings?.stop();
    }
  }
}

function fileOf(service: ServiceOptions): string {
  return `${listenerOf(service)}.yaml`;
}
