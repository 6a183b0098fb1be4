// Servers and clients of the example protocol of assembly/codecs/line, on raw sockets.
import { pause } from "./deadline.js";
import type { TcpConnection } from "./tcp-connection.js";
import { TcpServer } from "./tcp-server.js";

function lineLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf("\n");
  return end === -1 ? undefined : end + 1;
}

/** The next line without its newline. */
export async function readLine(connection: TcpConnection): Promise<string> {
  return (await connection.readFrame(lineLength, 60_000)).toString("latin1").trimEnd();
}

/** Writes all lines at once and returns as many answers. */
export async function exchange(
  connection: TcpConnection,
  lines: readonly string[],
): Promise<string[]> {
  connection.write(Buffer.from(`${lines.join("\n")}\n`));
  const answers: string[] = [];
  while (answers.length < lines.length) answers.push(await readLine(connection));
  return answers;
}

/** Answers `<name>: <line>` to each line, in order. */
export class LineServer {
  /** Most requests that one connection had in flight at once since it was set to 0. */
  mostInFlight = 0;
  /** Requests received. */
  requests = 0;

  private constructor(private readonly server: TcpServer) {}

  /** @param delayMs from each request to its answer. */
  static async start(name: string, delayMs = 0): Promise<LineServer> {
    const server = await TcpServer.start(async (connection) => {
      let inFlight = 0;
      for (;;) {
        const line = await readLine(connection);
        started.requests++;
        inFlight++;
        started.mostInFlight = Math.max(started.mostInFlight, inFlight);
        // Timers of the same length fire in the order in which they were set.
        void pause(delayMs).then(() => {
          inFlight--;
          connection.write(Buffer.from(`${name}: ${line}\n`));
        });
      }
    });
    const started = new LineServer(server);
    return started;
  }

  get port(): number {
    return this.server.port;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
