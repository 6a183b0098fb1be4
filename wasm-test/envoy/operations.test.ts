// A day of operations, with traffic of the official clients that never stops and never fails: the
// control plane goes and comes back, files are broken and mended, and an operator looks at it all.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { metaproto } from "./support/control-plane.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { type DubboConsumer, missingDubboPeer } from "./support/dubbo-peer.js";
import type { PeerServer, Traffic } from "./support/peer-client.js";
import { Mesh } from "./support/mesh.js";
import { freePort } from "./support/ports.js";
import {
  type ServiceOptions,
  listenerOf,
  metaRouter,
  serviceEntry,
  serviceYaml,
  yamlOf,
} from "./support/resources.js";
import {
  type ThriftClient,
  missingThriftPeer,
  startThriftClient,
  startThriftServer,
} from "./support/thrift-peer.js";
import { FRAMED } from "./support/thrift-wire.js";

const HELLO = { method: "sayHello", args: ["you"] };
const THRIFT_HELLO = { method: "hello", args: ["you"] } as const;
/** Reconnects to the control plane back off to many seconds. */
const RECONNECTED = { timeoutMs: 40_000 };

describeWith("operations", [missingDubboPeer(), missingThriftPeer("go")], () => {
  let dubbo: DubboMesh;
  let consumer: DubboConsumer;
  let thriftServer: PeerServer;
  let thriftClient: ThriftClient;
  let thrift: ServiceOptions;
  let traffic: Traffic;
  let thriftTraffic: Traffic;
  let file: string;
  let thriftFile: string;

  beforeAll(async () => {
    [thriftServer, thriftClient] = await Promise.all([
      startThriftServer("go", [
        { label: "t1", ...FRAMED },
        { label: "t2", ...FRAMED },
      ]),
      startThriftClient("go"),
    ]);
    thrift = {
      protocol: "thrift",
      port: await freePort(),
      endpoints: [
        { port: thriftServer.port("t1"), version: "v1" },
        { port: thriftServer.port("t2"), version: "v2" },
      ],
      routes: [{ to: { v1: 100 } }],
    };
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1", v2: "v2" },
      service: { routes: [{ to: { v1: 100 } }] },
      others: () => [thrift],
      envoy: { concurrency: 2 },
    });
    ({ consumer } = dubbo);
    file = `${listenerOf(dubbo.service)}.yaml`;
    thriftFile = `${listenerOf(thrift)}.yaml`;
  });

  afterAll(async () => {
    await Promise.all([thriftServer.stop(), thriftClient.stop()]);
    await dubbo.stop();
  });

  beforeEach(async () => {
    const thriftTarget = { ...FRAMED, port: thrift.port, connections: 2 };
    [traffic, thriftTraffic] = await Promise.all([
      consumer.traffic({ port: dubbo.port, connections: 2 }, [HELLO], 150),
      thriftClient.traffic(thriftTarget, [THRIFT_HELLO], 150),
    ]);
    await Promise.all([waitForAnswers(), dubbo.mesh.controlPlane.waitUntilSynced(RECONNECTED)]);
  });

  afterEach(async () => {
    for (const total of await Promise.all([traffic.stop(), thriftTraffic.stop()])) {
      expect(total).toMatchObject({ failed: 0, errors: {} });
    }
    await dubbo.mesh.edit(dubbo.service);
    await dubbo.mesh.edit(thrift);
  });

  const controlPlane = (): typeof dubbo.mesh.controlPlane => dubbo.mesh.controlPlane;

  /** Some answers that come from now on. */
  async function waitForAnswers(label = "v1", thriftLabel = "t1"): Promise<void> {
    await Promise.all([traffic.mark(), thriftTraffic.mark()]);
    await Promise.all([
      traffic.waitForFirst(label, undefined, RECONNECTED),
      thriftTraffic.waitForFirst(thriftLabel, undefined, RECONNECTED),
    ]);
  }

  describe("the control plane is gone", () => {
    test("routes stay, for new connections too; edits take effect when it is back", async () => {
      await controlPlane().kill();
      await waitForAnswers();
      // More connections than workers: each worker gets some.
      for (let i = 0; i < 8; i++) {
        const reference = `after the end ${i}`;
        const hello = await consumer.call({ port: dubbo.port, reference }, HELLO);
        expect(hello.label).toBe("v1");
        const target = { ...FRAMED, port: thrift.port, reference };
        expect((await thriftClient.call(target, THRIFT_HELLO)).label).toBe("t1");
      }
      const to = { to: { v2: 100 } };
      controlPlane().write(file, serviceYaml({ ...dubbo.service, routes: [to] }));
      controlPlane().write(thriftFile, serviceYaml({ ...thrift, routes: [to] }));
      await waitForAnswers();
      await controlPlane().restart();
      await waitForAnswers("v2", "t2");
      await controlPlane().waitUntilSynced(RECONNECTED);
      controlPlane().write(file, serviceYaml(dubbo.service));
      controlPlane().write(thriftFile, serviceYaml(thrift));
      await waitForAnswers("v1", "t1");
    });
  });

  test("a worker that gets its first client without a control plane has the routes", async () => {
    const service = { ...thrift, host: "workers.thrift", port: await freePort() };
    const mesh = await Mesh.start([service], { concurrency: 4 });
    const target = { ...FRAMED, port: service.port };
    expect((await thriftClient.call(target, THRIFT_HELLO)).label).toBe("t1");
    await mesh.controlPlane.kill();
    for (let i = 0; i < 32; i++) {
      const call = thriftClient.call({ ...target, reference: `client ${i}` }, THRIFT_HELLO);
      expect((await call).label).toBe("t1");
    }
    await mesh.stop();
  });

  describe("a file is broken", () => {
    /** Writes something wrong, and expects a fault and that nothing else changes. */
    async function expectFault(name: string, text: string, fault: RegExp): Promise<void> {
      const routes = await servedRoutes();
      controlPlane().write(name, text);
      await waitUntil("the fault is told", async () =>
        (await controlPlane().faults()).some((line) => fault.test(line)),
      );
      expect(controlPlane().log().join("\n")).toMatch(fault);
      expect((await controlPlane().admin("/metrics")).body).toMatch(/^metaproto_faults [1-9]/m);
      expect(await servedRoutes()).toBe(routes);
      await waitForAnswers();
    }

    /** What `metaproto routes` prints but for the proxies: their streams come and go meanwhile. */
    async function servedRoutes(): Promise<string> {
      const { stdout } = await controlPlane().command("routes", "demo.dubbo");
      return stdout.slice(0, stdout.indexOf("version "));
    }

    async function expectNoFault(): Promise<void> {
      await expect.poll(() => controlPlane().faults()).toEqual([]);
    }

    test("no YAML: what worked stays, the fault has file and line", async () => {
      const good = serviceYaml(dubbo.service);
      const bad = `${good}---\nkind: [unfinished\n`;
      // The bracket is missed where the file ends.
      const line = bad.split("\n").length;
      await expectFault(file, bad, new RegExp(`${file}:${line}: `));
      controlPlane().write(file, good);
      await expectNoFault();
    });

    test("a field that makes no sense: what worked stays, the fault names it", async () => {
      const bad = serviceYaml({
        ...dubbo.service,
        routes: [{ match: { method: { regex: "(" } }, to: { v2: 100 } }],
      });
      const line = 1 + bad.split("\n").findIndex((text) => text.includes("regex"));
      const path = "spec.routes[0].match.attributes.method.regex";
      const fault = `${file}:${line}: MetaRouter/demo-dubbo: ${path}`;
      await expectFault(file, bad, new RegExp(fault.replaceAll(/[.[\]]/g, String.raw`\$&`)));
      controlPlane().write(file, serviceYaml(dubbo.service));
      await expectNoFault();
    });

    test("a destination that does not exist", async () => {
      const routes = [{ to: { v2: 100 }, host: "nowhere.dubbo" }];
      await expectFault(file, serviceYaml({ ...dubbo.service, routes }), /nowhere\.dubbo/);
      const subset = serviceYaml({ ...dubbo.service, routes: [{ to: { v9: 100 } }] });
      await expectFault(file, subset, /subset `v9`/);
      controlPlane().write(file, serviceYaml(dubbo.service));
      await expectNoFault();
    });

    test("a kind that is not read is told, and changes nothing", async () => {
      const typo = {
        apiVersion: "metaprotocol.aeraki.io/v1alpha1",
        kind: "MetaRoutr",
        metadata: { name: "typo" },
        spec: {},
      };
      const version = await controlPlane().snapshotVersion();
      controlPlane().write("typo.yaml", yamlOf(typo));
      const told = /warn.* \S*typo\.yaml:1: MetaRoutr\/typo: .* are not read/;
      await waitUntil("the warning is told", () =>
        controlPlane()
          .log()
          .some((text) => told.test(text)),
      );
      expect(await controlPlane().snapshotVersion()).toBe(version);
      controlPlane().remove("typo.yaml");
    });

    test("a listener where another one is", async () => {
      const rival = { ...dubbo.service, host: "rival.dubbo" };
      const text = yamlOf(
        serviceEntry(rival),
        metaRouter({ ...rival, routes: [{ to: { "": 100 } }] }),
      );
      await expectFault(
        "rival.yaml",
        text,
        new RegExp(`rival\\.yaml:\\d+.*${listenerOf(dubbo.service)}`),
      );
      controlPlane().remove("rival.yaml");
      await expectNoFault();
    });

    test("a port that another process has: the proxy refuses it, and keeps the rest", async () => {
      const port = await freePort();
      const squatter = createServer();
      await new Promise<void>((resolve) => squatter.listen(port, "127.0.0.1", resolve));
      const late = { ...dubbo.service, host: "late.dubbo", port };
      controlPlane().write("late.yaml", yamlOf(serviceEntry(late)));
      await waitUntil("the refusal is known", async () => {
        const { stdout } = await controlPlane().command("status");
        return /refused LDS .*late\.dubbo.*Address already in use/i.test(stdout);
      });
      await waitForAnswers();
      controlPlane().remove("late.yaml");
      await controlPlane().waitUntilSynced();
      await new Promise((resolve) => squatter.close(resolve));
    });
  });

  describe("the operator looks at it", () => {
    test("status and routes of what runs", async () => {
      const summary = await controlPlane().command("status");
      expect(summary).toMatchObject({ code: 0, stderr: "" });
      expect(summary.stdout).toMatch(
        /^envoy-under-test .* dubbo (\d)\/\1, thrift (\d)\/\2 +dubbo [\da-f]{12}, thrift [\da-f]{12}$/m,
      );
      const status = await controlPlane().command("status", "--streams");
      expect(status).toMatchObject({ code: 0, stderr: "" });
      const rows = status.stdout.split("\n").map((row) => row.split(/\s{2,}/));
      const streams = rows.filter(([node]) => node === "envoy-under-test");
      // The proxy itself, and for each protocol one module in each worker that has clients.
      const roles = streams.map(([, role]) => role);
      expect(roles.filter((role) => role === "proxy")).toHaveLength(1);
      expect(roles.filter((role) => role === "module").length).toBeGreaterThanOrEqual(2);
      expect(status.stdout).not.toMatch(/pending|refused|missing/);

      const routes = await controlPlane().command("routes", "demo.dubbo");
      expect(routes).toMatchObject({ code: 0, stderr: "" });
      expect(routes.stdout).toContain(`outbound|${dubbo.port}|v1|demo.dubbo`);
      expect(routes.stdout).toMatch(/envoy-under-test: (\d) of \1 module streams have it/);
      const unknown = await controlPlane().command("routes", "nobody");
      expect(unknown).toMatchObject({ code: 1, stdout: "" });
      expect(unknown.stderr).toContain("demo.dubbo");
    });

    test("health and metrics", async () => {
      expect(await controlPlane().admin("/healthz")).toEqual({ status: 200, body: "ok\n" });
      expect(await controlPlane().admin("/readyz")).toEqual({ status: 200, body: "ready\n" });
      const { body } = await controlPlane().admin("/metrics");
      expect(body).toMatch(/^metaproto_connected_proxies 1$/m);
      expect(body).toMatch(/^metaproto_faults 0$/m);
      expect(body).toMatch(/^metaproto_snapshot_resources\{type="LDS"\} 4$/m);
      // What Envoy itself exposes, with labels.
      const prometheus = await dubbo.mesh.envoy.admin("/stats/prometheus");
      expect(prometheus).toMatch(/^metaproto_downstream_rq_total\{protocol="dubbo"\} [1-9]/m);
      expect(prometheus).toMatch(/^metaproto_downstream_rq_total\{protocol="thrift"\} [1-9]/m);
      expect(prometheus).toMatch(
        /^metaproto_local_reply\{protocol="dubbo",response_flag="nr"\} 0$/m,
      );
    });

    test("validate judges a directory as serve does", async () => {
      const good = await metaproto("validate", controlPlane().configFolder);
      expect(good).toMatchObject({ code: 0, stderr: "" });
      expect(good.stdout).toContain("2 listeners");
      expect(good.stdout).toContain("0 faults");
      const path = join(controlPlane().modulesFolder, "bad.yaml");
      writeFileSync(path, "kind: MetaRouter\n");
      const bad = await metaproto("validate", controlPlane().modulesFolder);
      expect(bad.code).toBe(1);
      expect(bad.stdout).toMatch(/^error: \S*bad\.yaml:1: /m);
      const none = await metaproto("status", "--admin-address", "127.0.0.1:1");
      expect(none).toMatchObject({ code: 1, stdout: "" });
    });
  });
});
