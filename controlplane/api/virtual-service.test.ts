import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { validateResource } from "./kinds.js";
import type { VirtualServiceSpec } from "./virtual-service.js";

function specOf(spec: string, labels: Record<string, string> = {}): VirtualServiceSpec {
  const validation = validateResource({
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "VirtualService",
    metadata: { name: "demo", namespace: "shop", labels },
    spec: parse(spec) as unknown,
  });
  if (validation.outcome !== "valid") throw new Error(JSON.stringify(validation));
  expect(validation.warnings).toEqual([]);
  return validation.resource.spec as VirtualServiceSpec;
}

const TO = "route: [{ destination: { host: a.test } }]";

describe("a VirtualService", () => {
  it("is routes by attributes, one for each match", () => {
    const { hosts, routes, notApplied } = specOf(`
hosts: [a.test]
http:
- name: some
  match:
  - method: { exact: hello }
    headers: { Region: { prefix: eu }, traced: {} }
  - headers: { x: { regex: "y+" } }
  timeout: 1.5s
  ${TO}
- ${TO}`);
    expect(hosts).toEqual(["a.test"]);
    expect(notApplied).toEqual([]);
    expect(routes.map(({ name, match, timeoutMs }) => ({ name, match, timeoutMs }))).toEqual([
      {
        name: "some",
        match: {
          method: { kind: "exact", value: "hello" },
          region: { kind: "prefix", value: "eu" },
          traced: { kind: "present" },
        },
        timeoutMs: 1500,
      },
      { name: "some", match: { x: { kind: "regex", pattern: "y+" } }, timeoutMs: 1500 },
      { name: "", match: {}, timeoutMs: undefined },
    ]);
  });

  it.each([
    [
      [1, 1, 1],
      [33, 34, 33],
    ],
    [
      [0, 0],
      [50, 50],
    ],
    [
      [7, 0, 0],
      [100, 0, 0],
    ],
    [
      [20, 80],
      [20, 80],
    ],
  ])("whose weights are %j shares requests by %j", (weights, expected) => {
    const list = weights.map((weight) => `{ destination: { host: a.test }, weight: ${weight} }`);
    const { routes } = specOf(`hosts: [a.test]\nhttp: [{ route: [${list.join(", ")}] }]`);
    expect(routes[0]?.route.map(({ weight }) => weight)).toEqual(expected);
  });

  it.each([
    ["a condition that no attribute is", "match: [{ uri: { exact: /x } }]", "http[0].match[0]"],
    [
      "an expression that RE2 does not have",
      'match: [{ method: { regex: "(?=x)" } }]',
      "http[0].match[0]",
    ],
    ["something else to be done", "fault: {}", "http[0].fault"],
  ])("with %s says what is left out", (_, fields, path) => {
    const { notApplied, routes } = specOf(
      `hosts: [a.test]\nhttp: [{ ${fields}, ${TO} }, { ${TO} }]`,
    );
    expect(notApplied.map((item) => item.path)).toEqual([`spec.${path}`]);
    expect(routes.at(-1)?.match).toEqual({});
    expect(routes).toHaveLength(fields.startsWith("match") ? 1 : 2);
  });

  it.each([
    ["for a gateway only", `gateways: [shop/ingress]\nhttp: [{ ${TO} }]`],
    ["for TCP only", "tcp: [{ route: [{ destination: { host: a.test } }] }]"],
    ["that leads nowhere", "http: [{ redirect: { uri: / } }]"],
    ["that is odd", "http: { a: [b] }\nunknown: 1"],
  ])("%s routes nothing here, and is no fault", (_, fields) => {
    expect(specOf(`hosts: [a.test]\n${fields}`).hosts).toEqual([]);
  });

  it("for a gateway and the mesh counts, one of our own does not", () => {
    const spec = `hosts: [a.test, "*.test"]\ngateways: [mesh, x]\nhttp: [{ ${TO} }]`;
    expect(specOf(spec).hosts).toEqual(["a.test"]);
    expect(specOf(spec, { "app.kubernetes.io/managed-by": "metaproto" }).hosts).toEqual([]);
  });
});
