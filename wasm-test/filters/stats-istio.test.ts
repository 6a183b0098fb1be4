// Istio's standard metrics as metaproto.filters.stats tells them, on the host emulator.
import { describe, expect, it } from "vitest";
import { Stats_Reporter as Reporter } from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { LineMesh, LineServer } from "../switchboard/line-fixture.js";
import type { MeshOptions } from "../switchboard/mesh.js";
import { byLabels, samples, statsFilter, type StatsInit } from "./stats-fixture.js";

const CLUSTER = "outbound|20880|v1|greeter.shop.svc.cluster.local";
const REQUESTS = "istio_requests_total";

function meshOf(
  istio: NonNullable<StatsInit["istio"]>,
  options: Partial<MeshOptions> = {},
): { mesh: LineMesh; server: LineServer } {
  const server = new LineServer("v1");
  const mesh = new LineMesh({
    clusters: { [CLUSTER]: [server] },
    filters: [statsFilter({ istio })],
    ...options,
  });
  return { mesh, server };
}

function ask(mesh: LineMesh, line = "GET a", principal?: string): void {
  const connection = principal === undefined ? {} : { uri_san_peer_certificate: principal };
  const socket = mesh.host.connect({ properties: { connection } });
  mesh.run();
  socket.send(Buffer.from(`${line}\n`));
  mesh.run();
}

