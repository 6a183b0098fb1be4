// A workload's proxy as Istio runs it: Istio's own agent, which gets the certificates, makes the bootstrap, stands between
// Envoy and istiod, fetches modules, and starts Envoy; but that is a stock one.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ChildProcess } from "../../envoy/support/child-process.js";
import { type WaitOptions, waitUntil } from "../../envoy/support/deadline.js";
import { envoyBinary } from "../../envoy/support/envoy-binary.js";
import type { ApiServer } from "./api-server.js";
import { CLUSTER_ID, ISTIOD_NAME } from "./istiod.js";
import { type Pod, SIDECAR_GROUP } from "./pod-network.js";
import { ISTIO_BOOTSTRAP, rigBinary } from "./rig-binaries.js";
import { rootCertificate, workloadToken } from "./workload-token.js";

/** No DNS server answers in a pod: an Envoy that waited for one would take longer. */
const READY_TIMEOUT_MS = 40_000;
/** Of Envoy, in the bootstrap of Istio: probes by whoever can reach the pod. */
const PROBE_PORT = 15_021;
/** As Istio's Envoys log: time, level, `envoy <logger> <place>`, message. */
const LOG_LINE = /^\S+\t(\w+)\tenvoy (\S+) \S+\t(.*)$/;

const MOUNT_AND_RUN =
  'mount --bind "$0/var/lib" /var/lib && mount --bind "$0/etc/hosts" /etc/hosts && exec "$@"';

const execute = promisify(execFile);

