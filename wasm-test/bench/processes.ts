// The Envoys and echo servers of the bench.
import { fileURLToPath } from "node:url";
import { Envoy } from "../envoy/support/envoy.js";
import { startEchoServer } from "../envoy/support/load.js";
import { benchBootstrap, type Ports } from "./bootstrap.js";
import type { Contender } from "./contenders.js";

/** Longer than any plan takes. */
const SERVER_SECONDS = 3 * 3600;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** An Envoy with these contenders and no others. */
export function startBenchEnvoy(
  contenders: readonly Contender[],
  ports: Ports,
  workers = 1,
): Promise<Envoy> {
  const bootstrap = benchBootstrap(contenders, ports);
  return Envoy.start({ bootstrap, concurrency: workers, cwd: ROOT, logLevel: "error" });
}

/** Runs something with an echo server for each protocol. */
export async function withEchoServers<T>(run: (ports: Ports) => Promise<T>): Promise<T> {
  const dubbo = await startEchoServer({ protocol: "dubbo", seconds: SERVER_SECONDS });
  const thrift = await startEchoServer({ protocol: "thrift", seconds: SERVER_SECONDS });
  try {
    return await run({ dubbo: dubbo.port, thrift: thrift.port });
  } finally {
    await dubbo.stop();
    await thrift.stop();
  }
}
