// A kube-apiserver with an etcd of its own, and nothing else of Kubernetes: no controllers, no kubelets.
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { ChildProcess } from "../../envoy/support/child-process.js";
import { waitUntil } from "../../envoy/support/deadline.js";
import { freePort } from "../../envoy/support/ports.js";
import { rigBinary } from "./rig-binaries.js";

const START_TIMEOUT_MS = 120_000;
const ADMIN_TOKEN = "admin-token";

export interface ApiResponse {
  readonly status: number;
  readonly body: unknown;
  /** As `kubectl` prints them. */
  readonly warnings: readonly string[];
}

/** As a rule of RBAC would have it. */
export interface AuditedRequest {
  readonly verb: string;
  readonly apiGroup: string;
  /** With its subresource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly isAllowed: boolean;
}

interface AuditEvent {
  readonly verb: string;
  readonly objectRef?: Partial<AuditedRequest> & { readonly subresource?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Call `stop` in the test's clean-up, always. */
export class ApiServer {
  private constructor(
    /** Of 127.0.0.1, HTTPS. */
    readonly port: number,
    private readonly folder: string,
    private readonly etcd: ChildProcess,
    private readonly startProcess: () => ChildProcess,
    private process: ChildProcess,
  ) {}

  /**
   * Resolves when it is ready.
   * @param audited a user whose requests are recorded: see `audit`.
   */
  static async start(audited?: string): Promise<ApiServer> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-apiserver-"));
    const port = await freePort();
    const etcdPort = await freePort();
    const etcd = startEtcd(folder, etcdPort, await freePort());
    writeCredentials(folder);
    const audit = audited === undefined ? [] : auditOptions(folder, audited);
    const startProcess = (): ChildProcess => startApiServer(folder, port, etcdPort, audit);
    const server = new ApiServer(port, folder, etcd, startProcess, startProcess());
    try {
      await server.ready();
      writeFileSync(server.kubeconfig, JSON.stringify(server.kubeconfigOf(ADMIN_TOKEN)));
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Path of a kubeconfig that may do everything. */
  get kubeconfig(): string {
    return join(this.folder, "kubeconfig.json");
  }

  /** What the audited user has asked for, in order. */
  audit(): readonly AuditedRequest[] {
    const lines = readFileSync(join(this.folder, "audit.log"), "utf8").trimEnd().split("\n");
    return lines.map((line) => {
      const { verb, objectRef = {}, annotations = {} } = JSON.parse(line) as AuditEvent;
      const { apiGroup = "", resource = "", subresource, name = "", namespace = "" } = objectRef;
      return {
        verb,
        resource: subresource === undefined ? resource : `${resource}/${subresource}`,
        apiGroup,
        namespace,
        name,
        isAllowed: annotations["authorization.k8s.io/decision"] === "allow",
      };
    });
  }

  /** A kubeconfig with this bearer token; JSON, which is YAML. */
  kubeconfigOf(token: string): object {
    const server = `https://127.0.0.1:${String(this.port)}`;
    return {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "rig", cluster: { server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "user", user: { token } }],
      contexts: [{ name: "rig", context: { cluster: "rig", user: "user" } }],
      "current-context": "rig",
    };
  }

  /** One request of an administrator, whatever the client library makes of it. */
  call(
    method: string,
    path: string,
    body?: unknown,
    type = "application/json",
    accept = "application/json",
  ): Promise<ApiResponse> {
    return call({ port: this.port, method, path, body, type, accept, token: ADMIN_TOKEN });
  }

  /** One request of somebody else. */
  callAs(token: string, method: string, path: string): Promise<ApiResponse> {
    const type = "application/json";
    const body = method === "POST" ? {} : undefined;
    return call({ port: this.port, method, path, body, type, accept: type, token });
  }

  /** Creates the CustomResourceDefinitions of a YAML file. @throws Error with the server's reason. */
  async install(file: string): Promise<void> {
    for (const document of parseAllDocuments(readFileSync(file, "utf8"))) {
      const definition: unknown = document.toJS();
      if (definition === null) continue;
      const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      const { status, body } = await this.call("POST", path, definition);
      if (status !== 201) throw new Error(`${file}: ${String(status)} ${JSON.stringify(body)}`);
    }
  }

