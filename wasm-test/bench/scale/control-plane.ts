// The control plane with many services and many proxies: what it needs to start and to serve them, and what one
// edit costs it and sends.
import { ControlPlane } from "../../envoy/support/control-plane.js";
import { pause } from "../../envoy/support/deadline.js";
import type { FleetReport } from "./fleet.js";
import { epochMs, FleetProcess } from "./fleet-client.js";
import { cpuSeconds, residentBytes } from "./process-cost.js";
import { benchRoutes, benchService, fileName, meshFiles, serviceFile } from "./services.js";

export interface ControlPlaneOptions {
  readonly services: number;
  readonly proxies: number;
  /** Of each kind. */
  readonly edits: number;
}

/** What one kind of edit costs; one value for each edit. */
export interface EditCost {
  readonly kind: string;
  /** Milliseconds from before the write to the last response. */
  readonly delaysMs: number[];
  /** Milliseconds of the control plane's CPU. */
  readonly cpuMs: number[];
  /** What the last edit sent. */
  sent: FleetReport;
}

export interface ControlPlaneResult {
  readonly options: ControlPlaneOptions;
  /** Seconds until it serves, and CPU seconds of it. */
  readonly startSeconds: number;
  readonly startCpuSeconds: number;
  readonly startBytes: number;
  /** Seconds until every proxy has everything, and CPU seconds of that. */
  readonly connectSeconds: number;
  readonly connectCpuSeconds: number;
  /** Resident bytes with all proxies connected, and at the end. */
  readonly connectedBytes: number;
  readonly endBytes: number;
  /** Percent of one core while nothing happens. */
  readonly idlePercent: number;
  readonly edits: readonly EditCost[];
}

/** The service that is edited. */
const EDITED = 500;
const IDLE_MS = 3_000;
interface Edit {
  readonly kind: string;
  /** Name and content of the file for the edit of this number. */
  readonly file: (edit: number) => readonly [string, string];
}

const EDITS: readonly Edit[] = [
  {
    kind: "weights of one service",
    file: (edit) => {
      const service = { ...benchService(EDITED), routes: benchRoutes(10 + (edit % 80)) };
      return [fileName(EDITED), serviceFile(service)];
    },
  },
  {
    kind: "endpoints of one service",
    file: (edit) => {
      const service = benchService(EDITED);
      const endpoints = [...service.endpoints, { port: 10_000 + edit, version: "v1" }];
      return [fileName(EDITED), serviceFile({ ...service, endpoints })];
    },
  },
  {
    kind: "one more service",
    file: (edit) => [`more-${String(edit)}.yaml`, serviceFile(benchService(5_000 + edit))],
  },
];

async function measureEdit(
  plane: ControlPlane,
  fleet: FleetProcess,
  { kind, file }: Edit,
  edits: number,
): Promise<EditCost> {
  const cost: EditCost = { kind, delaysMs: [], cpuMs: [], sent: {} };
  for (let edit = 0; edit < edits; edit++) {
    const [name, content] = file(edit);
    await fleet.takeReport();
    const cpuBefore = cpuSeconds(plane.pid);
    const startMs = epochMs();
    plane.write(name, content);
    cost.sent = await fleet.settle();
    cost.delaysMs.push(Math.max(...Object.values(cost.sent).map(({ lastMs }) => lastMs)) - startMs);
    cost.cpuMs.push((cpuSeconds(plane.pid) - cpuBefore) * 1000);
  }
  return cost;
}

export async function benchControlPlane(options: ControlPlaneOptions): Promise<ControlPlaneResult> {
  const files = meshFiles(options.services);
  const beginMs = performance.now();
  const plane = await ControlPlane.start(files);
  const { pid } = plane;
  let fleet: FleetProcess | undefined;
  try {
    const startSeconds = (performance.now() - beginMs) / 1000;
    const startCpuSeconds = cpuSeconds(pid);
    const startBytes = residentBytes(pid);
    const connectMs = epochMs();
    fleet = new FleetProcess({ address: plane.xdsAddress, mesh: "files", ...options });
    const first = await fleet.settle();
    const connectedMs = Math.max(...Object.values(first).map(({ lastMs }) => lastMs));
    const connectCpuSeconds = cpuSeconds(pid) - startCpuSeconds;
    const connectedBytes = residentBytes(pid);
    const idleCpu = cpuSeconds(pid);
    await pause(IDLE_MS);
    const idlePercent = ((cpuSeconds(pid) - idleCpu) * 100_000) / IDLE_MS;
    const edits: EditCost[] = [];
    for (const edit of EDITS) edits.push(await measureEdit(plane, fleet, edit, options.edits));
    return {
      options,
      startSeconds,
      startCpuSeconds,
      startBytes,
      connectSeconds: (connectedMs - connectMs) / 1000,
      connectCpuSeconds,
      connectedBytes,
      endBytes: residentBytes(pid),
      idlePercent,
      edits,
    };
  } finally {
    fleet?.stop();
    await plane.stop();
  }
}
