// Istio's own agent as far as it stands between an Envoy and istiod, where it fetches modules; a stock Envoy connects to
// its socket.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { ChildProcess } from "../../envoy/support/child-process.js";
import { waitUntil } from "../../envoy/support/deadline.js";
import { freePort } from "../../envoy/support/ports.js";
import type { ApiServer } from "./api-server.js";
import { CLUSTER_ID, ISTIOD_NAME } from "./istiod.js";
import type { Sidecar } from "./istiod-client.js";
import { rigBinary } from "./rig-binaries.js";
import { rootCertificate, workloadToken } from "./workload-token.js";

const SOCKET = "etc/istio/proxy/XDS";
const ACCOUNT = "web";
/** Where it keeps what it fetches: in a folder of its own, in this place for it alone. */
const LIBRARY = "/var/lib";
const MOUNT_AND_RUN = `mount --bind "$0/lib" ${LIBRARY} && exec "$@"`;

export interface AgentOptions {
  readonly server: ApiServer;
  /** Of istiod, with TLS. */
  readonly discoveryPort: number;
  readonly sidecar: Sidecar;
}

/** Call `stop` in the test's clean-up, always. */
export class AgentXds {
  private constructor(
    private readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  /** Resolves when Envoys can connect. */
  static async start(options: AgentOptions): Promise<AgentXds> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-agent-"));
    const files = await mountedFiles(options);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const agent = new AgentXds(folder, startAgent(folder, await freePort(), options));
    try {
      await waitUntil("the agent listens", () => existsSync(agent.socket), {
        timeoutMs: 30_000,
        abandonIf: () =>
          agent.process.exitStatus === undefined ? undefined : agent.process.tail(),
      });
      return agent;
    } catch (error) {
      const tail = agent.process.tail();
      await agent.stop();
      throw new Error(`the agent did not start:\n${tail}`, { cause: error });
    }
  }

  /** Path of a Unix domain socket. */
  get socket(): string {
    return join(this.folder, SOCKET);
  }

  /** What it has fetched, by the path that it tells Envoy. */
  file(path: string): Buffer {
    return readFileSync(join(this.folder, "lib", relative(LIBRARY, path)));
  }

  async stop(): Promise<void> {
    await this.process.stop("SIGTERM", 2_000);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What Istio's injection mounts. */
async function mountedFiles({
  server,
  sidecar: { namespace },
}: AgentOptions): Promise<Readonly<Record<string, string>>> {
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: ACCOUNT } };
  await server.call("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, account);
  return {
    "var/run/secrets/tokens/istio-token": await workloadToken(server, namespace, ACCOUNT),
    "var/run/secrets/istio/root-cert.pem": await rootCertificate(server, namespace),
    "lib/istio/data/.keep": "",
    "etc/istio/proxy/.keep": "",
  };
}

function startAgent(
  folder: string,
  statusPort: number,
  { discoveryPort, sidecar }: AgentOptions,
): ChildProcess {
  const discoveryAddress = `127.0.0.1:${String(discoveryPort)}`;
  return new ChildProcess({
    name: "pilot-agent",
    command: "unshare",
    args: [
      ...["--mount", "--kill-child", "--fork", "sh", "-c", MOUNT_AND_RUN, folder],
      ...[rigBinary("pilot-agent"), "proxy", "sidecar"],
      `--domain=${sidecar.namespace}.svc.cluster.local`,
    ],
    cwd: folder,
    env: {
      PROXY_CONFIG: JSON.stringify({ discoveryAddress, statusPort }),
      DISABLE_ENVOY: "true",
      ISTIOD_SAN: ISTIOD_NAME,
      CA_ADDR: discoveryAddress,
      POD_NAME: "app-1",
      POD_NAMESPACE: sidecar.namespace,
      SERVICE_ACCOUNT: ACCOUNT,
      INSTANCE_IP: sidecar.address,
      PILOT_CERT_PROVIDER: "istiod",
      // Else it asks the metadata services of clouds, and waits for them.
      CLOUD_PLATFORM: "none",
      ISTIO_META_CLUSTER_ID: CLUSTER_ID,
    },
  });
}