  /** As a crash would; what it knows stays in etcd. */
  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
  }

  /** After `kill`, at the same port. */
  async restart(): Promise<void> {
    this.process = this.startProcess();
    await this.ready();
  }

  async stop(): Promise<void> {
    await this.process.stop("SIGTERM", 2_000);
    await this.etcd.stop("SIGTERM", 2_000);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    await waitUntil(
      "the API server is ready",
      async () => (await this.call("GET", "/readyz")).status === 200,
      {
        timeoutMs: START_TIMEOUT_MS,
        intervalMs: 100,
        abandonIf: () => {
          const ended = [this.process, this.etcd].find(
            ({ exitStatus }) => exitStatus !== undefined,
          );
          return ended && `${ended.name} has ended:\n${ended.tail()}`;
        },
      },
    );
  }
}

function startEtcd(folder: string, port: number, peerPort: number): ChildProcess {
  const client = `http://127.0.0.1:${String(port)}`;
  const peer = `http://127.0.0.1:${String(peerPort)}`;
  return new ChildProcess({
    name: "etcd",
    command: rigBinary("etcd"),
    args: [
      `--data-dir=${join(folder, "etcd")}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      // Nothing has to outlive the test.
      "--unsafe-no-fsync",
      "--log-level=warn",
    ],
  });
}

function writeCredentials(folder: string): void {
  mkdirSync(join(folder, "certificates"));
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(
    join(folder, "service-accounts.key"),
    privateKey.export({ type: "pkcs8", format: "pem" }),
  );
  writeFileSync(join(folder, "tokens.csv"), `${ADMIN_TOKEN},admin,admin,"system:masters"\n`);
}

function auditOptions(folder: string, user: string): readonly string[] {
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata", users: [user] }, { level: "None" }],
  };
  writeFileSync(join(folder, "audit-policy.json"), JSON.stringify(policy));
  return [
    `--audit-policy-file=${join(folder, "audit-policy.json")}`,
    `--audit-log-path=${join(folder, "audit.log")}`,
  ];
}

function startApiServer(
  folder: string,
  port: number,
  etcdPort: number,
  audit: readonly string[],
): ChildProcess {
  const key = join(folder, "service-accounts.key");
  return new ChildProcess({
    name: "kube-apiserver",
    command: rigBinary("kube-apiserver"),
    args: [
      `--etcd-servers=http://127.0.0.1:${String(etcdPort)}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${String(port)}`,
      `--cert-dir=${join(folder, "certificates")}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      "--api-audiences=https://kubernetes.default.svc,istio-ca",
      "--service-cluster-ip-range=10.0.0.0/16",
      "--authorization-mode=RBAC",
      `--token-auth-file=${join(folder, "tokens.csv")}`,
      // There is no controller that would make service accounts.
      "--disable-admission-plugins=ServiceAccount",
      ...audit,
    ],
  });
}

interface Call {
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly type: string;
  readonly accept: string;
  readonly token: string;
}

function call({ port, method, path, body, type, accept, token }: Call): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": type, accept };
    const options = { host: "127.0.0.1", port, method, path, headers, timeout: 10_000 };
    const outgoing = request({ ...options, rejectUnauthorized: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers["content-type"]?.includes("json") === true;
        resolve({
          status: response.statusCode ?? 0,
          body: isJson ? (JSON.parse(text) as unknown) : text,
          warnings: warningsOf(response.headersDistinct["warning"] ?? []),
        });
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path}: no answer`)));
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** RFC 7234, section 5.5: `299 - "text"`. */
function warningsOf(headers: readonly string[]): readonly string[] {
  return headers.flatMap((header) =>
    [...header.matchAll(/299 \S+ ("(?:[^"\\]|\\.)*")/g)].map(
      ([, quoted = '""']) => JSON.parse(quoted) as string,
    ),
  );
}
