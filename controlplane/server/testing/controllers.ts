// Controllers of a cluster that is not real, with one module.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EVENTS } from "../../kubernetes/event-recorder.js";
import { HttpKubernetesApi } from "../../kubernetes/http-api.js";
import { LEASES } from "../../kubernetes/leader-election.js";
import type { ResourceType } from "../../kubernetes/object.js";
import { FakeCluster } from "../../kubernetes/testing/fake-cluster.js";
import { pluginBytes } from "../../modules/testing/plugin-bytes.js";
import { createLogger } from "../../runtime/logger.js";
import { WATCHED_KINDS } from "../../stores/kubernetes/watched-kinds.js";
import type { MeshControllerTimes } from "../mesh-controller-options.js";
import { MeshController } from "../mesh-controller.js";

export const ENVOY_FILTERS: ResourceType = {
  kind: "EnvoyFilter",
  group: "networking.istio.io",
  versions: ["v1alpha3"],
  plural: "envoyfilters",
  namespaced: true,
};
/** See `MeshControllerOptions.stageMs`. */
export const STAGE_MS = 300;

const TIMES: MeshControllerTimes = {
  leaseMs: 600_000,
  leaseRetryMs: 50,
  statusMs: 50,
  minBackoffMs: 5,
  maxBackoffMs: 50,
};

export interface StartedController {
  readonly xdsPort: number;
  readonly adminPort: number;
  /** What it has logged. */
  readonly lines: readonly string[];
  /** Of its metrics, one without labels. */
  readonly metric: (name: string) => Promise<number>;
  readonly stop: () => Promise<void>;
}

export class Controllers {
  private readonly closers: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly cluster: FakeCluster,
    private readonly folder: string,
  ) {
    this.writeModule(1);
  }

  static async prepare(): Promise<Controllers> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-controllers-"));
    mkdirSync(join(folder, "modules"));
    const kinds = [...WATCHED_KINDS, LEASES, EVENTS, ENVOY_FILTERS];
    return new Controllers(await FakeCluster.start(kinds), folder);
  }

  /** The module of Dubbo in its `version`. */
  writeModule(version: number): void {
    writeFileSync(join(this.folder, "modules", "dubbo.wasm"), pluginBytes(version));
  }

  /** Called by `end`, the last one first. */
  onEnd(close: () => Promise<unknown>): void {
    this.closers.push(close);
  }

  async start(
    identity: string,
    { version = "1.2.3", times = {} }: { version?: string; times?: MeshControllerTimes } = {},
  ): Promise<StartedController> {
    const api = new HttpKubernetesApi({ config: this.cluster.config });
    const lines: string[] = [];
    const controller = new MeshController({
      version,
      api,
      identity,
      namespace: "system",
      address: { host: "metaproto.system.svc", port: 15010, identity: "spiffe://x/ns/system/sa/m" },
      rootNamespace: "istio-system",
      stageMs: STAGE_MS,
      modulesDirectory: join(this.folder, "modules"),
      xdsAddress: { host: "127.0.0.1", port: 0 },
      adminAddress: { host: "127.0.0.1", port: 0 },
      bindAddress: "127.0.0.1",
      peerTimeouts: { unreadMs: 30_000, tcpUserMs: 0 },
      logger: createLogger("info", (line) => lines.push(line)),
      times: { ...TIMES, ...times },
    });
    let isStopped = false;
    const stop = async (): Promise<void> => {
      if (isStopped) return;
      isStopped = true;
      await controller.stop();
      api.close();
    };
    this.onEnd(stop);
    const { xdsPort, adminPort } = await controller.start();
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      const line = text.split("\n").find((item) => item.startsWith(`${name} `));
      return Number(line?.split(" ")[1]);
    };
    return { xdsPort, adminPort, lines, metric, stop };
  }

  async end(): Promise<void> {
    for (const close of this.closers.splice(0).reverse()) await close();
    await this.cluster.shutDown();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function service(name: string) {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: {
      clusterIP: name === "greeter" ? "10.0.0.7" : "10.0.0.8",
      ports: [{ port: 20880, protocol: "TCP", name: "tcp-metaprotocol-dubbo" }],
    },
  };
}

export function router(name: string, host = "greeter", to = host) {
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: { name, namespace: "shop" },
    spec: { hosts: [host], routes: [{ route: [{ destination: { host: to } }] }] },
  };
}
