// A fleet of simulated proxies in a process of its own: what it counts.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { pause } from "../../envoy/support/deadline.js";
import type { FleetReport } from "./fleet.js";

/** Nothing has come for so long: all has come. */
const SETTLED_MS = 2_000;
/** Longest wait for the first of it. */
const TIMEOUT_MS = 60_000;

export interface FleetProcessOptions {
  /** `host:port` of the control plane. */
  readonly address: string;
  readonly proxies: number;
  readonly services: number;
  /** Proxies that the control plane gives everything, or sidecars of Istio, which it gives routes. */
  readonly mesh: "files" | "istio";
}

export const epochMs = (): number => performance.timeOrigin + performance.now();

export class FleetProcess {
  private readonly child: ChildProcess;

  constructor({ address, proxies, services, mesh }: FleetProcessOptions) {
    this.child = fork(
      fileURLToPath(new URL("fleet-process.ts", import.meta.url)),
      [address, String(proxies), String(services), mesh],
      { execArgv: ["--import", "tsx"] },
    );
  }

  takeReport(): Promise<FleetReport> {
    return new Promise((resolve) => {
      this.child.once("message", (report) => {
        resolve(report as FleetReport);
      });
      this.child.send("report");
    });
  }

  /** Everything, until nothing has come for a while, or nothing at all until the time is over. */
  async settle(timeoutMs = TIMEOUT_MS): Promise<FleetReport> {
    const total: Record<string, FleetReport[string]> = {};
    let quietSince = performance.now() + timeoutMs - SETTLED_MS;
    while (performance.now() - quietSince < SETTLED_MS) {
      await pause(50);
      for (const [type, received] of Object.entries(await this.takeReport())) {
        quietSince = performance.now();
        const sum = (total[type] ??= { responses: 0, resources: 0, bytes: 0, lastMs: 0 });
        sum.responses += received.responses;
        sum.resources += received.resources;
        sum.bytes += received.bytes;
        sum.lastMs = Math.max(sum.lastMs, received.lastMs);
      }
    }
    return total;
  }

  stop(): void {
    this.child.disconnect();
  }
}
