// From the edit of a file to the first re-routed answer: one control plane, ten Envoys, a live connection
// through each of them.
import { ControlPlane } from "../../envoy/support/control-plane.js";
import { pause } from "../../envoy/support/deadline.js";
import { Envoy } from "../../envoy/support/envoy.js";
import { freePort } from "../../envoy/support/ports.js";
import {
  destinationRule,
  listenerOf,
  metaRouter,
  type ServiceOptions,
  serviceEntry,
  yamlOf,
} from "../../envoy/support/resources.js";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  startVersionedServer,
  type Version,
  VERSIONS,
  VersionWatcher,
} from "./versioned-server.js";

const ENVOYS = 10;
/** Between two edits, in milliseconds; it varies, so that no timer stays in step. */
const PAUSE_MS = 300;
const TIMEOUT_MS = 5_000;
const ROUTER_FILE = "router.yaml";

/** How a file is replaced: under another name and renamed, as editors do, or written where it is. */
export type EditKind = "renamed" | "in place";

export interface EditResult {
  readonly kind: EditKind;
  readonly edits: number;
  readonly envoys: number;
  /** Milliseconds from before the write to the first re-routed answer; one for each edit and Envoy. */
  readonly delaysMs: readonly number[];
  /** As above, of the last Envoy of each edit. */
  readonly lastDelaysMs: readonly number[];
  readonly answers: number;
  /** Requests that failed, and connections that ended. */
  readonly faults: number;
}

function routerYaml(service: ServiceOptions, version: Version): string {
  return yamlOf(metaRouter({ ...service, routes: [{ to: { [version]: 100 } }] }));
}

/**
 * One connection through each Envoy. They listen on one port, among which the system chooses: connections
 * are opened until every one has its own.
 */
async function connectToEach(
  envoys: readonly Envoy[],
  service: ServiceOptions,
): Promise<VersionWatcher[]> {
  const stat = `listener.127.0.0.1_${String(service.port)}.downstream_cx_total`;
  const watchers = new Map<Envoy, VersionWatcher>();
  const counts = new Map<Envoy, number>(envoys.map((envoy) => [envoy, 0]));
  while (watchers.size < envoys.length) {
    const watcher = await VersionWatcher.connect(service.port);
    let owner: Envoy | undefined;
    while (owner === undefined) {
      for (const envoy of envoys) {
        if ((await envoy.stat(stat)) > (counts.get(envoy) ?? 0)) owner = envoy;
      }
    }
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
    if (watchers.has(owner)) watcher.close();
    else watchers.set(owner, watcher);
  }
  return [...watchers.values()];
}

async function measureEdits(
  plane: ControlPlane,
  watchers: readonly VersionWatcher[],
  service: ServiceOptions,
  kind: EditKind,
  edits: number,
): Promise<EditResult> {
  const delaysMs: number[] = [];
  const lastDelaysMs: number[] = [];
  for (let edit = 0; edit < edits; edit++) {
    const version = VERSIONS[edit % 2] ?? "v1";
    const text = routerYaml(service, version);
    const startMs = performance.now();
    if (kind === "renamed") plane.write(ROUTER_FILE, text);
    else writeFileSync(join(plane.configFolder, ROUTER_FILE), text);
    const seen = await Promise.all(
      watchers.map((watcher) => watcher.sees(version, startMs + TIMEOUT_MS)),
    );
    const delays = seen.map((at) => at - startMs);
    delaysMs.push(...delays);
    lastDelaysMs.push(Math.max(...delays));
    await pause(PAUSE_MS + ((edit * 37) % 100));
  }
  return {
    kind,
    edits,
    envoys: watchers.length,
    delaysMs,
    lastDelaysMs,
    answers: watchers.reduce((sum, watcher) => sum + watcher.answers, 0),
    faults: watchers.reduce((sum, { faults, isClosed }) => sum + faults + (isClosed ? 1 : 0), 0),
  };
}

/** @param edits of each kind. */
export async function benchEdits(edits: number): Promise<EditResult[]> {
  const servers = await Promise.all(VERSIONS.map(startVersionedServer));
  const service: ServiceOptions = {
    protocol: "dubbo",
    port: await freePort(),
    endpoints: servers.map(({ port }, i) => ({ port, version: VERSIONS[i] ?? "" })),
  };
  const plane = await ControlPlane.start({
    "service.yaml": yamlOf(serviceEntry(service), destinationRule(service)),
    [ROUTER_FILE]: routerYaml(service, "v2"),
  });
  const envoys: Envoy[] = [];
  let watchers: VersionWatcher[] = [];
  try {
    for (let i = 0; i < ENVOYS; i++) {
      const bootstrap = await plane.bootstrap(`edge-${String(i)}`);
      const envoy = await Envoy.start({ bootstrap, concurrency: 1, logLevel: "warn" });
      envoys.push(envoy);
      await envoy.listenerPort(listenerOf(service));
    }
    watchers = await connectToEach(envoys, service);
    for (const watcher of watchers) watcher.start();
    await Promise.all(
      watchers.map((watcher) => watcher.sees("v2", performance.now() + TIMEOUT_MS)),
    );
    return [
      await measureEdits(plane, watchers, service, "renamed", edits),
      await measureEdits(plane, watchers, service, "in place", edits),
    ];
  } finally {
    for (const watcher of watchers) watcher.close();
    await Promise.all(envoys.map((envoy) => envoy.stop()));
    await plane.stop();
    await Promise.all(servers.map((server) => server.stop()));
  }
}
