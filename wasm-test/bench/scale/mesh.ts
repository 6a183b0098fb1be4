// The controller with many services on a real API server, and many sidecars: what it needs to start and to serve them,
// what one edit costs it and sends, and what its EnvoyFilters cost istiod.
import { waitUntil } from "../../envoy/support/deadline.js";
import { ApiServer } from "../../mesh/support/api-server.js";
import { Controller } from "../../mesh/support/controller.js";
import { Istiod } from "../../mesh/support/istiod.js";
import { listenersOf } from "../../mesh/support/istiod-client.js";
import { prepareCluster } from "../../mesh/support/prepared-cluster.js";
import { apply } from "../../mesh/support/resources.js";
import { missingRig } from "../../mesh/support/rig-binaries.js";
import type { FleetReport } from "./fleet.js";
import { epochMs, FleetProcess } from "./fleet-client.js";
import {
  meshDestinationRule,
  type MeshObject,
  meshRouter,
  meshService,
  NAMESPACE,
  PORTS_PER_SERVICE,
  sidecarOf,
} from "./mesh-services.js";
import { cpuSeconds, residentBytes } from "./process-cost.js";

export interface MeshOptions {
  readonly services: number;
  readonly routers: number;
  readonly proxies: number;
  /** Of each kind. */
  readonly edits: number;
}

export interface MeshEditCost {
  readonly kind: string;
  /** Milliseconds from before the request to the API server to the last response; NaN: none came. */
  readonly delaysMs: number[];
  /** Milliseconds from before it until the objects of Istio were written; NaN: none had to be. */
  readonly writtenMs: number[];
  readonly cpuMs: number[];
  /** What the last edit sent. */
  sent: FleetReport;
  /** Objects of Istio that the last edit wrote. */
  objects: number;
}

/** Milliseconds in which istiod gives a sidecar all of its listeners; one for each try. */
export interface ListenerCost {
  readonly listeners: number;
  readonly without: readonly number[];
  readonly with: readonly number[];
}

export interface MeshResult {
  readonly options: MeshOptions;
  /** Seconds until it serves, and until all objects are written; CPU seconds of both. */
  readonly readySeconds: number;
  readonly readyCpuSeconds: number;
  readonly writtenSeconds: number;
  readonly writtenCpuSeconds: number;
  readonly objects: number;
  readonly writtenBytes: number;
  readonly connectSeconds: number;
  readonly connectCpuSeconds: number;
  readonly connectedBytes: number;
  readonly endBytes: number;
  readonly edits: readonly MeshEditCost[];
  /** A sidecar that knows all services, and one that knows those it talks to. */
  readonly istiod: { readonly all: ListenerCost; readonly scoped: ListenerCost };
}

/** Half of the services have a router; this is one of them. */
const EDITED = 205;
const VERBS = ["create", "update", "repair", "delete"];
const WRITERS = 16;
const TRIES = 7;
const QUIET_MS = 1_000;
const SETUP = { timeoutMs: 300_000, intervalMs: 250 };
const PLAIN_SIDECAR = { address: "10.2.0.2", namespace: NAMESPACE, labels: {} };

/** A mesh on the rig: what has to be stopped is, in the reverse order. */
class Rig {
  private readonly stops: (() => Promise<unknown>)[] = [];

  async started<T extends { stop(): Promise<unknown> }>(start: Promise<T>): Promise<T> {
    const part = await start;
    this.stops.push(() => part.stop());
    return part;
  }

  onStop(stop: () => void): void {
    this.stops.push(() => {
      stop();
      return Promise.resolve();
    });
  }

  async stop(): Promise<void> {
    for (const stop of this.stops.reverse()) await stop();
  }
}

