// What is wrong with a RedisService or RedisDestination, as `metaproto validate` tells it.
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { validateResource } from "./kinds.js";

function faultsOf(kind: string, spec: string): string[] {
  const document = {
    apiVersion: "redis.aeraki.io/v1alpha1",
    kind,
    metadata: { name: "a" },
    spec: parse(spec) as unknown,
  };
  const result = validateResource(document);
  if (result.outcome === "valid") return [];
  if (result.outcome !== "invalid") throw new Error(result.outcome);
  return result.faults.map(({ path, message }) => `${path}: ${message}`);
}

const ROUTE = "redis: [{ route: { host: a.test } }]";

describe("RedisService", () => {
  test.each([
    [`{ ${ROUTE} }`, "spec.host: at least one host is required"],
    [`{ host: [a.test] }`, "spec.redis: at least one route is required"],
    [`{ host: [a.test], redis: [] }`, "spec.redis: at least one route is required"],
    [
      `{ host: [a.test], ${ROUTE}, settings: { readPolicy: NEAREST } }`,
      'spec.settings.readPolicy: must be one of MASTER, PREFER_MASTER, REPLICA, PREFER_REPLICA, ANY, not "NEAREST"',
    ],
    [
      `{ host: [a.test], ${ROUTE}, faults: [{ type: DELAY }] }`,
      "spec.faults[0].delay: is required",
    ],
    [
      `{ host: [a.test], ${ROUTE}, settings: { auth: { secret: { name: a } } } }`,
      "spec.settings.auth.secret: is not read, since proxies are told the password as it is, where others may see it: give `plain`",
    ],
    [
      `{ host: [a.test], ${ROUTE}, settings: { auth: {} } }`,
      "spec.settings.auth: `plain` is required",
    ],
    [
      `{ host: [a.test], redis: [{ match: { key: { prefix: ${"x".repeat(1001)} } }, route: { host: a } }] }`,
      "spec.redis[0].match.key.prefix: must not be longer than 1000 bytes",
    ],
  ])("%s", (spec, fault) => {
    expect(faultsOf("RedisService", spec)).toEqual([fault]);
  });

  test.each(["{ password: 73562 }", "73562", "[73562]", '{ password: "" }'])(
    "a fault about a password does not tell it: %s",
    (plain) => {
      const spec = `{ host: [a.test], ${ROUTE}, settings: { auth: { plain: ${plain} } } }`;
      const faults = faultsOf("RedisService", spec);
      expect(faults[0]).toMatch(/^spec\.settings\.auth\.plain/);
      expect(faults.join("\n")).not.toContain("73562");
    },
  );
});

describe("RedisDestination", () => {
  const seeds = (list: string): string =>
    `{ host: a.test, trafficPolicy: { connectionPool: { redis: { mode: CLUSTER, discoveryEndpoints: ${list} } } } }`;

  test("endpoints to ask", () => {
    const good =
      '["seed.test", "seed.test:7000", "10.0.0.1", "10.0.0.1:7000", "::1", "[::1]:7000"]';
    expect(faultsOf("RedisDestination", seeds(good))).toEqual([]);
    const bad = ["", ":7000", "seed.test:", "seed.test:0", "seed.test:70000", "a b", "[seed]:1"];
    expect(faultsOf("RedisDestination", seeds(JSON.stringify(bad)))).toEqual(
      bad.map(
        (text, index) =>
          `spec.trafficPolicy.connectionPool.redis.discoveryEndpoints[${String(index)}]: \`${text}\` is not \`host\` or \`host:port\``,
      ),
    );
  });
});
