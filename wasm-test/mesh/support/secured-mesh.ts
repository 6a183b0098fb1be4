// A mesh whose workloads speak mutual TLS: Kubernetes, istiod with its authority, our control plane with a certificate of
// that authority, and pods whose connections are redirected to sidecars.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { certificateRequest } from "../../../controlplane/identity/certificate-request.js";
import { requestCertificate } from "../../../controlplane/identity/istio-ca.js";
import { ApiServer } from "./api-server.js";
import { Controller, CONTROLLER_NAMESPACE } from "./controller.js";
import type { TunnelIdentity } from "./hbone-tunnel.js";
import { CLUSTER_ID, Istiod, ISTIOD_NAME } from "./istiod.js";
import { type Pod, PodNetwork } from "./pod-network.js";
import { prepareCluster } from "./prepared-cluster.js";
import { apply } from "./resources.js";
import { GATEWAY_API_CRDS } from "./rig-binaries.js";
import { Sidecar, type SidecarOptions } from "./sidecar.js";
import { rootCertificate, workloadToken } from "./workload-token.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CONTROLLER_NAME = `metaproto.${CONTROLLER_NAMESPACE}.svc`;
const CONTROLLER_ACCOUNT = "metaproto";

/** A pod as Kubernetes knows it. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: Pod;
}

/** Call `stop` in the test's clean-up, always. */
export class SecuredMesh {
  private readonly stops: (() => Promise<unknown> | undefined)[] = [];
  /** Of the modules that the controller hands out; the test may write other ones into it. */
  readonly modules = mkdtempSync(join(tmpdir(), "metaproto-mesh-modules-"));
  private readonly folder = mkdtempSync(join(tmpdir(), "metaproto-mesh-"));
  private parts:
    { network: PodNetwork; server: ApiServer; istiod: Istiod; controller?: Controller } | undefined;

