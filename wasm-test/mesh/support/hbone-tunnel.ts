// What ztunnel does for the clients of a node: their connections to a service go through a tunnel to its waypoint,
// HTTP/2 CONNECT over mutual TLS (HBONE).
import { once } from "node:events";
import { connect, type ClientHttp2Session } from "node:http2";
import { type AddressInfo, createServer, type Server } from "node:net";

const PORT = 15_008;

/** PEM. */
export interface TunnelIdentity {
  readonly key: string;
  readonly certificate: string;
  readonly root: string;
}

export interface TunnelOptions {
  readonly identity: TunnelIdentity;
  /** IP address. */
  readonly waypoint: string;
  /** `ip:port` of the service. */
  readonly destination: string;
}

/** Call `stop` in the test's clean-up, always. */
export class HboneTunnel {
  private constructor(
    private readonly session: ClientHttp2Session,
    private readonly server: Server,
  ) {}

  /** Listens on 127.0.0.1 for the service's clients. */
  static async start({ identity, waypoint, destination }: TunnelOptions): Promise<HboneTunnel> {
    const session = connect(`https://${waypoint}:${String(PORT)}`, {
      key: identity.key,
      cert: identity.certificate,
      ca: identity.root,
      // Its name is an identity, not a host.
      checkServerIdentity: () => undefined,
    });
    await once(session, "connect");
    session.on("error", () => undefined);
    const server = createServer((socket) => {
      const stream = session.request({ ":method": "CONNECT", ":authority": destination });
      stream.on("error", () => socket.destroy());
      stream.on("close", () => socket.end());
      socket.on("error", () => stream.close());
      socket.pipe(stream).pipe(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new HboneTunnel(session, server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.session.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
