import { expect, test } from "vitest";
import type { ProxyView, StreamView, TypeStatus } from "../server/proxy-status.js";
import { statusText, streamsText } from "./status-text.js";

function type(name: string, fields: Partial<TypeStatus> = {}): TypeStatus {
  return {
    type: name,
    state: "synced",
    acceptedVersion: "v",
    acceptedAt: "2026-01-01T00:00:00.000Z",
    resources: [],
    missing: [],
    lastRefusal: undefined,
    ...fields,
  };
}

function refused(name: string, resource: string, message: string, second: number): TypeStatus {
  return type(name, {
    state: "refused",
    lastRefusal: {
      message,
      at: `2026-01-01T00:00:0${second}.000Z`,
      resources: [{ name: resource, version: "v" }],
    },
  });
}

function stream(fields: Partial<StreamView>): StreamView {
  return {
    role: "module",
    agent: "metaproto",
    peer: "127.0.0.1:1",
    connectedAt: "2026-01-01T00:00:00.123Z",
    protocols: [],
    types: [],
    ...fields,
  };
}

const SYNCED = ["CDS", "EDS", "LDS", "ECDS"].map((name) => type(name));

function module(protocol: string, routes = type("routes")): StreamView {
  return stream({ protocols: [protocol], types: [routes] });
}

const PROXIES: readonly ProxyView[] = [
  {
    node: "edge-1",
    cluster: "c",
    modules: [
      { protocol: "dubbo", sha256: "0123456789abcdef".repeat(4) },
      { protocol: "thrift", sha256: undefined },
    ],
    streams: [
      stream({ role: "proxy", agent: "envoy 1.40.0", types: SYNCED }),
      module("dubbo"),
      module("dubbo"),
      module("dubbo"),
      module("thrift", refused("routes", "calc.demo_9090", "bad automaton", 1)),
      module("thrift", refused("routes", "calc.demo_9090", "bad automaton", 3)),
      module("thrift"),
    ],
  },
  {
    node: "edge-2",
    cluster: "c",
    modules: [],
    streams: [
      stream({
        role: "proxy",
        agent: "envoy 1.36.2",
        types: [
          type("CDS"),
          type("EDS", { missing: ["outbound|1||gone"] }),
          refused("LDS", "demo.meta_1", "cannot bind", 2),
          type("ECDS", { state: "pending" }),
        ],
      }),
    ],
  },
  { node: "edge-3", cluster: "c", modules: [], streams: [module("dubbo"), stream({})] },
];

test("a line for each proxy, with its modules by protocol, and each fault once", () => {
  expect(statusText(PROXIES)).toBe(
    `
PROXY   AGENT         CONNECTED             CDS     EDS                LDS      ECDS     ROUTES                 MODULES
edge-1  envoy 1.40.0  2026-01-01T00:00:00Z  synced  synced             synced   synced   dubbo 3/3, thrift 1/3  dubbo 0123456789ab, thrift ?
edge-2  envoy 1.36.2  2026-01-01T00:00:00Z  synced  synced, 1 missing  refused  pending  -                      -
edge-3  -             not connected         -       -                  -        -        ? 0/1, dubbo 1/1       -
edge-1: refused routes calc.demo_9090: bad automaton (2 streams, last at 2026-01-01T00:00:03.000Z)
edge-2: EDS outbound|1||gone does not exist
edge-2: refused LDS demo.meta_1: cannot bind (last at 2026-01-01T00:00:02.000Z)`.trimStart(),
  );
});

test("a line for each stream", () => {
  const [, second, third] = PROXIES;
  expect(streamsText([second, third].filter((proxy) => proxy !== undefined))).toBe(
    `
PROXY   STREAM  PROTOCOL  AGENT         CONNECTED             CDS     EDS                LDS      ECDS     ROUTES
edge-2  proxy   -         envoy 1.36.2  2026-01-01T00:00:00Z  synced  synced, 1 missing  refused  pending  -
edge-3  module  dubbo     metaproto     2026-01-01T00:00:00Z  -       -                  -        -        synced
edge-3  module  -         metaproto     2026-01-01T00:00:00Z  -       -                  -        -        -
edge-2: EDS outbound|1||gone does not exist
edge-2: refused LDS demo.meta_1: cannot bind (last at 2026-01-01T00:00:02.000Z)`.trimStart(),
  );
});

test("a proxy of another replica is told as that replica tells of it", () => {
  const proxy: ProxyView = {
    node: "sidecar~2",
    cluster: "",
    streams: [],
    modules: [{ protocol: "dubbo", sha256: "a".repeat(64) }],
    elsewhere: { replica: "second", routes: "pending" },
  };
  expect(statusText([proxy])).toMatch(
    /\nsidecar~2 +- +at second +- +- +- +- +pending +dubbo aaaaaaaaaaaa$/,
  );
  expect(streamsText([proxy])).toMatch(/\nsidecar~2 +- +- +- +at second +- +- +- +- +pending$/);
});
