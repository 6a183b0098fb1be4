// Apache ZooKeeper: servers, each an ensemble of its own, and sessions of kazoo.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChildProcess } from "./child-process.js";
import { waitUntil } from "./deadline.js";
import {
  type PeerEvent,
  type PeerPlace,
  PeerProcess,
  missingPeer,
  peerArtifact,
  peerSource,
  placed,
} from "./peer-process.js";
import { freePort } from "./ports.js";
import { TcpConnection } from "./tcp-connection.js";

const LIBRARIES = "zookeeper-java/lib";
const PYTHON = "zookeeper-python/bin/python";
const START_TIMEOUT_MS = 60_000;
const TICK_MS = 250;

/** Why it cannot be used here, or undefined. */
export function missingZookeeper(): (string | undefined)[] {
  return [missingPeer(LIBRARIES), missingPeer(PYTHON)];
}

/** What a server answers to four letters. */
export async function fourLetters(port: number, word: string): Promise<string> {
  const connection = await TcpConnection.connect(port);
  connection.write(Buffer.from(word));
  try {
    return (await connection.readUntilEnd()).toString("latin1");
  } finally {
    connection.destroy();
  }
}

export interface ZookeeperPlace {
  /** IP address. */
  readonly host: string;
  readonly port: number;
  readonly place?: PeerPlace;
}

/** A server with its data in a folder of its own. Call `stop` in the test's clean-up, always. */
export class ZookeeperServer {
  private constructor(
    readonly port: number,
    private readonly folder: string,
    private process: ChildProcess,
  ) {}

  /** Resolves when it answers. Sessions may have 500 ms to 5 s. */
  static async start(): Promise<ZookeeperServer> {
    const server = ZookeeperServer.spawn({ host: "127.0.0.1", port: await freePort() });
    try {
      await server.ready();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** At once: who cannot reach it waits for a session. */
  static spawn({ host, port, place }: ZookeeperPlace): ZookeeperServer {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-zookeeper-"));
    mkdirSync(join(folder, "data"));
    const settings = {
      tickTime: TICK_MS,
      dataDir: join(folder, "data"),
      clientPort: port,
      clientPortAddress: host,
      maxClientCnxns: 0,
      "admin.enableServer": false,
      "4lw.commands.whitelist": "ruok,conf,srvr",
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${String(value)}\n`);
    writeFileSync(join(folder, "zoo.cfg"), lines.join(""));
    return new ZookeeperServer(port, folder, run(folder, place));
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
  }

  /** After `kill`, at the same port with the same data. */
  async restart(): Promise<void> {
    this.process = run(this.folder);
    await this.ready();
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    await waitUntil(
      "ZooKeeper ready",
      async () => (await fourLetters(this.port, "ruok")) === "imok",
      {
        timeoutMs: START_TIMEOUT_MS,
        intervalMs: 100,
        abandonIf: () =>
          this.process.exitStatus === undefined
            ? undefined
            : `it has ended\n${this.process.tail()}`,
      },
    );
  }
}

function run(folder: string, place?: PeerPlace): ChildProcess {
  const options = {
    name: "zookeeper",
    command: "java",
    args: [
      ...["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
      `-Dlogback.configurationFile=${peerSource("zookeeper-java/logback.xml")}`,
      ...["-cp", `${peerArtifact(LIBRARIES)}/*`],
      ...["org.apache.zookeeper.server.quorum.QuorumPeerMain", join(folder, "zoo.cfg")],
    ],
  };
  return new ChildProcess(placed(options, place));
}

/** A change that a session was told of. */
export interface WatchEvent {
  readonly type: string;
  readonly path: string;
}

/** One session of a client process. */
export class ZookeeperSession {
  readonly watched: WatchEvent[] = [];
  /** As kazoo calls them, since the session began: CONNECTED, SUSPENDED, LOST. */
  readonly states: string[] = [];
  /** In hexadecimal. */
  id = "";

  constructor(
    private readonly peer: PeerProcess,
    private readonly name: string,
  ) {}

  onEvent(event: PeerEvent): void {
    if (event.event === "state") this.states.push(String(event["state"]));
    else this.watched.push({ type: String(event["type"]), path: String(event["path"]) });
  }

  /** A method of kazoo's client. @throws PeerFailure with the name of its exception. */
  call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.peer.request("call", { client: this.name, method, args, watch: false });
  }

  /** Likewise, and to be told of the next change. */
  watch(method: "get" | "exists" | "get_children", path: string): Promise<unknown> {
    return this.peer.request("call", { client: this.name, method, args: [path], watch: true });
  }

  /** The id that it has now: another one if the first session is over. */
  async currentId(): Promise<string> {
    return String(await this.peer.request("session", { client: this.name }));
  }

  async close(): Promise<void> {
    await this.peer.request("close", { client: this.name });
  }
}

/** A process with any number of sessions. Call `stop` in the test's clean-up, always. */
export class ZookeeperClient {
  private opened = 0;

  private constructor(private readonly peer: PeerProcess) {}

  static async start(place?: PeerPlace): Promise<ZookeeperClient> {
    const options = {
      name: "zookeeper client",
      command: peerArtifact(PYTHON),
      args: ["-u", peerSource("zookeeper-python/peer.py")],
    };
    return new ZookeeperClient(await PeerProcess.start(placed(options, place)));
  }

  /** Resolves when the server has given it a session; `timeoutSeconds` without a ping end it. */
  async open(port: number, timeoutSeconds: number, host = "127.0.0.1"): Promise<ZookeeperSession> {
    const name = String(++this.opened);
    const session = new ZookeeperSession(this.peer, name);
    const id = this.peer.subscribe((event) => {
      session.onEvent(event);
    });
    const fields = { client: name, hosts: `${host}:${String(port)}`, timeout: timeoutSeconds };
    session.id = String(await this.peer.request("open", fields, id));
    return session;
  }

  stop(): Promise<void> {
    return this.peer.stop();
  }
}
