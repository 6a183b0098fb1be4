// SOFARPC and SOFABolt for Java: servers, and clients that a test uses as its own.
import { delimiter } from "node:path";
import { PeerClient, PeerServer } from "./peer-client.js";
import { PeerProcess, missingPeer, peerArtifact } from "./peer-process.js";
import { freePort } from "./ports.js";

/** Why SOFARPC cannot be used here, or undefined. */
export function missingSofaPeer(): string | undefined {
  return missingPeer("sofa-java/classes");
}

/** `sofa` speaks version 1 of Bolt, as SOFARPC does; `bolt` version 2 with checksums, without SOFARPC. */
export type SofaKind = "sofa" | "bolt";

/** One call; those of the kind `bolt` are `ask`. */
export interface SofaRequest {
  readonly method: "hello" | "other" | "slow" | "fire" | "fail" | "baggage" | "ask";
  readonly args?: readonly string[];
  readonly baggage?: Readonly<Record<string, string>>;
}

/** Where calls go; equal targets share one connection. */
export interface SofaTarget {
  readonly port: number;
  /** Default `sofa`. */
  readonly kind?: SofaKind;
  /** Milliseconds; default 5 000. */
  readonly timeoutMs?: number;
  /** Requests in flight, for `traffic`; default 1. */
  readonly concurrency?: number;
}

export interface SofaEndpoint {
  readonly label: string;
  /** Default `sofa`. */
  readonly kind?: SofaKind;
  /** Default a free one. */
  readonly port?: number;
}

const JVM_OPTIONS = [
  "-Dinvoke.baggage.enable=true",
  "-Dsofa.middleware.log.disable=true",
  "-Dlogging.level.com.alipay=OFF",
  // One second without a request, and the client sends a heartbeat.
  "-Dbolt.tcp.heartbeat.interval=1000",
  "--add-opens=java.base/java.lang=ALL-UNNAMED",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Xmx256m",
];

function startJava(name: string, className: string, options: object): Promise<PeerProcess> {
  const missing = missingSofaPeer();
  if (missing !== undefined) throw new Error(missing);
  const classPath = [peerArtifact("sofa-java/classes"), peerArtifact("sofa-java/lib/*")];
  const logs = `-Dlogging.path=${peerArtifact("sofa-java/logs")}`;
  const arguments_ = ["-cp", classPath.join(delimiter), className, JSON.stringify(options)];
  return PeerProcess.start({ name, command: "java", args: [...JVM_OPTIONS, logs, ...arguments_] });
}

/** Starts servers in one process; they listen when this returns. */
export async function startSofaServer(wanted: readonly SofaEndpoint[]): Promise<PeerServer> {
  const endpoints: (SofaEndpoint & { readonly port: number })[] = [];
  for (const endpoint of wanted) {
    endpoints.push({ ...endpoint, port: endpoint.port ?? (await freePort()) });
  }
  const name = `sofa server ${endpoints.map(({ label }) => label).join(" ")}`;
  const process = await startJava(name, "demo.peer.Server", { endpoints });
  return new PeerServer(process, new Map(endpoints.map(({ label, port }) => [label, port])));
}

/** A client. */
export type SofaClient = PeerClient<SofaTarget, SofaRequest>;

export async function startSofaClient(): Promise<SofaClient> {
  return new PeerClient(await startJava("sofa client", "demo.peer.Client", {}));
}
