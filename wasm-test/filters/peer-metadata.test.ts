// Filter metaproto.filters.peer_metadata on the host emulator: what proxies tell each other, what servers and
// clients see of it (nothing), and what Istio's metrics make of it.
import { create, toBinary } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import {
  PeerMetadata_Side as Side,
  PeerMetadataSchema,
} from "../../controlplane/gen/metaproto/filters/v1/peer_metadata_pb.js";
import { Stats_Reporter as Reporter } from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import { dubboRequest, dubboResponse, valueBody } from "../envoy/support/dubbo-wire.js";
import type { ThriftWire } from "../envoy/support/thrift-wire.js";
import { DubboMesh, Provider, type DubboClient } from "../switchboard/dubbo-fixture.js";
import { pluginConfiguration, type FilterOptions } from "../switchboard/mesh.js";
import { Service, ThriftMesh } from "../switchboard/thrift-fixture.js";
import { callFrame } from "../switchboard/thrift-messages.js";
import { filterOptions } from "./filter-options.js";
import { byLabels, samples, statsFilter } from "./stats-fixture.js";

const METADATA = "x-envoy-peer-metadata";
const METADATA_ID = "x-envoy-peer-metadata-id";
const REQUESTS = "istio_requests_total";

type Json = string | { readonly [key: string]: Json };

/** A google.protobuf.Struct as Istio's proxies send it. */
function structOf(fields: Readonly<Record<string, Json>>): string {
  const value = (json: Json): object =>
    typeof json === "string"
      ? { kind: { case: "stringValue", value: json } }
      : { kind: { case: "structValue", value: { fields: valuesOf(json) } } };
  const valuesOf = (json: Readonly<Record<string, Json>>): Record<string, object> =>
    Object.fromEntries(Object.entries(json).map(([key, field]) => [key, value(field)]));
  const struct = create(StructSchema, { fields: valuesOf(fields) });
  return Buffer.from(toBinary(StructSchema, struct)).toString("base64");
}

const WEB = structOf({
  NAME: "web-v1-7d8f",
  NAMESPACE: "front",
  WORKLOAD_NAME: "web-v1",
  CLUSTER_ID: "Kubernetes",
  LABELS: {
    app: "web",
    version: "v1",
    "service.istio.io/canonical-name": "web-service",
    "service.istio.io/canonical-revision": "r1",
  },
  OWNER: "kubernetes://apis/apps/v1/namespaces/front/deployments/web-v1",
});

const NODE = {
  xds: {
    node: {
      id: "sidecar~10.0.0.1~cart-v1~shop",
      metadata: {
        NAMESPACE: "shop",
        WORKLOAD_NAME: "cart-v1",
        LABELS: { app: "cart" },
      },
    },
  },
};

interface PeerOptions {
  readonly side: "INBOUND" | "OUTBOUND";
  readonly propagate?: boolean;
  readonly workload?: Record<string, string>;
}

function filtersOf({ side, propagate = true, workload = {} }: PeerOptions): FilterOptions[] {
  const reporter = side === "INBOUND" ? Reporter.DESTINATION : Reporter.SOURCE;
  return [
    filterOptions(PeerMetadataSchema, { side: Side[side], propagate, workload }),
    statsFilter({ istio: { reporter, labels: {} } }),
  ];
}

function meshOf(
  options: PeerOptions,
  provider: Provider = new Provider("v1"),
): { readonly mesh: DubboMesh; readonly provider: Provider } {
  const clusters = { v1: [provider] };
  const mesh = new DubboMesh({
    clusters,
    filters: filtersOf(options),
    host: { properties: NODE },
  });
  return { mesh, provider };
}

let nextId = 1n;

function ask(mesh: DubboMesh, client: DubboClient, attachments: Record<string, string>): string {
  const id = nextId++;
  client.request({ id, method: "m", attachments });
  mesh.run();
  return client.response(id).body.toString("latin1");
}

function textsOf(provider: Provider): string[] {
  return provider.requests.map(({ frame }) => frame.body.toString("latin1"));
}

/** What follows a key in Hessian's bytes. */
function valueIn(text: string, key: string): string | undefined {
  const [, value] =
    new RegExp(`${key}(?:[\\0-\\x1f]|[0-3][^]|S[^]{2})([\\w+/=~.-]+)`).exec(text) ?? [];
  return value;
}

