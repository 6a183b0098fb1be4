// Free TCP ports for the peers that cannot bind port 0 and tell which one they got.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * The range is below the one from which Linux takes ports for outgoing connections (32768 to 60999),
 * so that no connection of another test takes the port before its server binds it, or between the
 * stop and the restart of that server.
 */
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;
const ATTEMPTS = 100;

const handedOut = new Set<number>();

/** How far above its port a member of a Redis Cluster listens for the others. */
const REDIS_BUS_DISTANCE = 10_000;

/** A port of 127.0.0.1 that nobody listens on and that this process has not handed out before. */
export function freePort(): Promise<number> {
  return freePortWith(0);
}

/** As `freePort`, for a member of a Redis Cluster, which takes a second one. */
export function freeClusterPort(): Promise<number> {
  return freePortWith(REDIS_BUS_DISTANCE);
}

/** The lower one of two ports. @param distance of the second one; 0: there is none. */
async function freePortWith(distance: number): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT - distance);
    const ports = [port, port + distance];
    if (ports.some((item) => handedOut.has(item))) continue;
    if (!(await isFree(port)) || !(await isFree(port + distance))) continue;
    for (const item of ports) handedOut.add(item);
    return port;
  }
  throw new Error("no free port");
}

/** `count` different ports, see `freePort`. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** Binds all addresses, as Dubbo does whatever host it is given. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => {
      resolve(false);
    });
    server.listen(port, "0.0.0.0", () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
