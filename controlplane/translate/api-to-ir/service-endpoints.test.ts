import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { validateResource } from "../../api/kinds.js";
import type { ServiceFacts } from "./istio-facts.js";
import { translateToMesh } from "./translate-to-mesh.js";

function endpointsByCluster(resolution: string, facts: ServiceFacts) {
  const yaml = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: greeter, namespace: shop }
spec:
  hosts: [greeter.shop]
  addresses: [10.0.0.7]
  ports: [{ number: 20880, name: tcp-metaprotocol-dubbo, targetPort: 20881 }]
  resolution: ${resolution}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: greeter, namespace: shop }
spec: { host: greeter.shop, subsets: [{ name: v1, labels: { version: v1 } }] }
`;
  const resources = parseAllDocuments(yaml).map((document) => {
    const validation = validateResource(document.toJS());
    if (validation.outcome !== "valid") throw new Error(JSON.stringify(validation));
    return validation.resource;
  });
  const services = new Map([["shop/greeter", facts]]);
  const { mesh } = translateToMesh({ resources, modules: [], istio: { services } });
  const outbound = mesh.clusters.filter(({ name }) => name.startsWith("outbound|"));
  return Object.fromEntries(
    outbound.map(({ name, endpoints }) => [
      name,
      endpoints.map(({ address, port }) => `${address}:${String(port)}`),
    ]),
  );
}

test("are those of the whole Service; whose are of a subset nobody says", () => {
  const endpoints = ["10.1.0.1", "10.1.0.2"];
  expect(endpointsByCluster("STATIC", { endpoints })).toEqual({
    "outbound|20880||greeter.shop": ["10.1.0.1:20881", "10.1.0.2:20881"],
    "outbound|20880|v1|greeter.shop": [],
  });
});

test("have the port that the name of a port stands for", () => {
  const facts = { endpoints: ["10.1.0.1"], targetPorts: { 20880: [30880] } };
  expect(endpointsByCluster("STATIC", facts)["outbound|20880||greeter.shop"]).toEqual([
    "10.1.0.1:30880",
  ]);
});

test("are none where clients choose the instance", () => {
  expect(endpointsByCluster("NONE", { endpoints: ["10.1.0.1"] })).toEqual({
    "outbound|20880||greeter.shop": [],
    "outbound|20880|v1|greeter.shop": [],
  });
});