  /**
   * @param namespaces beside Istio's and ours. @param modules names of those that are handed out.
   * @param isAmbient whether Istio knows waypoints.
   */
  static async start(
    namespaces: readonly string[],
    modules: readonly string[],
    isAmbient = false,
  ): Promise<SecuredMesh> {
    const mesh = new SecuredMesh();
    try {
      await mesh.startCluster(namespaces, isAmbient);
      for (const name of modules)
        copyFileSync(`${ROOT}build/${name}.wasm`, join(mesh.modules, `${name}.wasm`));
      return mesh;
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  get server(): ApiServer {
    return this.running.server;
  }

  get controller(): Controller {
    const { controller } = this.running;
    if (controller === undefined) throw new Error("the controller was not started");
    return controller;
  }

  /** By which pods reach what runs on this machine. */
  get hostAddress(): string {
    return this.running.network.hostAddress;
  }

  /** In its own time, so that resources may be there before. @param args beside those that every mesh needs. */
  async startController(...args: readonly string[]): Promise<void> {
    const { server, istiod, network } = this.running;
    const account = { name: CONTROLLER_ACCOUNT, namespace: CONTROLLER_NAMESPACE };
    await apply(server, yamlOf({ apiVersion: "v1", kind: "ServiceAccount", metadata: account }));
    const [token, root] = [join(this.folder, "token"), join(this.folder, "root.pem")];
    writeFileSync(token, await workloadToken(server, CONTROLLER_NAMESPACE, CONTROLLER_ACCOUNT));
    writeFileSync(root, await rootCertificate(server, CONTROLLER_NAMESPACE));
    this.running.controller = await Controller.startAt(
      { server, host: network.hostAddress, modules: this.modules },
      `--service-host=${CONTROLLER_NAME}`,
      `--ca-address=${network.hostAddress}:${String(istiod.securePort)}`,
      `--ca-server-name=${ISTIOD_NAME}`,
      `--ca-token=${token}`,
      `--ca-root=${root}`,
      ...args,
    );
  }

  /** A pod in Kubernetes, which says that it is ready; nothing runs in it. */
  async workload(
    fields: Omit<Workload, "pod">,
    {
      isRedirected = true,
      hasSidecar = true,
    }: { readonly isRedirected?: boolean; readonly hasSidecar?: boolean } = {},
  ): Promise<Workload> {
    const { server, network } = this.running;
    const pod = network.pod(isRedirected);
    const { name, namespace, serviceAccount, labels } = fields;
    const account = { name: serviceAccount, namespace };
    await apply(server, yamlOf({ apiVersion: "v1", kind: "ServiceAccount", metadata: account }));
    const spec = {
      serviceAccountName: serviceAccount,
      containers: [{ name: "app", image: "app" }],
    };
    // What Istio's injection adds, by which others know that the workload speaks mutual TLS.
    const all = { ...labels, ...(hasSidecar && { "security.istio.io/tlsMode": "istio" }) };
    const metadata = { name, namespace, labels: all };
    await apply(server, yamlOf({ apiVersion: "v1", kind: "Pod", metadata, spec }));
    const status = {
      phase: "Running",
      podIP: pod.address,
      podIPs: [{ ip: pod.address }],
      conditions: [{ type: "Ready", status: "True" }],
    };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
    const answer = await server.call("PATCH", path, { status }, "application/merge-patch+json");
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return { ...fields, labels: all, pod };
  }

  async sidecar(
    workload: Workload,
    options: Pick<SidecarOptions, "role" | "env"> = {},
  ): Promise<Sidecar> {
    const { server, istiod, network } = this.running;
    const sidecar = await Sidecar.start({
      ...workload,
      ...options,
      server,
      discoveryPort: istiod.securePort,
      hosts: { address: network.hostAddress, names: [ISTIOD_NAME, CONTROLLER_NAME] },
    });
    return this.with(sidecar);
  }

  /** A certificate of istiod's authority for a service account, as ztunnel has those of a node's workloads. */
  async identity(namespace: string, serviceAccount: string): Promise<TunnelIdentity> {
    const { server, istiod, network } = this.running;
    const account = { name: serviceAccount, namespace };
    await apply(server, yamlOf({ apiVersion: "v1", kind: "ServiceAccount", metadata: account }));
    const uri = `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
    const { request, privateKey } = certificateRequest(uri);
    const root = await rootCertificate(server, namespace);
    const address = `${network.hostAddress}:${String(istiod.securePort)}`;
    const chain = await requestCertificate(
      { address, serverName: ISTIOD_NAME },
      {
        request,
        validitySeconds: 3_600,
        token: await workloadToken(server, namespace, serviceAccount),
        trustAnchors: root,
        clusterId: CLUSTER_ID,
      },
    );
    return { key: privateKey, certificate: chain.join("\n"), root };
  }

  /** Has it stopped before the mesh. */
  with<T extends { stop(): Promise<unknown> }>(part: T): T {
    this.stops.push(() => part.stop());
    return part;
  }

  async stop(): Promise<void> {
    const failures: unknown[] = [];
    const attempt = async (stop: () => Promise<unknown> | undefined): Promise<void> => {
      await Promise.resolve()
        .then(stop)
        .catch((error: unknown) => failures.push(error));
    };
    for (const stop of this.stops.reverse()) await attempt(stop);
    await attempt(() => this.parts?.controller?.stop());
    await attempt(() => this.parts?.istiod.stop());
    await attempt(() => this.parts?.server.stop());
    await attempt(async () => {
      await Promise.resolve();
      this.parts?.network.stop();
    });
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.modules, { recursive: true, force: true });
    if (failures.length > 0) throw failures[0];
  }

  private get running(): NonNullable<SecuredMesh["parts"]> {
    if (this.parts === undefined) throw new Error("the mesh was not started");
    return this.parts;
  }

  private async startCluster(namespaces: readonly string[], isAmbient: boolean): Promise<void> {
    const server = await ApiServer.start();
    this.stops.push(() => (this.parts === undefined ? server.stop() : undefined));
    await prepareCluster(server, ...namespaces);
    if (isAmbient) await apply(server, readFileSync(GATEWAY_API_CRDS, "utf8"));
    const network = PodNetwork.start();
    try {
      const istiod = await Istiod.start(server, network.hostAddress, isAmbient);
      this.parts = { network, server, istiod };
    } catch (error) {
      network.stop();
      throw error;
    }
  }

  /** What the status of a MetaRouter in `shop` says is not in effect, or undefined. */
  async condition(router: string): Promise<string | undefined> {
    const path = `/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters/${router}`;
    const { body } = await this.server.call("GET", path);
    const { status } = body as {
      status?: { conditions: readonly { type: string; status: string; message: string }[] };
    };
    const degraded = status?.conditions.find(({ type }) => type === "Degraded");
    return degraded?.status === "True" ? degraded.message : undefined;
  }

  /** The module with one more custom section: other bytes, equal behaviour. And its digest, as it stands in names. */
  variantOf(module: string, text: string): readonly [code: Buffer, digest: string] {
    const code = readFileSync(join(this.modules, `${module}.wasm`));
    const section = Buffer.from([0, 1 + text.length, text.length]);
    const variant = Buffer.concat([code, section, Buffer.from(text)]);
    return [variant, createHash("sha256").update(variant).digest("hex").slice(0, 12)];
  }

  /** In the controller's folder. */
  replaceModule(module: string, code: Buffer): void {
    const file = join(this.modules, `${module}.wasm`);
    writeFileSync(`${file}.new`, code);
    renameSync(`${file}.new`, file);
  }

  apply(yaml: string): Promise<void> {
    return apply(this.server, yaml);
  }
}

/** JSON is YAML. */
function yamlOf(object: object): string {
  return JSON.stringify(object);
}
