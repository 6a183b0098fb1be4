// Upstream connections that are not needed any more are closed, however many there are at once: each close
// calls the module again, nested, and a stack has an end.
import { expect, test } from "vitest";
import { describeWith } from "./support/describe-with.js";
import { Envoy } from "./support/envoy.js";
import { missingLoad, runLoad, startEchoServer } from "./support/load.js";
import { LISTENER, switchboardBootstrap } from "./support/switchboard-bootstrap.js";

const CLUSTER = "echo";
const MOST = 4_000;

describeWith("idle upstream connections", [missingLoad()], () => {
  test("thousands are closed at once, and the module goes on", async () => {
    const server = await startEchoServer({ protocol: "thrift", latencyUs: 50_000 });
    const bootstrap = switchboardBootstrap({
      protocol: "thrift",
      clusters: { [CLUSTER]: [server.port] },
      plugin: {
        limits: { maxConnections: MOST, maxPendingRequests: MOST },
        upstreamIdleTimeout: "1s",
        routeConfigurations: [
          {
            name: "all",
            routes: [{ name: "all", destinations: [{ cluster: CLUSTER }] }],
            clusters: [{ name: CLUSTER, endpoints: 1 }],
          },
        ],
      },
    });
    const envoy = await Envoy.start({ bootstrap, logLevel: "warning" });
    try {
      const load = {
        protocol: "thrift",
        port: await envoy.listenerPort(LISTENER),
        connections: 64,
        inFlight: 60,
        seconds: 0.5,
      } as const;
      expect(await runLoad(load)).toMatchObject({ errors: 0, mismatched: 0 });
      const active = `cluster.${CLUSTER}.upstream_cx_active`;
      expect(await envoy.stat(active)).toBeGreaterThan(2_000);
      await envoy.waitForStat(active, (count) => count <= 1);
      expect(await runLoad({ ...load, inFlight: 1 })).toMatchObject({ errors: 0, mismatched: 0 });
    } finally {
      // Fails when a VM has failed.
      await envoy.stop();
      await server.stop();
    }
  });
});