describe("the service's side", () => {
  const LABELS = [
    "source_workload",
    "source_workload_namespace",
    "source_cluster",
    "source_app",
    "source_version",
    "source_canonical_service",
    "source_canonical_revision",
  ];

  it("counts the caller's workload, hides it from the server, and answers with its own", () => {
    const { mesh, provider } = meshOf({ side: "INBOUND" });
    const text = ask(mesh, mesh.connect(), { [METADATA]: WEB, [METADATA_ID]: "web", user: "u" });
    expect(byLabels(mesh, REQUESTS, "reporter", ...LABELS)).toEqual({
      "destination/web-v1/front/Kubernetes/web/v1/web-service/r1": 1,
    });
    const [seen = ""] = textsOf(provider);
    expect(seen).not.toContain("peer-metadata");
    expect(seen).toContain("user");
    expect(valueIn(text, METADATA_ID)).toBe("sidecar~10.0.0.1~cart-v1~shop");
    const own = Buffer.from(valueIn(text, METADATA) ?? "", "base64").toString("latin1");
    for (const part of ["WORKLOAD_NAME", "cart-v1", "NAMESPACE", "shop", "LABELS", "latest"]) {
      expect(own).toContain(part);
    }
  });

  it("tells nobody who has not asked, and nobody at all unless it is to", () => {
    const { mesh } = meshOf({ side: "INBOUND" });
    expect(ask(mesh, mesh.connect(), {})).not.toContain("peer-metadata");
    const silent = meshOf({ side: "INBOUND", propagate: false });
    const text = ask(silent.mesh, silent.mesh.connect(), { [METADATA]: WEB });
    expect(text).not.toContain("peer-metadata");
    expect(textsOf(silent.provider).join()).not.toContain("peer-metadata");
    expect(byLabels(silent.mesh, REQUESTS, "source_workload")).toEqual({ "web-v1": 1 });
  });

  it("takes the canonical service from the app, or the workload", () => {
    const { mesh } = meshOf({ side: "INBOUND" });
    const client = mesh.connect();
    ask(mesh, client, { [METADATA]: structOf({ WORKLOAD_NAME: "w", LABELS: { app: "a" } }) });
    ask(mesh, client, { [METADATA]: structOf({ WORKLOAD_NAME: "w", LABELS: { version: "2" } }) });
    const keys = ["source_canonical_service", "source_canonical_revision"] as const;
    expect(byLabels(mesh, REQUESTS, ...keys)).toEqual({
      "a/latest": 1,
      "w/2": 1,
    });
  });

  it("believes a certificate before what is said, and takes the namespace from it where nothing is", () => {
    const { mesh } = meshOf({ side: "INBOUND" });
    const asked = (namespace: string, attachments: Record<string, string>): void => {
      const uri = `spiffe://cluster.local/ns/${namespace}/sa/default`;
      const properties = { connection: { uri_san_peer_certificate: uri } };
      const socket = mesh.host.connect({ properties });
      mesh.run();
      const frame = { id: nextId++, method: "m", attachments };
      socket.send(dubboRequest(frame));
      mesh.run();
    };
    asked("front", { [METADATA]: WEB });
    asked("back", { [METADATA]: WEB });
    asked("back", {});
    const keys = ["source_workload_namespace", "source_workload"] as const;
    expect(byLabels(mesh, REQUESTS, ...keys)).toEqual({ "front/web-v1": 1, "back/unknown": 2 });
  });
});

describe("the caller's side", () => {
  function answering(attachments: Readonly<Record<string, string>>): Provider {
    const provider = new Provider("v1");
    provider.answers = false;
    const push = provider.requests.push.bind(provider.requests);
    provider.requests.push = (...requests) => {
      for (const { connection, frame } of requests) {
        if (!frame.isTwoWay || frame.isEvent) continue;
        connection.write(dubboResponse(frame.id, valueBody("v1", attachments)));
      }
      return push(...requests);
    };
    return provider;
  }

  it("tells of itself, and counts and hides what the other side says", () => {
    const server = answering({ [METADATA]: WEB, [METADATA_ID]: "web", label: "kept" });
    const { mesh, provider } = meshOf({ side: "OUTBOUND", workload: { version: "v7" } }, server);
    const text = ask(mesh, mesh.connect(), {});
    expect(text).not.toContain("peer-metadata");
    expect(text).toContain("kept");
    const [seen = ""] = textsOf(provider);
    expect(valueIn(seen, METADATA_ID)).toBe("sidecar~10.0.0.1~cart-v1~shop");
    const own = Buffer.from(valueIn(seen, METADATA) ?? "", "base64").toString("latin1");
    for (const part of ["cart-v1", "shop", "v7"]) expect(own).toContain(part);
    expect(byLabels(mesh, REQUESTS, "destination_workload", "destination_version")).toEqual({
      "web-v1/v1": 1,
    });
    // Its own side is not what it exchanges.
    expect(byLabels(mesh, REQUESTS, "source_workload")).toEqual({ unknown: 1 });
  });

  it("sends nothing unless it is to", () => {
    const { mesh, provider } = meshOf({ side: "OUTBOUND", propagate: false });
    ask(mesh, mesh.connect(), {});
    expect(textsOf(provider).join()).not.toContain("peer-metadata");
  });
});

