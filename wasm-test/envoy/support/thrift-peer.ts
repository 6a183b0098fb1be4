// Apache Thrift for Go and for Python: servers, and clients that a test or the demo uses as its own.
import { PeerClient, PeerServer } from "./peer-client.js";
import {
  type PeerPlace,
  PeerProcess,
  missingPeer,
  peerArtifact,
  peerSource,
  placed,
} from "./peer-process.js";
import { freePort } from "./ports.js";
import type { ThriftProtocol, ThriftTransport } from "./thrift-wire.js";

export type ThriftLanguage = "go" | "python";

const PYTHON = "thrift-python/bin/python";
const GO = "thrift-go/thriftpeer";

/** Why this language cannot be used here, or undefined. */
export function missingThriftPeer(language: ThriftLanguage): string | undefined {
  return missingPeer(language === "go" ? GO : PYTHON);
}

/** Methods of Greeter, see wasm-test/peers/demo.thrift; noSuchMethod is one that no server has. */
export type ThriftMethod =
  | "hello"
  | "getUser"
  | "getOrder"
  | "placeOrder"
  | "add"
  | "echoItem"
  | "big"
  | "failBiz"
  | "failUndeclared"
  | "nothing"
  | "fire"
  | "slow"
  | "headers"
  | "noSuchMethod";

/** One call. */
export interface ThriftRequest {
  readonly method: ThriftMethod;
  /** Plain values; {"$string": N} for a text of N characters. `echoItem` needs none. */
  readonly args?: readonly unknown[];
  /** THeader key-values; only the transport "header" carries them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Under which `TrafficTally.counts` counts it; default the method. */
  readonly name?: string;
}

/** Where calls go, and over which connections: equal targets share theirs. */
export interface ThriftTarget {
  /** IP address; default 127.0.0.1. In Python only. */
  readonly host?: string;
  readonly port: number;
  readonly transport: ThriftTransport;
  /** "binary-lax" does not go with the transport "header". */
  readonly protocol: ThriftProtocol;
  /** Any name, to have connections of one's own. */
  readonly reference?: string;
  /** Each has one call at a time, as Thrift clients do. Default 1, for bursts the concurrency. */
  readonly connections?: number;
  /** Milliseconds; default 5 000. */
  readonly timeoutMs?: number;
  /** Name for a multiplexed call; servers know "Greeter", and "Second" (label "LABEL/Second"). */
  readonly service?: string;
}

/** A server; one with the transport "header" takes framed and buffered clients as well. */
export interface ThriftEndpoint {
  readonly label: string;
  readonly transport: ThriftTransport;
  readonly protocol: ThriftProtocol;
  /** Default a free one. */
  readonly port?: number;
  /** IP address that it listens at; default 127.0.0.1. In Python only. */
  readonly host?: string;
}

interface ThriftPeer {
  readonly name: string;
  readonly args: readonly string[];
  readonly place: PeerPlace | undefined;
}

function start(language: ThriftLanguage, { name, args, place }: ThriftPeer): Promise<PeerProcess> {
  const missing = missingThriftPeer(language);
  if (missing !== undefined) throw new Error(missing);
  if (language === "go")
    return PeerProcess.start(placed({ name, command: peerArtifact(GO), args }, place));
  const python = {
    name,
    command: peerArtifact(PYTHON),
    args: [peerSource("thrift-python/peer.py"), ...args],
    // Nothing is written next to the sources.
    env: { PYTHONPYCACHEPREFIX: peerArtifact("pycache") },
  };
  return PeerProcess.start(placed(python, place));
}

/** Starts servers of Greeter; they listen when this returns. */
export async function startThriftServer(
  language: ThriftLanguage,
  wanted: readonly ThriftEndpoint[],
  place?: PeerPlace,
): Promise<PeerServer> {
  const endpoints: (ThriftEndpoint & { port: number })[] = [];
  for (const endpoint of wanted) {
    endpoints.push({ ...endpoint, port: endpoint.port ?? (await freePort()) });
  }
  const name = `thrift ${language} server`;
  const args = ["server", JSON.stringify({ endpoints })];
  const process = await start(language, { name, args, place });
  return new PeerServer(process, new Map(endpoints.map(({ label, port }) => [label, port])));
}

/** A Thrift client. */
export type ThriftClient = PeerClient<ThriftTarget, ThriftRequest>;

/** Starts a client. */
export async function startThriftClient(
  language: ThriftLanguage,
  place?: PeerPlace,
): Promise<ThriftClient> {
  const name = `thrift ${language} client`;
  return new PeerClient(await start(language, { name, args: ["client"], place }));
}
