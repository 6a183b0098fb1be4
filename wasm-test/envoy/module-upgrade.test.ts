// A module is replaced while requests are under way: none is lost, and the old one goes with the last
// of its connections.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { missingDubboPeer } from "./support/dubbo-peer.js";
import { type LoadProtocol, missingLoad, startLoad } from "./support/load.js";
import type { PeerServer, Traffic } from "./support/peer-client.js";
import { freePort } from "./support/ports.js";
import {
  type ThriftClient,
  missingThriftPeer,
  startThriftClient,
  startThriftServer,
} from "./support/thrift-peer.js";
import { FRAMED } from "./support/thrift-wire.js";

const ACTIVE_VMS = "wasm.envoy.wasm.runtime.v8.active";
const labels = { dubbo: ["v1", "v2"], thrift: ["t1", "t2"] } as const;
const MODULES: readonly LoadProtocol[] = ["dubbo", "thrift"];

/** The same module with one more custom section: other bytes, equal behaviour. */
function variantOf(module: Buffer, name: string): Buffer {
  const text = Buffer.from(name);
  return Buffer.concat([module, Buffer.from([0, 1 + text.length, text.length]), text]);
}

/** As it stands in the names of what belongs to one version of a module. */
function digestOf(module: Buffer): string {
  return createHash("sha256").update(module).digest("hex").slice(0, 12);
}

const missing = [missingDubboPeer(), missingThriftPeer("go"), missingLoad()];
describeWith("a module is replaced under load", missing, () => {
  let dubbo: DubboMesh;
  let thriftServer: PeerServer;
  let thriftClient: ThriftClient;
  let thriftPort: number;

  beforeAll(async () => {
    thriftPort = await freePort();
    [thriftServer, thriftClient] = await Promise.all([
      startThriftServer("go", [
        { label: "t1", ...FRAMED },
        { label: "t2", ...FRAMED },
      ]),
      startThriftClient("go"),
    ]);
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1", v2: "v2" },
      others: () => [
        {
          protocol: "thrift",
          port: thriftPort,
          endpoints: [
            { port: thriftServer.port("t1"), version: "v1" },
            { port: thriftServer.port("t2"), version: "v2" },
          ],
        },
      ],
      // A listener that is removed keeps what belongs to it for this long; the default is 600 s.
      envoy: {
        concurrency: 2,
        args: ["--drain-time-s", "1"],
        serveArgs: ["--former-versions", "2"],
      },
    });
  });

  afterAll(async () => {
    await Promise.all([thriftServer.stop(), thriftClient.stop()]);
    await dubbo.stop();
  });

  const portOf = (module: LoadProtocol): number => (module === "dubbo" ? dubbo.port : thriftPort);

  /** Connections of the internal listener of one version: how many there are, and were. */
  async function upstreams(
    module: LoadProtocol,
    digest: string,
  ): Promise<{ active: number; total: number }> {
    const cluster = `cluster.metaproto.${module}.${digest}`;
    const stats = await dubbo.mesh.envoy.stats(`^${cluster}\\.upstream_cx_(active|total)$`);
    return {
      active: stats.get(`${cluster}.upstream_cx_active`) ?? 0,
      total: stats.get(`${cluster}.upstream_cx_total`) ?? 0,
    };
  }

  function startTraffic(module: LoadProtocol, reference: string): Promise<Traffic> {
    return module === "dubbo"
      ? dubbo.consumer.traffic(
          { port: dubbo.port, connections: 3, inFlight: 2, reference },
          [{ method: "sayHello", args: ["you"] }],
          200,
        )
      : thriftClient.traffic(
          { ...FRAMED, port: thriftPort, connections: 3, reference },
          [{ method: "hello", args: ["you"] }],
          200,
        );
  }

  /** Replaces the module while requests are under way; returns the digest of the new one. */
  async function replace(module: LoadProtocol, name: string): Promise<string> {
    const path = dubbo.mesh.controlPlane.modulePath(module);
    const code = variantOf(readFileSync(path), name);
    const digest = digestOf(code);
    await dubbo.mesh.controlPlane.edit(path, code);
    const traffic = await startTraffic(module, name);
    await traffic.waitForFirst(labels[module][0]);
    await waitUntil("new connections are with the new module", async () => {
      return (await upstreams(module, digest)).active > 0;
    });
    expect(await traffic.stop()).toMatchObject({ failed: 0, errors: {} });
    return digest;
  }

  describe.each(MODULES)("%s", (module) => {
    test("no request is lost, and the old one goes with its connections", async () => {
      const { controlPlane, envoy } = dubbo.mesh;
      const path = controlPlane.modulePath(module);
      const first = digestOf(readFileSync(path));
      const vms = await envoy.stat(ACTIVE_VMS);
      const load = startLoad({
        protocol: module,
        port: portOf(module),
        connections: 8,
        inFlight: module === "dubbo" ? 4 : 1,
        rate: 1_000,
        seconds: 5,
        warmupSeconds: 0,
      });
      const old = await startTraffic(module, "old connections");
      await old.waitForFirst(labels[module][1]);

      const second = await replace(module, "second");
      // Connections that were open before stay where they are, new ones are with the new module.
      expect((await upstreams(module, first)).active).toBeGreaterThan(0);
      const vmsOfVersion = (await envoy.stat(ACTIVE_VMS)) - vms;
      expect(vmsOfVersion).toBeGreaterThan(0);
      const third = await replace(module, "third");
      expect((await upstreams(module, first)).active).toBeGreaterThan(0);
      expect((await upstreams(module, second)).total).toBeGreaterThan(0);
      expect(await envoy.stat(ACTIVE_VMS)).toBe(vms + 2 * vmsOfVersion);

      expect(await load.result).toMatchObject({
        errors: 0,
        mismatched: 0,
        closed: 0,
        unanswered: 0,
        fault: null,
      });
      expect(await old.stop()).toMatchObject({ failed: 0, errors: {} });
      await (module === "dubbo" ? dubbo.consumer : thriftClient).close(portOf(module));

      // Two former versions are kept for connections that may still be with them, and not three.
      await replace(module, "fourth");
      await envoy.waitForStat(ACTIVE_VMS, (count) => count === vms + 2 * vmsOfVersion);
      const clusters = await envoy.admin("/clusters");
      expect(clusters).not.toContain(`metaproto.${module}.${first}`);
      expect(clusters).toContain(`metaproto.${module}.${third}`);
    });

    test("what is no module is refused, and the one before stays", async () => {
      const { controlPlane } = dubbo.mesh;
      const path = controlPlane.modulePath(module);
      const good = readFileSync(path);
      const version = await controlPlane.snapshotVersion();
      const traffic = await startTraffic(module, "bad module");
      controlPlane.write(path, good.subarray(0, good.length / 2));
      await waitUntil("the fault is told", () =>
        controlPlane
          .log()
          .some((line) => line.includes("error") && line.includes(`${module}.wasm`)),
      );
      expect(await controlPlane.snapshotVersion()).toBe(version);
      controlPlane.write(path, good);
      await traffic.mark();
      await traffic.waitForFirst(labels[module][0]);
      expect(await traffic.stop()).toMatchObject({ failed: 0, errors: {} });
    });
  });
});
