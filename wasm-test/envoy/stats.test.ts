// What Prometheus gets of the filter metaproto.filters.stats, from a real Envoy with the bootstrap that
// `metaproto bootstrap` prints, after requests of the official Dubbo and Thrift clients.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { missingDubboPeer } from "./support/dubbo-peer.js";
import { dubboFrameLength, dubboRequest } from "./support/dubbo-wire.js";
import type { PeerServer } from "./support/peer-client.js";
import { freePort } from "./support/ports.js";
import { parsePrometheus, type PrometheusSample } from "./support/prometheus.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { missingThriftPeers } from "./support/thrift-mesh.js";
import { type ThriftClient, startThriftClient, startThriftServer } from "./support/thrift-peer.js";
import { FRAMED } from "./support/thrift-wire.js";

const HEADER = { transport: "header", protocol: "binary" } as const;

function applicationProtocol(protocol: string, stats: object): object {
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "ApplicationProtocol",
    metadata: { name: protocol, namespace: "test" },
    spec: { protocol, codec: `aeraki.meta_protocol.codec.${protocol}`, stats },
  };
}

describeWith("stats", [missingDubboPeer(), ...missingThriftPeers()], () => {
  let dubbo: DubboMesh;
  let servers: PeerServer;
  let thriftPort: number;
  const clients: ThriftClient[] = [];

  beforeAll(async () => {
    thriftPort = await freePort();
    servers = await startThriftServer("python", [{ label: "v1", ...HEADER }]);
    clients.push(await startThriftClient("go"), await startThriftClient("python"));
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1" },
      service: {
        routes: [
          { name: "hello", match: { method: { exact: "sayHello" } }, to: { v1: 100 } },
          {
            name: "slow.ones",
            match: { method: { exact: "slow" } },
            to: { v1: 100 },
            timeout: "300ms",
          },
          { name: "failures", match: { method: { prefix: "fail" } }, to: { v1: 100 } },
        ],
      },
      others: () => [
        {
          protocol: "thrift",
          port: thriftPort,
          endpoints: [{ port: servers.port("v1"), version: "v1" }],
          routes: [
            { name: "hello", match: { method: { exact: "hello" } }, to: { v1: 100 } },
            { name: "failures", match: { method: { prefix: "fail" } }, to: { v1: 100 } },
          ],
        },
      ],
    });
    await dubbo.mesh.controlPlane.edit(
      "protocols.yaml",
      [
        applicationProtocol("dubbo", { methodAttribute: "method", maxMethods: 6 }),
        applicationProtocol("thrift", {
          methodAttribute: "method",
          durationBucketsMs: [1, 60_000],
        }),
      ]
        .map((resource) => stringify(resource))
        .join("---\n"),
    );
  });

  afterAll(async () => {
    await Promise.all([servers.stop(), ...clients.map((client) => client.stop())]);
    await dubbo.stop();
  });

  async function page(protocol: string): Promise<PrometheusSample[]> {
    const samples = parsePrometheus(await dubbo.mesh.envoy.admin("/stats/prometheus"));
    return samples.filter(({ labels }) => labels["protocol"] === protocol);
  }

  /** All samples of a protocol, once so many requests and their responses have been told, one by one. */
  function after(protocol: string, requests: number): Promise<PrometheusSample[]> {
    return waitUntil(`${String(requests)} requests told`, async () => {
      const samples = await page(protocol);
      const told = sums(samples, "metaproto_requests_total");
      const answered = sums(samples, "metaproto_responses_total");
      const isWhole = told[""] === requests && answered[""] === requests;
      return isWhole ? samples : undefined;
    });
  }

  /** By the given labels, joined with a blank; what is 0 is left out. */
  function sums(samples: PrometheusSample[], name: string, ...keys: string[]) {
    const values: Record<string, number> = {};
    for (const sample of samples) {
      if (sample.name !== name || sample.value === 0) continue;
      const key = keys.map((label) => sample.labels[label] ?? "").join(" ");
      values[key] = (values[key] ?? 0) + sample.value;
    }
    return values;
  }

  describe("of Dubbo", () => {
    test("requests and responses by route, cluster, method, status and flag", async () => {
      const { consumer, port } = dubbo;
      const target = { port };
      for (let i = 0; i < 3; i++) await consumer.call(target, { method: "sayHello", args: ["a"] });
      for (let i = 0; i < 2; i++) await consumer.fail(target, { method: "slow", args: [1_500] });
      await consumer.fail(target, { method: "failRuntime", args: ["boom"] });
      await consumer.fail(target, { method: "failChecked", args: ["boom"] });
      await consumer.fail(target, { method: "getUser", args: ["1"] });
      const samples = await after("dubbo", 8);
      const cluster = `outbound|${String(port)}|v1|demo.dubbo`;
      const by = ["route", "upstream_cluster", "method"];
      expect(sums(samples, "metaproto_responses_total", ...by, "status", "response_flag")).toEqual({
        [`hello ${cluster} sayHello ok -`]: 3,
        [`slow.ones ${cluster} slow error UT`]: 2,
        [`failures ${cluster} failRuntime business_error -`]: 1,
        [`failures ${cluster} failChecked business_error -`]: 1,
        "- - getUser error NR": 1,
      });
      expect(sums(samples, "metaproto_requests_total", ...by)).toEqual({
        [`hello ${cluster} sayHello`]: 3,
        [`slow.ones ${cluster} slow`]: 2,
        [`failures ${cluster} failRuntime`]: 1,
        [`failures ${cluster} failChecked`]: 1,
        "- - getUser": 1,
      });
      expect(sums(samples, "metaproto_requests_total", "route_configuration")).toEqual({
        [`demo.dubbo_${String(port)}`]: 8,
      });
    });

    test("all that dashboards and alerts ask for, but for filters that are not in use", async () => {
      const chart = new URL("../../charts/metaproto/", import.meta.url);
      const text = ["dashboards/metaproto-proxies.json", "alerts/metaproto.rules.yaml"]
        .map((file) => readFileSync(new URL(file, chart), "utf8"))
        .join("\n")
        .replace(/^ {2}- name: metaproto-control-plane$[\s\S]*?(?=^ {2}- name:)/m, "");
      const asked = new Set(text.match(/\bmetaproto_[a-z_]+/g));
      const shown = new Set((await page("dubbo")).map(({ name }) => name));
      const isOfFilter = (name: string): boolean => /^metaproto_(local_)?rate_limit_/.test(name);
      expect(asked.size).toBeGreaterThan(30);
      expect([...asked].filter((name) => !shown.has(name) && !isOfFilter(name))).toEqual([]);
    });

    test("durations as buckets that add up, and bytes", async () => {
      const samples = await after("dubbo", 8);
      const slow = samples.filter(({ labels }) => labels["method"] === "slow");
      const bucket = "metaproto_request_duration_milliseconds_bucket";
      const buckets = sums(slow, bucket, "le");
      // 300 ms each, with the resolution of timeouts, 10 ms.
      expect(buckets).toMatchObject({ "3600000": 2, "+Inf": 2 });
      expect(buckets["250"]).toBeUndefined();
      expect(slow.filter(({ name }) => name === bucket)).toHaveLength(20);
      expect(sums(slow, "metaproto_request_duration_milliseconds_count")).toEqual({ "": 2 });
      const sum = sums(slow, "metaproto_request_duration_milliseconds_sum")[""] ?? 0;
      expect(sum).toBeGreaterThanOrEqual(2 * 290);
      expect(sums(slow, "metaproto_request_bytes_total")[""]).toBeGreaterThan(2 * 100);
      expect(sums(slow, "metaproto_response_bytes_total")[""]).toBeGreaterThan(2 * 16);
    });

    test("a method's name breaks no label, and further methods are `other`", async () => {
      const connection = await TcpConnection.connect(dubbo.port);
      const names = ['a.b;.;route=.=x;.;"\\\n顾客', "c", "d", "sayHello", "e"];
      for (const [index, method] of names.entries()) {
        connection.write(dubboRequest({ id: BigInt(index + 1), method }));
        await connection.readFrame(dubboFrameLength);
      }
      connection.end();
      const samples = await after("dubbo", 13);
      expect(sums(samples, "metaproto_requests_total", "route", "method")).toEqual({
        "hello sayHello": 4,
        "slow.ones slow": 2,
        "failures failRuntime": 1,
        "failures failChecked": 1,
        "- getUser": 1,
        '- a.b%3B.%3Broute%3D.%3Dx%3B.%3B"\\%0A顾客': 1,
        "- other": 3,
      });
      for (const { name, labels } of samples.filter(({ labels: { route } }) => route !== undefined))
        expect(
          Object.keys(labels).filter((key) => !KNOWN.has(key)),
          name,
        ).toEqual([]);
    });
  });

  const KNOWN = new Set([
    ...["protocol", "route_configuration", "route", "upstream_cluster", "method"],
    ...["status", "response_flag", "le"],
  ]);

  test("of Thrift, by both clients", async () => {
    for (const client of clients) {
      for (const wire of [FRAMED, HEADER]) {
        const target = { ...wire, port: thriftPort };
        await client.call(target, { method: "hello", args: ["you"] });
        await client.fail(target, { method: "failBiz", args: ["boom"] });
        await client.fail(target, { method: "failUndeclared", args: ["boom"] });
        await client.fail(target, { method: "getUser", args: ["1"] });
      }
    }
    const samples = await after("thrift", 16);
    const cluster = `outbound|${String(thriftPort)}|v1|demo.thrift`;
    const by = ["route", "upstream_cluster", "method", "status", "response_flag"];
    expect(sums(samples, "metaproto_responses_total", ...by)).toEqual({
      [`hello ${cluster} hello ok -`]: 4,
      [`failures ${cluster} failBiz business_error -`]: 4,
      [`failures ${cluster} failUndeclared error -`]: 4,
      "- - getUser error NR": 4,
    });
    const bucket = "metaproto_request_duration_milliseconds_bucket";
    expect(sums(samples, bucket, "le")).toMatchObject({ "60000": 16, "+Inf": 16 });
    const ends = new Set(
      samples.filter(({ name }) => name === bucket).map(({ labels }) => labels["le"]),
    );
    expect([...ends].sort()).toEqual(["+Inf", "1", "60000"]);
  });
});
