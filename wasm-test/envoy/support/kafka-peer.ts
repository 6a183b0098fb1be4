// Apache Kafka: brokers, each a cluster of its own, and clients of the official Java library and of kafka-python.
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ChildProcess } from "./child-process.js";
import { waitUntil } from "./deadline.js";
import { PeerProcess, missingPeer, peerArtifact, peerSource } from "./peer-process.js";
import { freePorts } from "./ports.js";
import { TcpConnection } from "./tcp-connection.js";

const CLASSES = "kafka-java/classes";
const LIBRARIES = "kafka-java/lib";
const PYTHON = "kafka-python/bin/python";
const START_TIMEOUT_MS = 120_000;
/** Version 0 of ApiVersions, without a client id. */
const API_VERSIONS = Buffer.from("0000000a0012000000000001ffff", "hex");

/** Why the broker and the Java clients cannot be used here, or undefined. */
export function missingKafka(): string | undefined {
  return missingPeer(CLASSES);
}

/** Why kafka-python cannot be used here, or undefined. */
export function missingKafkaPython(): string | undefined {
  return missingPeer(PYTHON);
}

function javaArgs(heap: string, className: string, ...rest: readonly string[]): string[] {
  const classPath = [peerArtifact(CLASSES), peerArtifact(`${LIBRARIES}/*`)].join(delimiter);
  return [
    ...[`-Xmx${heap}`, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"],
    `-Dlog4j2.configurationFile=${peerSource("kafka-java/log4j2.properties")}`,
    ...["-cp", classPath, className, ...rest],
  ];
}

/** A broker that is its own controller, with its data in a folder of its own. Call `stop`, always. */
export class KafkaBroker {
  private constructor(
    readonly port: number,
    private readonly folder: string,
    private process: ChildProcess,
  ) {}

  /** Resolves when it answers. It tells clients to come to `advertisedPort`. */
  static async start(advertisedPort: number): Promise<KafkaBroker> {
    const folder = mkdtempSync(join(tmpdir(), "metaproto-kafka-"));
    const [port = 0, controllerPort = 0] = await freePorts(2);
    const data = join(folder, "data");
    mkdirSync(data);
    write(join(data, "meta.properties"), {
      version: 1,
      "cluster.id": "metaproto-test-cluster",
      "node.id": 1,
      "directory.id": base64Uuid(),
    });
    write(join(folder, "server.properties"), {
      "process.roles": "broker,controller",
      "node.id": 1,
      "controller.quorum.voters": `1@127.0.0.1:${String(controllerPort)}`,
      "controller.listener.names": "CONTROLLER",
      listeners: `PLAINTEXT://127.0.0.1:${String(port)},CONTROLLER://127.0.0.1:${String(controllerPort)}`,
      "advertised.listeners": `PLAINTEXT://127.0.0.1:${String(advertisedPort)}`,
      "log.dirs": data,
      "log.cleaner.enable": false,
      "auto.create.topics.enable": false,
      "offsets.topic.replication.factor": 1,
      "offsets.topic.num.partitions": 1,
      "transaction.state.log.replication.factor": 1,
      "transaction.state.log.min.isr": 1,
      "transaction.state.log.num.partitions": 1,
      "group.initial.rebalance.delay.ms": 0,
    });
    const broker = new KafkaBroker(port, folder, run(folder));
    try {
      await broker.ready();
      return broker;
    } catch (error) {
      await broker.stop();
      throw error;
    }
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
    try {
      await waitUntil("Kafka ready", () => answers(this.port), {
        timeoutMs: START_TIMEOUT_MS,
        intervalMs: 100,
        abandonIf: () => (this.process.exitStatus === undefined ? undefined : "it has ended"),
      });
    } catch (error) {
      throw new Error(`Kafka did not start\n${this.process.tail()}`, { cause: error });
    }
  }
}

/** A UUID as Kafka writes it, which does not begin with a dash. */
function base64Uuid(): string {
  return `A${Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url").slice(1)}`;
}

function write(file: string, settings: Readonly<Record<string, unknown>>): void {
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${String(value)}\n`);
  writeFileSync(file, lines.join(""));
}

function run(folder: string): ChildProcess {
  return new ChildProcess({
    name: "kafka",
    command: "java",
    args: javaArgs("256m", "kafka.Kafka", join(folder, "server.properties")),
  });
}

async function answers(port: number): Promise<boolean> {
  const connection = await TcpConnection.connect(port);
  try {
    connection.write(API_VERSIONS);
    return (await connection.read(4)).length === 4;
  } finally {
    connection.destroy();
  }
}

/** What came of a traffic. */
export interface KafkaTally {
  /** What the broker has acknowledged, the numbers from 0. */
  readonly values: readonly string[];
  /** By class of the exception. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Settings of a client, by the names that Kafka has for them. */
export type KafkaSettings = Readonly<Record<string, string | number>>;

/** A producer, a consumer or an admin client within a process. */
export class KafkaClient {
  constructor(
    private readonly peer: PeerProcess,
    private readonly name: string,
  ) {}

  async create(topic: string, partitions = 1): Promise<void> {
    await this.ask("create", { topic, partitions });
  }

  async topics(): Promise<readonly string[]> {
    return (await this.ask("topics")) as string[];
  }

  /** That of a topic, as Kafka writes it. */
  async id(topic: string): Promise<string> {
    return String(await this.ask("id", { topic }));
  }

  /** Client ids of a group's members, as the broker knows them. */
  async members(group: string): Promise<readonly string[]> {
    return (await this.ask("members", { group })) as string[];
  }

  /** Offsets; -1 of what nobody has acknowledged. @throws PeerFailure with the name of the exception. */
  async send(topic: string, values: readonly string[]): Promise<readonly number[]> {
    return (await this.ask("send", { topic, values })) as number[];
  }

  /** The next `count` values, or as many as have come in `timeoutMs`. */
  async poll(count: number, timeoutMs = 20_000): Promise<readonly string[]> {
    return (await this.ask("poll", { count, timeoutMs })) as string[];
  }

  /** Sends numbers until `stop`. */
  async startTraffic(topic: string): Promise<void> {
    await this.ask("traffic", { topic });
  }

  /** How many of them were acknowledged so far. */
  async progress(): Promise<number> {
    return Number(await this.ask("progress"));
  }

  async stopTraffic(): Promise<KafkaTally> {
    return (await this.ask("stop")) as KafkaTally;
  }

  async close(): Promise<void> {
    await this.ask("close");
  }

  private ask(op: string, fields: object = {}): Promise<unknown> {
    return this.peer.request(op, { ...fields, client: this.name });
  }
}

/** One message of a request, as Kafka's definitions name its fields. */
export interface KafkaMessage {
  readonly apiKey: number;
  readonly version: number;
  readonly data: object;
  readonly clientId: string | null;
  readonly correlationId: number;
}

/** A process with any number of clients. Call `stop` in the test's clean-up, always. */
export class KafkaPeer {
  private opened = 0;

  private constructor(private readonly peer: PeerProcess) {}

  static async startJava(): Promise<KafkaPeer> {
    const args = javaArgs("256m", "demo.peer.KafkaPeer");
    return new KafkaPeer(await PeerProcess.start({ name: "kafka client", command: "java", args }));
  }

  static async startPython(): Promise<KafkaPeer> {
    const args = ["-u", peerSource("kafka-python/peer.py")];
    const command = peerArtifact(PYTHON);
    return new KafkaPeer(await PeerProcess.start({ name: "kafka-python client", command, args }));
  }

  /** `settings` without those that every client needs; a consumer has the topic that it subscribes to. */
  async open(
    kind: "producer" | "consumer" | "admin",
    port: number,
    settings: KafkaSettings = {},
    topic?: string,
  ): Promise<KafkaClient> {
    const client = String(++this.opened);
    const all = { "bootstrap.servers": `127.0.0.1:${String(port)}`, ...settings };
    await this.peer.request("open", { client, kind, settings: all, topic });
    return new KafkaClient(this.peer, client);
  }

  /** A request as Kafka's own classes write it; Java alone. */
  async write(message: KafkaMessage): Promise<Uint8Array> {
    const hex = String(await this.peer.request("write", message));
    return new Uint8Array(Buffer.from(hex, "hex"));
  }

  /** A response as Kafka's own classes read it; Java alone. */
  async read(
    apiKey: number,
    version: number,
    frame: Uint8Array,
  ): Promise<{ readonly correlationId: number; readonly data: unknown }> {
    const fields = { apiKey, version, hex: Buffer.from(frame).toString("hex") };
    return (await this.peer.request("read", fields)) as { correlationId: number; data: unknown };
  }

  stop(): Promise<void> {
    return this.peer.stop();
  }
}
