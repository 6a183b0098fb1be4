// A process that reads frames with an official library and says what it finds.
import { delimiter } from "node:path";
import { missingPeer, peerArtifact, PeerProcess } from "../../envoy/support/peer-process.js";

/** What Dubbo for Java finds in a request; what is left out could not be read, for the reason `error`. */
export interface DubboReading {
  readonly length?: number;
  /** Unsigned, in decimal. */
  readonly id?: string;
  /** Dubbo version, interface, service version, method, descriptor: as many as could be read. */
  readonly head?: readonly (string | null)[];
  /** Attachments that are strings, when they end with the frame. */
  readonly attachments?: Readonly<Record<string, string>>;
  readonly error?: string;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Why Dubbo's library cannot be used here, or undefined. */
export function missingDubboReader(): string | undefined {
  return missingPeer("dubbo-java/classes");
}

export class FrameReader {
  private constructor(private readonly process: PeerProcess) {}

  static async startDubbo(): Promise<FrameReader> {
    const classPath = [peerArtifact("dubbo-java/classes"), peerArtifact("dubbo-java/lib/*")];
    const options = [
      "-Ddubbo.application.logger=slf4j",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
      "--add-opens=java.base/java.lang=ALL-UNNAMED",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-Xmx512m",
    ];
    const args = [...options, "-cp", classPath.join(delimiter), "demo.peer.FrameReader"];
    const name = "Dubbo frame reader";
    return new FrameReader(await PeerProcess.start({ name, command: "java", args }));
  }

  async read(frames: readonly Uint8Array[]): Promise<readonly DubboReading[]> {
    const value = await this.process.request("read", { frames: frames.map(hexOf) });
    return value as DubboReading[];
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}