async function create(server: ApiServer, objects: readonly MeshObject[]): Promise<void> {
  const left = [...objects].reverse();
  const write = async (): Promise<void> => {
    for (let object = left.pop(); object !== undefined; object = left.pop()) {
      await apply(server, JSON.stringify(object));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

function meshObjects({ services, routers }: MeshOptions): MeshObject[] {
  return Array.from({ length: services }, (_, service) => [
    meshService(service),
    meshDestinationRule(service),
    ...(service < routers ? [meshRouter(service)] : []),
  ]).flat();
}

function writesOf(controller: Controller): Promise<number> {
  const series = VERBS.map(
    (verb) => `metaproto_kubernetes_object_writes_total{verb="${verb}",result="ok"}`,
  );
  return controller.sumOf(series);
}

/** When the last object was written: milliseconds since 1970. */
async function settleObjects(controller: Controller): Promise<number> {
  let count = await writesOf(controller);
  let changedMs = epochMs();
  await waitUntil(
    "all objects are written",
    async () => {
      const now = await writesOf(controller);
      if (now !== count) changedMs = epochMs();
      count = now;
      return epochMs() - changedMs > QUIET_MS;
    },
    SETUP,
  );
  return changedMs;
}

async function listenerTimes(istiod: Istiod): Promise<{ count: number; ms: number[] }> {
  const ms: number[] = [];
  let count = 0;
  for (let turn = 0; turn < TRIES; turn++) {
    const startMs = performance.now();
    count = (await listenersOf(istiod.port, PLAIN_SIDECAR)).size;
    ms.push(performance.now() - startMs);
  }
  return { count, ms };
}

/** What istiod needs for the two kinds of sidecars, one after the other. */
async function istiodTimes(
  server: ApiServer,
  istiod: Istiod,
  { services, proxies }: MeshOptions,
): Promise<readonly [all: Awaited<ReturnType<typeof listenerTimes>>, scoped: typeof all]> {
  const expected = services * PORTS_PER_SERVICE;
  const count = async (): Promise<number> => (await listenersOf(istiod.port, PLAIN_SIDECAR)).size;
  await waitUntil("istiod knows all services", async () => (await count()) > expected, SETUP);
  const all = await listenerTimes(istiod);
  const sidecar = sidecarOf(proxies - 1, services);
  await create(server, [sidecar]);
  await waitUntil("istiod knows the Sidecar", async () => (await count()) < expected, SETUP);
  const scoped = await listenerTimes(istiod);
  const path = `/apis/networking.istio.io/v1/namespaces/${NAMESPACE}/sidecars`;
  await server.call("DELETE", `${path}/${sidecar.metadata.name}`);
  return [all, scoped];
}

interface Edit {
  readonly kind: string;
  readonly object: (edit: number) => MeshObject;
}

const EDITS: readonly Edit[] = [
  { kind: "weights of one MetaRouter", object: (edit) => meshRouter(EDITED, 10 + (edit % 80)) },
  {
    kind: "endpoints of one service",
    object: (edit) => meshService(EDITED, 5 + edit),
  },
  { kind: "one more service", object: (edit) => meshService(5_000 + edit) },
];

async function measureEdit(
  server: ApiServer,
  controller: Controller,
  fleet: FleetProcess,
  { kind, object }: Edit,
  edits: number,
): Promise<MeshEditCost> {
  const cost: MeshEditCost = {
    ...{ kind, delaysMs: [], writtenMs: [], cpuMs: [] },
    ...{ sent: {}, objects: 0 },
  };
  for (let edit = 0; edit < edits; edit++) {
    await fleet.takeReport();
    const [writes, cpuBefore] = [await writesOf(controller), cpuSeconds(controller.pid)];
    const startMs = epochMs();
    await apply(server, JSON.stringify(object(edit)));
    const [sent, writtenMs] = await Promise.all([fleet.settle(4_000), settleObjects(controller)]);
    cost.sent = sent;
    cost.objects = (await writesOf(controller)) - writes;
    const last = Object.values(sent).map(({ lastMs }) => lastMs);
    cost.delaysMs.push(last.length === 0 ? NaN : Math.max(...last) - startMs);
    cost.writtenMs.push(cost.objects === 0 ? NaN : writtenMs - startMs);
    cost.cpuMs.push((cpuSeconds(controller.pid) - cpuBefore) * 1000);
  }
  return cost;
}

async function benchOn(rig: Rig, options: MeshOptions): Promise<MeshResult> {
  const server = await rig.started(ApiServer.start());
  await prepareCluster(server, NAMESPACE);
  await create(server, meshObjects(options));
  const istiod = await rig.started(Istiod.start(server));
  const before = await istiodTimes(server, istiod, options);
  const startMs = epochMs();
  const controller = await rig.started(Controller.start(server, "--plaintext"));
  const readySeconds = (epochMs() - startMs) / 1000;
  const readyCpuSeconds = cpuSeconds(controller.pid);
  const objects = (): Promise<number> => controller.metric("metaproto_kubernetes_objects");
  const expected = options.services * PORTS_PER_SERVICE;
  await waitUntil("objects are written", async () => (await objects()) > expected, SETUP);
  const writtenSeconds = ((await settleObjects(controller)) - startMs) / 1000;
  const writtenCpuSeconds = cpuSeconds(controller.pid);
  const writtenBytes = residentBytes(controller.pid);
  const connectMs = epochMs();
  const { services, proxies } = options;
  const address = `127.0.0.1:${String(controller.xdsPort)}`;
  const fleet = new FleetProcess({ address, proxies, services, mesh: "istio" });
  rig.onStop(() => fleet.stop());
  const first = await fleet.settle();
  const lastMs = Math.max(...Object.values(first).map((received) => received.lastMs));
  const connectCpuSeconds = cpuSeconds(controller.pid) - writtenCpuSeconds;
  const connectedBytes = residentBytes(controller.pid);
  const edits: MeshEditCost[] = [];
  for (const edit of EDITS) {
    edits.push(await measureEdit(server, controller, fleet, edit, options.edits));
  }
  const after = await istiodTimes(server, istiod, options);
  const costOf = (index: 0 | 1): ListenerCost => ({
    ...{ listeners: after[index].count, without: before[index].ms, with: after[index].ms },
  });
  return {
    ...{ options, readySeconds, readyCpuSeconds, writtenSeconds, writtenCpuSeconds, writtenBytes },
    ...{ connectSeconds: (lastMs - connectMs) / 1000, connectCpuSeconds, connectedBytes },
    ...{ objects: await objects(), edits },
    endBytes: residentBytes(controller.pid),
    istiod: { all: costOf(0), scoped: costOf(1) },
  };
}

/** @throws Error if the rig was not built. */
export async function benchMesh(options: MeshOptions): Promise<MeshResult> {
  const missing = missingRig("etcd", "kube-apiserver", "istiod");
  if (missing !== undefined) throw new Error(missing);
  const rig = new Rig();
  try {
    return await benchOn(rig, options);
  } finally {
    await rig.stop();
  }
}
