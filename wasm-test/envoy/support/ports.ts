// Free TCP ports for the peers that cannot bind port 0 and tell which one they got.
import { createServer } from "node:net";

/**
 * `count` different ports of 127.0.0.1 that were free a moment ago. Another process may take one
 * before its user binds it, so prefer port 0 wherever the peer reports what it bound.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once("error", reject);
            server.listen(0, "127.0.0.1", () => {
              const address = server.address();
              if (address === null || typeof address === "string") {
                reject(new Error("no TCP address"));
                return;
              }
              resolve(address.port);
            });
          }),
      ),
    );
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** One port, see `freePorts`. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free port");
  return port;
}
