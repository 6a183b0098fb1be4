// What a scenario needs of the world around the switchboard: clients, servers, a control plane. There
// are two such worlds, the host emulator and a stock Envoy, and each scenario runs in both.

/** One end of a TCP connection, held by the test. */
export interface Wire {
  write(bytes: Uint8Array): void;
  /** Writes pieces of `size` bytes, each of which Envoy reads by itself as far as TCP lets it. */
  writeInPieces(bytes: Uint8Array, size: number): Promise<void>;
  /** FIN. */
  close(): void;
  /** RST. */
  reset(): void;
  /** Envoy has closed it, or we have. */
  readonly isClosed: boolean;
}

/** Called with what arrives, in the order in which it was sent. */
export type OnBytes = (wire: Wire, bytes: Buffer) => void;

/** A server, one endpoint of a cluster. */
export interface Endpoint {
  /** Every connection accepted so far, in order. */
  readonly wires: readonly Wire[];
  /** Resets its connections and refuses new ones, as a killed process does. */
  kill(): Promise<void>;
  /** Listens again, at the same address. */
  restart(): Promise<void>;
}

/** A RouteConfiguration of proto/metaproto/v1/route.proto, as JSON. */
export type RouteConfigurationJson = Readonly<Record<string, unknown>>;

export interface NetworkOptions {
  readonly protocol: "dubbo" | "thrift";
  /** Clusters that Envoy has, with their endpoints. */
  readonly clusters: Readonly<Record<string, readonly Endpoint[]>>;
  /** The plugin configuration without what the world adds: dialCluster, discoveryCluster. */
  readonly plugin: Readonly<Record<string, unknown>>;
  /** With a control plane that route configurations come from by `publish`. */
  readonly isDiscovered?: boolean;
  /** Worker threads, over which clients' connections are spread. Default: 1. */
  readonly workers?: number;
}

export interface Network {
  connect(onBytes: OnBytes): Promise<Wire>;
  /** Lets time pass until the condition holds. @throws Error when that takes too long. */
  until(what: string, condition: () => boolean): Promise<void>;
  /** Lets so much time pass. Never to hope for something: only to show that nothing happens in it. */
  pass(ms: number): Promise<void>;
  /** A counter or gauge of the module, as Envoy's /stats shows it. */
  stat(name: string): Promise<number>;
  /** Makes these the route configurations of the control plane, under a version of their own. */
  publish(configurations: readonly RouteConfigurationJson[]): void;
  /** Ends the control plane, as if its process was killed. */
  stopControlPlane(): Promise<void>;
  /** Starts it again at the same address. It serves what was published last. */
  startControlPlane(): Promise<void>;
  /** Error messages of the NACKs so far. */
  readonly rejections: readonly string[];
}

/** Where networks come from. */
export interface World {
  /** Of the whole suite: "1.40.0", or "emulator". */
  readonly name: string;
  endpoint(onBytes: OnBytes): Promise<Endpoint>;
  open(options: NetworkOptions): Promise<Network>;
  /** After each test: ends everything. @throws Error when Envoy crashed, or a rule of its was broken. */
  close(): Promise<void>;
}
