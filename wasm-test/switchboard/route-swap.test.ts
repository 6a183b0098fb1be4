// A large table is built in slices, one for each tick: the one before serves until it is whole, and no
// slice keeps a request waiting for long. Their number is asserted, since it is the same on every machine;
// milliseconds are printed.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RdsHarness, response } from "./rds-harness.js";
import { encodeConfiguration } from "./route-harness.js";
import { configurationOf } from "./route-reference.js";
import { SHAPES } from "./route-shapes.js";

const ROUTES = 10_000;
const NAME = "test_1";
const REPEATS = 5;

let rds: RdsHarness;
beforeAll(async () => {
  rds = await RdsHarness.load();
});
beforeEach(() => {
  rds.exports.forgetShared();
  rds.restart();
});

/** Of so many routes, all to `cluster`; without one they are faulty. */
function table(cluster: string | undefined, count = ROUTES): Uint8Array {
  const destinations = cluster === undefined ? [] : [{ cluster }];
  return encodeConfiguration({
    name: NAME,
    routes: Array.from({ length: count }, (_, order) => ({
      match: [
        { name: "method", specifier: { case: "exact" as const, value: `m${String(order)}` } },
      ],
      destinations,
    })),
  });
}

const small = (cluster: string) => table(cluster, 1);

function receiveLarge(version: string, ...resources: Uint8Array[]): void {
  rds.receiveLarge(response({ version, nonce: version, resources }));
}

/** What each slice up to the last one takes, in milliseconds. */
function build(): number[] {
  const times: number[] = [];
  while (rds.exports.busy() !== 0) {
    const started = performance.now();
    rds.exports.advance();
    times.push(performance.now() - started);
  }
  return times;
}

/** The cluster that a request for the last route is led to; undefined before there is a table. */
function clusterOf(subscription: number): string | undefined {
  const inForce = rds.exports.tableOf(subscription);
  return inForce === 0 ? undefined : rds.cluster(inForce, 0).name;
}

describe("a table of 10,000 routes", () => {
  test.each(SHAPES)("is built in slices, a few dozen: $name", (shape) => {
    const bytes = encodeConfiguration(configurationOf(shape.routes(ROUTES)));
    const fastest: number[] = [];
    for (let i = 0; i < REPEATS; i++) {
      rds.restart();
      rds.subscribe(NAME);
      receiveLarge("1", bytes);
      build().forEach((ms, slice) => {
        fastest[slice] = Math.min(ms, fastest[slice] ?? Infinity);
      });
    }
    const slowest = Math.max(...fastest);
    const total = fastest.reduce((sum, ms) => sum + ms, 0);
    console.log(
      `${shape.name}: ${(bytes.length / 1e6).toFixed(1)} MB in ${String(fastest.length)} slices, ` +
        `${total.toFixed(1)} ms, the longest ${slowest.toFixed(2)} ms`,
    );
    expect(fastest.length).toBeGreaterThan(20);
    expect(fastest.length).toBeLessThan(100);
  });

  test("takes effect and is acknowledged when it is whole, not before", () => {
    const subscription = rds.subscribe(NAME);
    rds.receive(response({ version: "1", nonce: "1", resources: [small("old")] }));
    rds.events();
    receiveLarge("2", table("new"));
    let slices = 0;
    for (; rds.exports.busy() !== 0; slices++) {
      expect(clusterOf(subscription)).toBe("old");
      expect(rds.exports.eventCount()).toBe(0);
      rds.exports.advance();
    }
    expect(slices).toBeGreaterThan(20);
    expect(clusterOf(subscription)).toBe("new");
    expect(rds.request()).toMatchObject({ versionInfo: "2", responseNonce: "2" });
  });

  test("is nothing to work on afterwards", () => {
    rds.subscribe(NAME);
    receiveLarge("1", table("a"));
    build();
    rds.events();
    rds.exports.advance();
    expect(rds.events()).toEqual([]);
  });

  test("leaves nothing behind but the table", () => {
    rds.subscribe(NAME);
    receiveLarge("1", table("a"));
    build();
    rds.events();
    rds.exports.forgetShared();
    const before = rds.exports.usedHeapBytes();
    for (const cluster of ["b", "c", "d"]) {
      receiveLarge(cluster, table(cluster));
      build();
      rds.events();
      rds.exports.forgetShared();
    }
    expect(rds.exports.usedHeapBytes()).toBe(before);
  });

  test("that is faulty is refused, and the one before stays", () => {
    const subscription = rds.subscribe(NAME);
    rds.receive(response({ version: "1", nonce: "1", resources: [small("old")] }));
    rds.events();
    receiveLarge("2", table(undefined));
    build();
    expect(clusterOf(subscription)).toBe("old");
    const request = rds.request();
    expect(request).toMatchObject({ versionInfo: "1", responseNonce: "2" });
    expect(request.errorDetail?.message).toContain("destinations: at least one is needed");
    expect(request.errorDetail?.message).toContain("and 9968 more");
  });

  test("does not hold up the sound ones of its response", () => {
    const subscription = rds.subscribe(NAME);
    const other = rds.subscribe("other_1");
    rds.events();
    const sound = encodeConfiguration({
      name: "other_1",
      routes: [{ destinations: [{ cluster: "other" }] }],
    });
    receiveLarge("1", table(undefined), sound);
    build();
    expect(clusterOf(subscription)).toBeUndefined();
    expect(clusterOf(other)).toBe("other");
  });

  test("is finished at once when the next response does not wait for it", () => {
    const subscription = rds.subscribe(NAME);
    rds.events();
    receiveLarge("1", table("first"));
    rds.exports.advance();
    rds.receive(response({ version: "2", nonce: "2", resources: [small("second")] }));
    expect(rds.requests().map(({ versionInfo }) => versionInfo)).toEqual(["1", "2"]);
    expect(clusterOf(subscription)).toBe("second");
    expect(rds.exports.busy()).toBe(0);
    receiveLarge("3", table("third"));
    rds.exports.advance();
    receiveLarge("4", table("fourth"));
    expect(clusterOf(subscription)).toBe("third");
    build();
    expect(clusterOf(subscription)).toBe("fourth");
  });

  test("takes effect although its stream has ended, and nobody is told", () => {
    const subscription = rds.subscribe(NAME);
    rds.events();
    receiveLarge("1", table("a"));
    rds.exports.advance();
    rds.exports.closed();
    build();
    expect(clusterOf(subscription)).toBe("a");
    expect(rds.events()).not.toContain("send");
    // The next stream does not say that it has what nobody knows to be acknowledged.
    rds.pass(60_000);
    expect(rds.requests().at(0)).toMatchObject({ versionInfo: "", responseNonce: "" });
  });
});

test("a large message that is no response ends the stream, and is freed", () => {
  rds.subscribe(NAME);
  rds.events();
  const before = rds.exports.usedHeapBytes();
  rds.receiveLarge(new Uint8Array(100_000).fill(0xff));
  expect(rds.exports.busy()).toBe(0);
  expect(rds.events()).toContain("close");
  expect(rds.exports.usedHeapBytes()).toBeLessThan(before + 10_000);
});
