import { expect, test } from "vitest";
import type { Endpoint } from "../../ir/cluster.js";
import { endpointsVersion } from "./endpoints-version.js";

const LOCALITY = { region: "", zone: "", subZone: "" };
const endpoint = (address: string, port: number, weight = 1): Endpoint => ({
  address,
  port,
  weight,
  locality: LOCALITY,
});
const A = endpoint("10.0.0.1", 1);
const B = endpoint("10.0.0.2", 1);

test("is the same for the same set, in whatever order", () => {
  expect(endpointsVersion([A, B])).toBe(endpointsVersion([B, A]));
  const elsewhere = { ...A, locality: { region: "r", zone: "z", subZone: "" } };
  expect(endpointsVersion([elsewhere])).toBe(endpointsVersion([A]));
});

test("differs with every address, port and weight, and fits 64 bits", () => {
  const sets = [
    [],
    [A],
    [B],
    [A, B],
    [endpoint("10.0.0.1", 2)],
    [endpoint("10.0.0.1", 1, 2)],
    [endpoint("10.0.0.1", 11)],
    [endpoint("10.0.0.11", 1)],
  ];
  const versions = sets.map(endpointsVersion);
  expect(new Set(versions).size).toBe(sets.length);
  for (const version of versions) expect(BigInt.asUintN(64, version)).toBe(version);
});
