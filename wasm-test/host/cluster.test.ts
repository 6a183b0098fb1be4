import { describe, expect, it } from "vitest";

import { TcpCluster, type TcpClusterOptions } from "./cluster.js";
import { TcpServer } from "./tcp-server.js";

const ADDRESSES = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"];

function clusterOf(lb: NonNullable<TcpClusterOptions["lb"]>, seed = 1) {
  const endpoints = ADDRESSES.map((address) => new TcpServer({ address }));
  const cluster = new TcpCluster("test", { endpoints, lb, seed });
  const choose = (hashKey?: string, originalDestination?: string) =>
    cluster.choose({ hashKey, originalDestination })?.address;
  return { endpoints, cluster, choose };
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_value, index) => make(index));

describe("round_robin", () => {
  it("goes around", () => {
    const { choose } = clusterOf("round_robin");
    expect(times(4, () => choose())).toEqual([...ADDRESSES, ADDRESSES[0]]);
  });

  it("leaves unhealthy endpoints out, and has none when all are", () => {
    const { endpoints, choose } = clusterOf("round_robin");
    for (const endpoint of endpoints.slice(0, 2)) endpoint.healthy = false;
    expect(times(3, () => choose())).toEqual(times(3, () => ADDRESSES[2]));
    for (const endpoint of endpoints) endpoint.healthy = false;
    expect(choose()).toBeUndefined();
  });
});

describe("random", () => {
  it("repeats with its seed, and reaches every endpoint", () => {
    const draw = (seed: number) => {
      const { choose } = clusterOf("random", seed);
      return times(50, () => choose());
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
    expect(new Set(draw(3))).toEqual(new Set(ADDRESSES));
  });
});

describe("ring_hash", () => {
  const keys = times(300, (index) => `key ${String(index)}`);

  it("gives a key the same endpoint, and uses all endpoints", () => {
    const first = clusterOf("ring_hash");
    const second = clusterOf("ring_hash");
    expect(keys.map((key) => first.choose(key))).toEqual(keys.map((key) => second.choose(key)));
    expect(new Set(keys.map((key) => first.choose(key)))).toEqual(new Set(ADDRESSES));
  });

  it("moves only the keys of an endpoint that has gone", () => {
    const { cluster, choose } = clusterOf("ring_hash");
    const before = keys.map((key) => choose(key));
    cluster.endpoints = cluster.endpoints.slice(0, 2);
    const after = keys.map((key) => choose(key));
    before.forEach((address, index) => {
      if (address !== ADDRESSES[2]) expect(after[index]).toBe(address);
      else expect(ADDRESSES.slice(0, 2)).toContain(after[index]);
    });
  });
});

describe("original_dst", () => {
  it("goes where it is told, and nowhere else", () => {
    const { choose } = clusterOf("original_dst");
    expect(choose(undefined, ADDRESSES[1])).toBe(ADDRESSES[1]);
    expect(choose(undefined, "10.9.9.9:80")).toBeUndefined();
    expect(choose()).toBeUndefined();
  });
});

it("a balancer of the test's own sees the healthy endpoints and what was asked", () => {
  const { endpoints, choose } = clusterOf((healthy, { hashKey }) =>
    healthy.find(({ address }) => address === hashKey),
  );
  expect(choose(ADDRESSES[2])).toBe(ADDRESSES[2]);
  const [, , last] = endpoints;
  if (last !== undefined) last.healthy = false;
  expect(choose(ADDRESSES[2])).toBeUndefined();
});
