import { expect, test } from "vitest";
import { nodeNamespace, peerIdentity } from "./peer-identity.js";

test("a workload of Istio is known by its only URI", () => {
  expect(peerIdentity("URI:spiffe://cluster.local/ns/shop/sa/orders")).toEqual({
    uri: "spiffe://cluster.local/ns/shop/sa/orders",
    namespace: "shop",
    serviceAccount: "orders",
  });
  expect(peerIdentity("DNS:a.b, URI:spiffe://td/ns/a/sa/b")?.namespace).toBe("a");
});

test.each([
  undefined,
  "",
  "DNS:orders.shop.svc",
  "URI:https://cluster.local/ns/shop/sa/orders",
  "URI:spiffe://cluster.local/ns/shop",
  "URI:spiffe://cluster.local/ns/shop/sa/orders/more",
  "URI:spiffe://cluster.local/ns/a/sa/b, URI:spiffe://cluster.local/ns/c/sa/d",
  'DNS:"a, URI:spiffe://cluster.local/ns/a/sa/b"',
])("%s is nobody", (subjectAltName) => {
  expect(peerIdentity(subjectAltName)).toBeUndefined();
});

test("the namespace of a proxy is the last part of its workload", () => {
  expect(nodeNamespace("sidecar~10.0.0.1~orders-1.shop~shop.svc.cluster.local")).toBe("shop");
  expect(nodeNamespace("router~10.0.0.1~a.b.edge~edge.svc.cluster.local")).toBe("edge");
  expect(nodeNamespace("envoy-1")).toBeUndefined();
  expect(nodeNamespace("sidecar~10.0.0.1~orders~shop.svc.cluster.local")).toBeUndefined();
});