export interface SidecarOptions {
  readonly server: ApiServer;
  readonly pod: Pod;
  /** Of the pod in Kubernetes. */
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of istiod, with TLS. */
  readonly discoveryPort: number;
  /** Names that the pod resolves to this IP address. */
  readonly hosts: { readonly address: string; readonly names: readonly string[] };
  /** Default `sidecar`. */
  readonly role?: "sidecar" | "router" | "waypoint";
  /** Added to the agent's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Call `stop` in the test's clean-up, always. */
export class Sidecar {
  private constructor(
    private readonly options: SidecarOptions,
    private readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  /** Resolves when Envoy is ready: it has its listeners and its certificate. */
  static async start(options: SidecarOptions): Promise<Sidecar> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-sidecar-"));
    await writePodFiles(folder, options);
    const sidecar = new Sidecar(options, folder, startAgent(folder, options));
    try {
      const page = `http://${options.pod.address}:${String(PROBE_PORT)}/healthz/ready`;
      await waitUntil(`${options.name} is ready`, async () => (await fetch(page)).ok, {
        timeoutMs: READY_TIMEOUT_MS,
        intervalMs: 200,
        abandonIf: sidecar.ended,
      });
      return sidecar;
    } catch (error) {
      await sidecar.process.stop("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`${options.name}:\n${sidecar.log.join("\n")}`, { cause: error });
    }
  }

  get log(): readonly string[] {
    return this.process.output();
  }

  /** What `istioctl proxy-config` and others ask it: body of a path of Envoy's admin interface. */
  async admin(path: string, method: "GET" | "POST" = "GET"): Promise<string> {
    const [command, ...args] = this.options.pod.place;
    const request = [...args, rigBinary("pilot-agent"), "request", method, path];
    return (await execute(command, request, { maxBuffer: 1 << 28 })).stdout;
  }

  /** A counter or gauge, by a regular expression for its name; 0 when Envoy does not have it (yet). */
  async stat(pattern: string): Promise<number> {
    const text = await this.admin(`/stats?filter=${encodeURIComponent(`^${pattern}$`)}`);
    return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
  }

  /** Waits until a text is somewhere in what Envoy is configured by. */
  async waitForConfiguration(text: string, options: WaitOptions = {}): Promise<void> {
    await waitUntil(
      `${this.options.name} has ${text}`,
      async () => (await this.admin("/config_dump")).replaceAll(/\s+/g, "").includes(text),
      { timeoutMs: 60_000, intervalMs: 500, abandonIf: this.ended, ...options },
    );
  }

  /** Its certificate chain, key and authorities, as it has them now; PEM. */
  identity(): { readonly certificate: Buffer; readonly key: Buffer; readonly root: Buffer } {
    const read = (name: string): Buffer => readFileSync(join(this.folder, "certificates", name));
    return {
      certificate: read("cert-chain.pem"),
      key: read("key.pem"),
      root: read("root-cert.pem"),
    };
  }

  /** @throws Error when it had ended by itself, or Envoy logged a crash or that a module failed. */
  async stop(): Promise<void> {
    const early = this.process.exitStatus;
    await this.process.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
    const failures = this.log.filter(isFailure);
    const { name } = this.options;
    if (failures.length > 0) throw new Error(`${name} logged\n${failures.join("\n")}`);
    if (early !== undefined) throw new Error(`${name} ended by itself:\n${this.process.tail()}`);
  }

  private readonly ended = (): string | undefined =>
    this.process.exitStatus === undefined ? undefined : this.process.tail();
}

function isFailure(line: string): boolean {
  const [, level, logger, message = ""] = LOG_LINE.exec(line) ?? [];
  const isOfModule = logger === "wasm" && message.startsWith("wasm log");
  return !isOfModule && (level === "critical" || (level === "error" && logger === "wasm"));
}

/** What Istio's injection mounts into the container. */
async function writePodFiles(folder: string, options: SidecarOptions): Promise<void> {
  const { server, namespace, serviceAccount, labels, hosts } = options;
  const files: Readonly<Record<string, string>> = {
    "var/run/secrets/tokens/istio-token": await workloadToken(server, namespace, serviceAccount),
    "var/run/secrets/istio/root-cert.pem": await rootCertificate(server, namespace),
    "var/lib/istio/envoy/envoy_bootstrap_tmpl.json": stockBootstrap(),
    // Where the agent keeps modules.
    "var/lib/istio/data/.keep": "",
    "etc/hosts": `127.0.0.1 localhost\n${hosts.address} ${hosts.names.join(" ")}\n`,
    "etc/istio/pod/labels": Object.entries(labels)
      .map(([name, value]) => `${name}="${value}"\n`)
      .join(""),
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  mkdirSync(join(folder, "certificates"));
}

/** Without an extension of Istio's Envoys that tells the metadata of workloads, which waypoints have in any case. */
function stockBootstrap(): string {
  return readFileSync(ISTIO_BOOTSTRAP, "utf8").replaceAll("if .metadata_discovery", "if false");
}

function startAgent(folder: string, options: SidecarOptions): ChildProcess {
  const { pod, name, namespace, serviceAccount, role = "sidecar" } = options;
  // The name, for its certificate has no address.
  const discoveryAddress = `${ISTIOD_NAME}:${String(options.discoveryPort)}`;
  const [command, ...place] = pod.place;
  const proxyConfig = {
    binaryPath: envoyBinary(),
    discoveryAddress,
    concurrency: 1,
    controlPlaneAuthPolicy: "MUTUAL_TLS",
    // Else Istio's Envoys keep few statistics.
    proxyStatsMatcher: {
      inclusionPrefixes: ["wasmcustom", "cluster.metaproto", "listener", "redis."],
      inclusionRegexps: [".*[.]zookeeper[.].*"],
    },
  };
  return new ChildProcess({
    name: `agent of ${name}`,
    command,
    args: [
      ...place,
      ...["setpriv", "--regid", SIDECAR_GROUP, "--clear-groups"],
      // Envoy ends with the agent. What the agent fetches is in the pod's folder.
      ...["unshare", "--mount", "--pid", "--fork", "--kill-child"],
      ...["sh", "-c", MOUNT_AND_RUN, folder],
      ...[rigBinary("pilot-agent"), "proxy", role, "--proxyLogLevel=info"],
      `--domain=${namespace}.svc.cluster.local`,
    ],
    cwd: folder,
    env: {
      PROXY_CONFIG: JSON.stringify(proxyConfig),
      POD_NAME: name,
      POD_NAMESPACE: namespace,
      SERVICE_ACCOUNT: serviceAccount,
      INSTANCE_IP: pod.address,
      PILOT_CERT_PROVIDER: "istiod",
      CA_ADDR: discoveryAddress,
      OUTPUT_CERTS: join(folder, "certificates"),
      // Else it asks the metadata services of clouds, and waits for them.
      CLOUD_PLATFORM: "none",
      ISTIO_META_CLUSTER_ID: CLUSTER_ID,
      ISTIO_META_INTERCEPTION_MODE: "REDIRECT",
      ISTIO_META_WORKLOAD_NAME: name,
      ...options.env,
    },
  });
}