describe("two proxies that speak Thrift with THeader", () => {
  const HEADER: ThriftWire = { transport: "header", protocol: "compact" };

  it("exchange it in info headers", () => {
    const service = new Service("v1");
    const host = { properties: NODE };
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      filters: filtersOf({ side: "INBOUND" }),
      host,
    });
    const client = mesh.connect(HEADER);
    client.socket.send(callFrame(HEADER, "hello", { headers: { [METADATA]: WEB, user: "u" } }));
    mesh.run();
    expect(service.requests[0]?.message.headers).toEqual({ user: "u" });
    expect(Object.keys(client.replies[0]?.headers ?? {}).sort()).toEqual([METADATA, METADATA_ID]);
    expect(byLabels(mesh, REQUESTS, "source_workload")).toEqual({ "web-v1": 1 });
  });
});

describe("metadata of somebody hostile", () => {
  const struct = Buffer.from(WEB, "base64");
  const garbage = [
    "",
    "=",
    "not base64",
    "AAAA",
    "A".repeat(4096),
    "A".repeat(4097),
    "A".repeat(30_000),
    structOf({}),
    structOf({ NAMESPACE: "" }),
    structOf({ UNKNOWN: "x", LABELS: "no struct" }),
    structOf({ WORKLOAD_NAME: { app: "no text" } }),
    Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]).toString("base64"),
    ...Array.from({ length: struct.length - 1 }, (_, length) =>
      struct.subarray(0, length).toString("base64"),
    ),
  ];

  it("is ignored and removed, whatever it is", () => {
    const { mesh, provider } = meshOf({ side: "INBOUND" });
    const client = mesh.connect();
    for (const text of garbage) ask(mesh, client, { [METADATA]: text });
    const passed = textsOf(provider).flatMap((text, index) =>
      text.includes("peer-metadata") ? [garbage[index]?.slice(0, 20)] : [],
    );
    expect(passed).toEqual([]);
    const { unknown = 0, "web-v1": cut = 0, ...rest } = byLabels(mesh, REQUESTS, "source_workload");
    // Cut off between two fields it is still a struct.
    expect(unknown + cut).toBe(garbage.length);
    expect(cut).toBeLessThan(5);
    expect(rest).toEqual({});
    expect(mesh.host.warnings).toEqual([]);
  });

  it("with any byte changed neither traps nor says anything under another's name", () => {
    const { mesh } = meshOf({ side: "INBOUND" });
    const client = mesh.connect();
    for (let at = 0; at < struct.length; at++) {
      for (const bit of [1, 0x10, 0x80]) {
        const changed = Buffer.from(struct);
        changed[at] = (changed[at] ?? 0) ^ bit;
        ask(mesh, client, { [METADATA]: changed.toString("base64") });
      }
    }
    mesh.host.advance(120_000);
    const total = samples(mesh)
      .filter(({ name }) => name === REQUESTS)
      .reduce((sum, { value }) => sum + value, 0);
    expect(total).toBe(struct.length * 3);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("is remembered of 256 peers, and shown of as many as Istio's metrics have series for", () => {
    const { mesh } = meshOf({ side: "INBOUND" });
    const client = mesh.connect();
    for (let index = 0; index < 2000; index++) {
      ask(mesh, client, { [METADATA]: structOf({ WORKLOAD_NAME: `w${String(index)}` }) });
    }
    mesh.host.advance(120_000);
    const names = byLabels(mesh, REQUESTS, "source_workload");
    expect(Object.keys(names).length).toBeLessThanOrEqual(257);
    expect(names["unknown"]).toBeGreaterThan(1700);
    expect(Object.values(names).reduce((sum, value) => sum + value, 0)).toBe(2000);
  });

  it("longer than a label of Kubernetes is cut off", () => {
    const { mesh } = meshOf({ side: "INBOUND" });
    ask(mesh, mesh.connect(), { [METADATA]: structOf({ WORKLOAD_NAME: "w".repeat(1000) }) });
    expect(byLabels(mesh, REQUESTS, "source_workload")).toEqual({ ["w".repeat(63)]: 1 });
  });
});

/** What the module says of a configuration that it refuses. */
function refusalOf(filters: readonly FilterOptions[]): string {
  const clusters = { v1: [new Provider("v1")] };
  const mesh = new DubboMesh({ clusters });
  expect(() => {
    mesh.host.reconfigure(pluginConfiguration({ clusters, filters }));
  }).toThrow();
  return mesh.host.logs.map(({ message }) => message).join("\n");
}

describe("a configuration", () => {
  it.each([
    [{ nothing: "x" }, "workload: nothing of a workload is called nothing"],
    [{ app: "x".repeat(64) }, "workload.app: longer than 63"],
  ])("with the workload %j is refused", (workload, fault) => {
    expect(refusalOf([filterOptions(PeerMetadataSchema, { workload })])).toContain(fault);
  });

  it("of an unknown side is refused", () => {
    const config = Buffer.from([0x08, 0x07]).toString("base64");
    const filters = [{ name: "metaproto.filters.peer_metadata", config }];
    expect(refusalOf(filters)).toContain("side: must be OUTBOUND or INBOUND");
  });
});