describe("istio_requests_total", () => {
  it("has the labels of Istio, what is not known as `unknown`", () => {
    const { mesh } = meshOf({
      reporter: Reporter.SOURCE,
      labels: {
        source_workload: "shop-v1",
        source_workload_namespace: "shop",
        source_canonical_service: "shop",
      },
    });
    ask(mesh);
    ask(mesh);
    const [requests, ...others] = samples(mesh).filter(({ name }) => name === REQUESTS);
    expect(others).toEqual([]);
    expect(requests).toEqual({
      name: REQUESTS,
      value: 2,
      labels: {
        reporter: "source",
        source_workload: "shop-v1",
        source_workload_namespace: "shop",
        source_principal: "unknown",
        source_app: "unknown",
        source_version: "unknown",
        source_cluster: "unknown",
        source_canonical_service: "shop",
        source_canonical_revision: "unknown",
        destination_workload: "unknown",
        destination_workload_namespace: "unknown",
        destination_principal: "unknown",
        destination_app: "unknown",
        destination_version: "unknown",
        destination_cluster: "unknown",
        destination_canonical_service: "unknown",
        destination_canonical_revision: "unknown",
        destination_service: "greeter.shop.svc.cluster.local",
        destination_service_name: "greeter",
        destination_service_namespace: "shop",
        request_protocol: "line",
        response_code: "200",
        response_flags: "-",
        connection_security_policy: "unknown",
      },
    });
    // What Istio's proxies include among the metrics that they keep.
    const names = [...mesh.host.metrics.counters.keys()].filter((name) => name.includes("istio_"));
    expect(names.every((name) => name.startsWith("reporter=.=source;.;"))).toBe(true);
  });

  it.each([
    ["outbound|20880||demo.meta", "demo.meta/demo.meta/unknown"],
    ["outbound|20880||a.b.svc.cluster.local", "a.b.svc.cluster.local/a/b"],
    ["outbound|20880||a.b.svcs.local", "a.b.svcs.local/a.b.svcs.local/unknown"],
    ["inbound|20880||", "unknown/unknown/unknown"],
    ["v1", "unknown/unknown/unknown"],
  ])("takes the service from the cluster %s", (cluster, expected) => {
    const { mesh } = meshOf({}, { clusters: { [cluster]: [new LineServer("v1")] } });
    ask(mesh);
    const keys = ["", "_name", "_namespace"].map((suffix) => `destination_service${suffix}`);
    expect(byLabels(mesh, REQUESTS, ...keys)).toEqual({ [expected]: 1 });
  });

  it("of a destination knows who the client is from its certificate", () => {
    const { mesh } = meshOf({
      reporter: Reporter.DESTINATION,
      labels: { destination_service: "greeter", request_protocol: "http" },
    });
    const spiffe = "spiffe://cluster.local/ns/shop/sa/front";
    ask(mesh, "GET a", spiffe);
    ask(mesh, "GET a", "spiffe://x/;.;response_code=.=500;.;");
    ask(mesh);
    expect(
      byLabels(
        mesh,
        REQUESTS,
        ...["reporter", "source_principal", "connection_security_policy", "response_code"],
      ),
    ).toEqual({
      [`destination/${spiffe}/mutual_tls/200`]: 1,
      "destination/spiffe://x/%3B.%3Bresponse_code%3D.%3D500%3B.%3B/mutual_tls/200": 1,
      "destination/unknown/none/200": 1,
    });
    expect(byLabels(mesh, REQUESTS, "destination_service", "request_protocol")).toEqual({
      "greeter/http": 3,
    });
  });

  it("asks for the client's certificate once for a connection", () => {
    const { mesh } = meshOf({ reporter: Reporter.DESTINATION });
    const client = mesh.connect();
    client.send("GET a");
    mesh.run();
    mesh.host.vm.stats.reset();
    client.send("GET b");
    mesh.run();
    expect(mesh.host.vm.stats.hostCalls["proxy_get_property"] ?? 0).toBe(0);
    expect(byLabels(mesh, REQUESTS, "source_principal")).toEqual({ unknown: 2 });
  });

  it("tells failures by the codes of HTTP", () => {
    const { mesh, server } = meshOf(
      {},
      {
        routes: [
          {
            match: [{ name: "verb", exact: "GET" }],
            destinations: [{ cluster: CLUSTER }],
            timeout: "0.1s",
          },
        ],
        clusterSettings: { [CLUSTER]: { maxRequests: 1 } },
      },
    );
    ask(mesh);
    ask(mesh, "PUT a");
    ask(mesh, "\x01");
    server.answers = false;
    ask(mesh);
    ask(mesh);
    mesh.host.advance(200);
    ask(mesh);
    for (const { connection } of server.requests) connection.close();
    mesh.run();
    expect(byLabels(mesh, REQUESTS, "response_code", "response_flags")).toEqual({
      "200/-": 1,
      "404/NR": 1,
      "400/DPE": 1,
      "503/UO": 1,
      "504/UT": 1,
      "503/UC": 1,
    });
  });

  it("beyond 256 combinations goes on as `unknown`, with the codes", () => {
    const { mesh } = meshOf({ reporter: Reporter.DESTINATION });
    for (let i = 0; i < 260; i++) ask(mesh, "GET a", `spiffe://x/${String(i)}`);
    mesh.host.advance(50_000);
    const counted = byLabels(mesh, REQUESTS, "source_principal", "response_code");
    expect(Object.keys(counted)).toHaveLength(257);
    expect(counted["unknown/200"]).toBe(4);
  });
});

describe("Istio's histograms", () => {
  it("are buckets with the boundaries of Istio's own", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { [CLUSTER]: [provider] },
      filters: [statsFilter({ istio: {} })],
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "sayHello" });
    mesh.run();
    mesh.host.advance(60);
    provider.requests[0]?.reply("x".repeat(2000));
    mesh.run();
    const buckets = (metric: string): Record<string, number> =>
      byLabels(mesh, `istio_${metric}_bucket`, "le");
    const duration = buckets("request_duration_milliseconds");
    expect(duration["50"]).toBeUndefined();
    expect([duration["100"], duration["3600000"], duration["+Inf"]]).toEqual([1, 1, 1]);
    const request = buckets("request_bytes");
    expect([request["50"], request["250"]]).toEqual([undefined, 1]);
    const response = buckets("response_bytes");
    expect([response["1000"], response["2500"]]).toEqual([undefined, 1]);
    expect(byLabels(mesh, "istio_response_bytes_count")).toEqual({ "": 1 });
    expect(byLabels(mesh, "istio_response_bytes_sum")[""]).toBeGreaterThan(2000);
    expect(byLabels(mesh, REQUESTS, "request_protocol", "response_code")).toEqual({
      "dubbo/200": 1,
    });
  });
});
