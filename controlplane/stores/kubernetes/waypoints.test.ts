import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../kubernetes/object.js";
import { Waypoints } from "./waypoints.js";

type Labels = Readonly<Record<string, string>>;

function namespace(name: string, labels: Labels = {}): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

function gateway(place: string, namespaces?: object, labels: Labels = {}): KubernetesObject {
  const [own = "", name = ""] = place.split("/");
  const hbone = {
    name: "mesh",
    port: 15_008,
    protocol: "HBONE",
    ...(namespaces && { allowedRoutes: { namespaces } }),
  };
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name, namespace: own, labels },
    spec: { listeners: [{ name: "other", port: 80, protocol: "HTTP" }, hbone] },
  };
}

function service(labels: Labels = {}): KubernetesObject {
  const metadata = { name: "greeter", namespace: "shop", labels };
  return { apiVersion: "v1", kind: "Service", metadata };
}

const WAYPOINT = { "istio.io/use-waypoint": "waypoint" };
const AT_SHOP = { namespace: "shop", gateway: "waypoint" };

describe("the waypoint of a service", () => {
  test.each<[string, Labels, Labels, object | undefined]>([
    ["none is named", {}, {}, undefined],
    ["its own label", WAYPOINT, {}, AT_SHOP],
    ["its namespace's", {}, WAYPOINT, AT_SHOP],
    [
      "its own before its namespace's",
      WAYPOINT,
      { "istio.io/use-waypoint": "nowhere", "istio.io/use-waypoint-namespace": "infra" },
      AT_SHOP,
    ],
    [
      "none, although its namespace has one",
      { "istio.io/use-waypoint": "none" },
      WAYPOINT,
      undefined,
    ],
    [
      "one that is not there",
      { "istio.io/use-waypoint": "nowhere" },
      {},
      { missing: "shop/nowhere", reason: "there is no such Gateway" },
    ],
    [
      "what is a waypoint itself",
      { "gateway.istio.io/managed": "istio.io-mesh-controller" },
      WAYPOINT,
      undefined,
    ],
  ])("%s", (_, own, ofNamespace, expected) => {
    const waypoints = new Waypoints([namespace("shop", ofNamespace)], [gateway("shop/waypoint")]);
    expect(waypoints.of(service(own))).toEqual(expected);
  });

  const elsewhere = { ...WAYPOINT, "istio.io/use-waypoint-namespace": "infra" };
  const refused = {
    missing: "infra/waypoint",
    reason: "it allows none of the namespace `shop`",
  };
  const allowed = { namespace: "infra", gateway: "waypoint" };

  test.each<[string, object | undefined, object]>([
    ["says nothing", undefined, refused],
    ["allows its own namespace", { from: "Same" }, refused],
    ["allows all", { from: "All" }, allowed],
    ["selects labels", { from: "Selector", selector: { matchLabels: { team: "a" } } }, allowed],
    [
      "selects other labels",
      { from: "Selector", selector: { matchLabels: { team: "b" } } },
      refused,
    ],
    ["selects nothing", { from: "Selector" }, refused],
    ["selects everything", { from: "Selector", selector: {} }, allowed],
    [
      "selects by expressions",
      {
        from: "Selector",
        selector: {
          matchExpressions: [
            { key: "team", operator: "In", values: ["a", "b"] },
            { key: "team", operator: "NotIn", values: ["c"] },
            { key: "team", operator: "Exists" },
            { key: "other", operator: "DoesNotExist" },
          ],
        },
      },
      allowed,
    ],
    [
      "selects by an expression that does not hold",
      {
        from: "Selector",
        selector: { matchExpressions: [{ key: "team", operator: "NotIn", values: ["a"] }] },
      },
      refused,
    ],
  ])("of another namespace, whose Gateway %s", (_, namespaces, expected) => {
    const waypoints = new Waypoints(
      [namespace("shop", { team: "a" })],
      [gateway("infra/waypoint", namespaces)],
    );
    expect(waypoints.of(service(elsewhere))).toEqual(expected);
  });

  test.each(["service", "all", "workload", "none"])("that is for %s", (purpose) => {
    const forIt = { "istio.io/waypoint-for": purpose };
    const waypoints = new Waypoints([], [gateway("shop/waypoint", undefined, forIt)]);
    const isForServices = ["service", "all"].includes(purpose);
    const reason = `it is for \`${purpose}\`, not for services`;
    expect(waypoints.of(service(WAYPOINT))).toEqual(
      isForServices ? AT_SHOP : { missing: "shop/waypoint", reason },
    );
  });
});
