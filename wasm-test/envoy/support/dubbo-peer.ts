// Apache Dubbo for Java: providers, and a consumer that a test or the demo uses as its own.
import { delimiter } from "node:path";
import { PeerClient, PeerServer } from "./peer-client.js";
import { type PeerPlace, PeerProcess, missingPeer, peerArtifact, placed } from "./peer-process.js";
import { freePort } from "./ports.js";

/** Why Dubbo cannot be used here, or undefined. */
export function missingDubboPeer(): string | undefined {
  return missingPeer("dubbo-java/classes");
}

/** Methods of demo.Greeter, see wasm-test/peers/dubbo-java/src/main/java/demo/Greeter.java. */
export type DubboMethod =
  | "sayHello"
  | "getUser"
  | "getOrder"
  | "placeOrder"
  | "attachments"
  | "echo"
  | "echoBytes"
  | "order"
  | "nothing"
  | "fire"
  | "failRuntime"
  | "failChecked"
  | "slow"
  | "later"
  | "$echo";

/** One call. */
export interface DubboRequest {
  /** A generic call may name a method that does not exist. */
  readonly method: DubboMethod | (string & {});
  /** Plain values; {"$string": N}, {"$bytes": N} for N of them, {"$order": true} for an Order. */
  readonly args?: readonly unknown[];
  readonly attachments?: Readonly<Record<string, string | number>>;
  /** Under which `TrafficTally.counts` counts it; default the method. */
  readonly name?: string;
  /** Java class names of the parameters of a generic call; default String. */
  readonly types?: readonly string[];
}

/** Where calls go, and over which connections: equal targets share theirs. */
export interface DubboTarget {
  /** IP address; default 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
  /** Any name, to have connections of one's own. */
  readonly reference?: string;
  /** Default 1. */
  readonly connections?: number;
  /** Requests in flight per connection, for `traffic`; default 1. */
  readonly inFlight?: number;
  /** Calls through GenericService, with strings only. */
  readonly generic?: boolean;
  /** Interface of a generic call; default demo.Greeter. */
  readonly interface?: string;
  readonly group?: string;
  readonly version?: string;
  /** Milliseconds; default 5 000 (Dubbo's is 1 000). */
  readonly timeoutMs?: number;
  /** Default 0 (Dubbo's is 2). */
  readonly retries?: number;
  /** Idle milliseconds after which the consumer sends a heartbeat; default 60 000 as Dubbo's. */
  readonly heartbeatMs?: number;
  /**
   * Milliseconds between two attempts to reconnect, at least heartbeatMs; default 60 000 as Dubbo's:
   * until then every call fails without being sent (RpcException code 6).
   */
  readonly reconnectMs?: number;
  readonly serialization?: "hessian2" | "fastjson2";
}

/** How providers are started. */
export interface DubboProviderOptions {
  /** One provider each; without a port it gets a free one. */
  readonly endpoints: readonly {
    readonly label: string;
    readonly port?: number;
    /** IP address that it listens at; default all. */
    readonly host?: string;
  }[];
  /** See `PeerPlace`. */
  readonly place?: PeerPlace;
  readonly group?: string;
  readonly version?: string;
  readonly serialization?: "hessian2" | "fastjson2";
  readonly heartbeatMs?: number;
  /** Threads per endpoint; default 200 as Dubbo's. */
  readonly threads?: number;
  /** PEM files; with `trust` a client must have a certificate of that authority. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly trust?: string };
}

const JVM_OPTIONS = [
  // Without this Dubbo replaces 127.0.0.1 by an address of the machine's network.
  "-Ddubbo.network.interface.ignored=.*",
  // Dubbo 3.3.6 does not tell Netty 4.2 the name of the server, which Netty then demands to verify.
  "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
  "-Ddubbo.application.logger=slf4j",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
  "--add-opens=java.base/java.lang=ALL-UNNAMED",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Xmx768m",
];

interface JavaPeer {
  readonly name: string;
  readonly className: string;
  readonly options: object;
  readonly place: PeerPlace | undefined;
}

function startJava({ name, className, options, place }: JavaPeer): Promise<PeerProcess> {
  const missing = missingDubboPeer();
  if (missing !== undefined) throw new Error(missing);
  const classPath = [peerArtifact("dubbo-java/classes"), peerArtifact("dubbo-java/lib/*")];
  const arguments_ = ["-cp", classPath.join(delimiter), className, JSON.stringify(options)];
  const java = { name, command: "java", args: [...JVM_OPTIONS, ...arguments_] };
  return PeerProcess.start(placed(java, place));
}

/** Starts providers of demo.Greeter; they listen when this returns. */
export async function startDubboProvider(options: DubboProviderOptions): Promise<PeerServer> {
  const { place, ...rest } = options;
  const endpoints: (DubboProviderOptions["endpoints"][number] & { readonly port: number })[] = [];
  for (const endpoint of options.endpoints)
    endpoints.push({ ...endpoint, port: endpoint.port ?? (await freePort()) });
  const ports = new Map(endpoints.map(({ label, port }) => [label, port]));
  const process = await startJava({
    name: `dubbo provider ${[...ports.keys()].join(" ")}`,
    className: "demo.peer.Provider",
    options: { ...rest, endpoints },
    place,
  });
  return new PeerServer(process, ports);
}

/** A Dubbo consumer. */
export type DubboConsumer = PeerClient<DubboTarget, DubboRequest>;

/** How a consumer is started. */
export interface DubboConsumerOptions {
  /** See `PeerPlace`. */
  readonly place?: PeerPlace;
  /** PEM files; all its connections use TLS then, and Dubbo does not do it without a certificate. */
  readonly tls?: { readonly trust: string; readonly certificate: string; readonly key: string };
}

/** Starts a consumer. */
export async function startDubboConsumer(
  options: DubboConsumerOptions = {},
): Promise<DubboConsumer> {
  const { place, ...rest } = options;
  return new PeerClient(
    await startJava({
      name: "dubbo consumer",
      className: "demo.peer.Consumer",
      options: rest,
      place,
    }),
  );
}
