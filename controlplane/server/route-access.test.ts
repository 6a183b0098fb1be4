import { expect, test } from "vitest";
import type { Listener } from "../ir/mesh.js";
import type { Placement } from "../ir/placement.js";
import { CLUSTER_TYPE, ROUTES_TYPE } from "../xds/resource-type.js";
import { RouteAccess } from "./route-access.js";

function listener(name: string, placement?: Placement): Listener {
  return {
    name,
    host: "h",
    port: 1,
    address: undefined,
    protocol: "dubbo",
    routes: [],
    filters: [],
    clusterNames: [],
    downstreamTls: undefined,
    ...(placement && { placement }),
  };
}

const outbound = {
  kind: "outbound",
  namespace: "shop",
  addresses: [],
  hasWildcard: false,
} as const;
const selector = { app: "a" };

const access = new RouteAccess();
access.update({
  listeners: [
    listener("for-all", { ...outbound, exportedTo: undefined }),
    listener("for-some", { ...outbound, exportedTo: ["billing", "shop"] }),
    listener("own", { kind: "inbound", namespace: "shop", selector }),
    listener("at-gateway", {
      kind: "gateway",
      namespace: "edge",
      gateway: "g",
      selector,
      namespaces: ["edge", "ingress"],
      proxyPorts: [1],
      hosts: ["*"],
      serverNames: [],
    }),
    listener("at-waypoint", { kind: "waypoint", namespace: "edge", gateway: "w" }),
    listener("without-istio"),
  ],
});

function peer(namespace: string) {
  return { uri: `spiffe://td/ns/${namespace}/sa/a`, namespace, serviceAccount: "a" };
}

test.each([
  ["shop", ["for-all", "for-some", "own"]],
  ["billing", ["for-all", "for-some"]],
  ["ingress", ["for-all", "at-gateway"]],
  ["edge", ["for-all", "at-gateway", "at-waypoint"]],
  ["other", ["for-all"]],
])("a proxy of %s may have the routes of %j", (namespace, expected) => {
  const placed = ["for-all", "for-some", "own", "at-gateway", "at-waypoint"];
  const names = [...placed, "without-istio", "unknown"];
  expect(names.filter((name) => access.mayHave(peer(namespace), ROUTES_TYPE, name))).toEqual(
    expected,
  );
});

test("nobody may have anything", () => {
  expect(access.mayHave(undefined, ROUTES_TYPE, "for-all")).toBe(false);
  expect(access.isServed(CLUSTER_TYPE)).toBe(false);
});

test("a proxy only speaks for its own namespace", () => {
  const node = {
    id: "sidecar~10.0.0.1~a-1.shop~shop.svc",
    cluster: "",
    agent: "",
    role: "module",
    labels: {},
  };
  expect(access.refusalOf({ ...node, role: "module" }, peer("shop"))).toBeUndefined();
  expect(access.refusalOf({ ...node, role: "module" }, peer("other"))).toBe(
    "spiffe://td/ns/other/sa/a must not speak for node sidecar~10.0.0.1~a-1.shop~shop.svc, whose namespace is shop",
  );
  expect(access.refusalOf({ ...node, role: "module" }, undefined)).toContain("no certificate");
  expect(access.refusalOf({ ...node, id: "envoy", role: "module" }, peer("shop"))).toContain(
    "unknown",
  );
});
