// An istiod on a kube-apiserver: its configuration comes from there, and proxies connect without TLS.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChildProcess } from "../../envoy/support/child-process.js";
import { waitUntil } from "../../envoy/support/deadline.js";
import { freePort } from "../../envoy/support/ports.js";
import type { ApiServer } from "./api-server.js";
import { rigBinary } from "./rig-binaries.js";

export const ROOT_NAMESPACE = "istio-system";

/** In its certificate. */
export const ISTIOD_NAME = "istiod.istio-system.svc";
export const CLUSTER_ID = "Kubernetes";

const MESH = `rootNamespace: ${ROOT_NAMESPACE}\ntrustDomain: cluster.local\n`;
/** Waypoints are the tests' own: nobody runs what istiod would deploy, nor says that it is there. */
const AMBIENT = {
  PILOT_ENABLE_AMBIENT: "true",
  PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER: "false",
  PILOT_ENABLE_GATEWAY_API_STATUS: "false",
};
const START_TIMEOUT_MS = 120_000;

/** Call `stop` in the test's clean-up, always. */
export class Istiod {
  private constructor(
    /** Of ADS, in plain text. */
    readonly port: number,
    /** Of ADS and of the authority, with TLS. */
    readonly securePort: number,
    private readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  /**
   * Resolves when it is ready. Istio's resources and the root namespace have to be there.
   * @param host IP address where it listens with TLS.
   * @param isAmbient whether it knows waypoints: the Gateway API has to be there.
   */
  static async start(server: ApiServer, host = "127.0.0.1", isAmbient = false): Promise<Istiod> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-istiod-"));
    writeFileSync(join(folder, "mesh.yaml"), MESH);
    const [port, securePort, httpPort] = [await freePort(), await freePort(), await freePort()];
    const process = new ChildProcess({
      name: "istiod",
      command: rigBinary("istiod"),
      cwd: folder,
      env: {
        POD_NAMESPACE: ROOT_NAMESPACE,
        POD_NAME: "istiod-1",
        CLUSTER_ID,
        INJECT_ENABLED: "false",
        VALIDATION_ENABLED: "false",
        PILOT_CERT_PROVIDER: "istiod",
        // An Envoy straight from upstream lacks that filter.
        PILOT_ENABLE_METADATA_EXCHANGE: "false",
        ...(isAmbient && AMBIENT),
      },
      args: [
        "discovery",
        `--kubeconfig=${server.kubeconfig}`,
        `--meshConfig=${join(folder, "mesh.yaml")}`,
        "--networksConfig=/nonexistent",
        `--httpAddr=127.0.0.1:${String(httpPort)}`,
        `--grpcAddr=127.0.0.1:${String(port)}`,
        `--secureGRPCAddr=${host}:${String(securePort)}`,
        "--httpsAddr=",
        `--monitoringAddr=127.0.0.1:${String(await freePort())}`,
        `--ctrlz_port=${String(await freePort())}`,
      ],
    });
    const istiod = new Istiod(port, securePort, folder, process);
    try {
      await waitUntil(
        "istiod is ready",
        async () => (await fetch(`http://127.0.0.1:${String(httpPort)}/ready`)).ok,
        {
          timeoutMs: START_TIMEOUT_MS,
          intervalMs: 200,
          abandonIf: () => (process.exitStatus === undefined ? undefined : process.tail()),
        },
      );
      return istiod;
    } catch (error) {
      await istiod.stop();
      throw new Error(`istiod did not start:\n${process.tail()}`, { cause: error });
    }
  }

  async stop(): Promise<void> {
    await this.process.stop("SIGTERM", 2_000);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
