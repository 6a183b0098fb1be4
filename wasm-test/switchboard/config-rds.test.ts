// The subscription to routes, driven by bytes and a clock of the test: what it asks for, what it
// acknowledges, what it refuses, and what stays in force.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  EVENTS,
  OPEN,
  RdsHarness,
  response,
  type ResponseInit,
  START,
  TYPE_URL,
} from "./rds-harness.js";
import { encodeConfiguration } from "./route-harness.js";

/** A route configuration with a single route to `cluster`; without one it is faulty. */
function routes(name: string, cluster?: string): Uint8Array {
  const destinations = cluster === undefined ? [] : [{ cluster }];
  return encodeConfiguration({ name, routes: [{ destinations }] });
}

let rds: RdsHarness;
beforeAll(async () => {
  rds = await RdsHarness.load();
});
beforeEach(() => {
  rds.exports.forgetShared();
  rds.restart();
});

/** The cluster of the table in force, or undefined. */
function clusterOf(subscription: number): string | undefined {
  const table = rds.exports.tableOf(subscription);
  return table === 0 ? undefined : rds.cluster(table, 0).name;
}

describe("the stream", () => {
  test("is opened for the first name, and the first request tells the node", () => {
    expect(rds.events()).toEqual([]);
    rds.pass(1000);
    expect(rds.events()).toEqual([]);
    rds.subscribe("a_1");
    const request = rds.request();
    expect(request).toMatchObject({
      versionInfo: "",
      resourceNames: ["a_1"],
      typeUrl: TYPE_URL,
      responseNonce: "",
      node: {
        id: "sidecar~10.0.0.1~pod.ns~ns",
        cluster: "pod.ns",
        userAgentName: "metaproto",
      },
    });
    expect(request.errorDetail).toBeUndefined();
  });

  test("asks for further names together with those before, without the node", () => {
    rds.subscribe("a_1");
    rds.requests();
    rds.subscribe("b_2");
    const request = rds.request();
    expect(request.resourceNames).toEqual(["a_1", "b_2"]);
    expect(request.node).toBeUndefined();
  });

  test("asks for a name once", () => {
    const first = rds.subscribe("a_1");
    rds.requests();
    expect(rds.subscribe("a_1")).toBe(first);
    expect(rds.events()).toEqual([]);
  });

  test("of hundreds of names finds each", () => {
    const numbers = Array.from({ length: 300 }, (_, i) => rds.subscribe(`host-${String(i)}_80`));
    expect(new Set(numbers).size).toBe(300);
    expect(numbers.map((_, i) => rds.subscribe(`host-${String(i)}_80`))).toEqual(numbers);
    const last = rds.requests().pop();
    expect(last?.resourceNames).toHaveLength(300);
  });
});

describe("a response", () => {
  test("is acknowledged, and its table is in force", () => {
    const a = rds.subscribe("a_1");
    rds.requests();
    expect(clusterOf(a)).toBeUndefined();
    rds.receive(response({ version: "7", nonce: "n1", resources: [routes("a_1", "v1")] }));
    expect(clusterOf(a)).toBe("v1");
    const request = rds.request();
    expect(request).toMatchObject({
      versionInfo: "7",
      responseNonce: "n1",
      resourceNames: ["a_1"],
      typeUrl: TYPE_URL,
    });
    expect(request.errorDetail).toBeUndefined();
    expect(request.node).toBeUndefined();
  });

  test("replaces the table, tells so before it acknowledges, and keeps the old one for its calls", () => {
    const a = rds.subscribe("a_1");
    rds.receive(response({ version: "1", nonce: "n1", resources: [routes("a_1", "v1")] }));
    const old = rds.exports.tableOf(a);
    rds.exports.retain(old);
    rds.events();
    rds.receive(response({ version: "2", nonce: "n2", resources: [routes("a_1", "v2")] }));
    expect(rds.events()).toEqual(["table a_1", "send"]);
    expect(clusterOf(a)).toBe("v2");
    expect(rds.cluster(old, 0).name).toBe("v1");
    expect(rds.exports.release(old)).toBe(1);
  });

  test("with the same resource swaps nothing, and is acknowledged", () => {
    const a = rds.subscribe("a_1");
    rds.receive(response({ version: "1", nonce: "n1", resources: [routes("a_1", "v1")] }));
    const table = rds.exports.tableOf(a);
    rds.exports.clearEvents();
    rds.receive(response({ version: "2", nonce: "n2", resources: [routes("a_1", "v1")] }));
    expect(rds.exports.tableOf(a)).toBe(table);
    expect(rds.exports.eventCount()).toBe(1);
    expect(rds.request()).toMatchObject({ versionInfo: "2", responseNonce: "n2" });
  });

  test("may tell of some names only: the others stay as they are", () => {
    const a = rds.subscribe("a_1");
    const b = rds.subscribe("b_2");
    const both = [routes("a_1", "v1"), routes("b_2", "v1")];
    rds.receive(response({ version: "1", nonce: "n1", resources: both }));
    rds.receive(response({ version: "2", nonce: "n2", resources: [routes("b_2", "v2")] }));
    rds.receive(response({ version: "3", nonce: "n3", resources: [] }));
    expect(clusterOf(a)).toBe("v1");
    expect(clusterOf(b)).toBe("v2");
    expect(rds.requests().at(-1)).toMatchObject({ versionInfo: "3", responseNonce: "n3" });
  });

  test("of names that nobody asked for is acknowledged and otherwise ignored", () => {
    const a = rds.subscribe("a_1");
    rds.events();
    rds.receive(response({ version: "1", nonce: "n1", resources: [routes("other_1")] }));
    expect(clusterOf(a)).toBeUndefined();
    expect(rds.events()).toEqual(["send"]);
  });

  test("of another type is ignored", () => {
    rds.subscribe("a_1");
    rds.events();
    const typeUrl = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    rds.receive(response({ version: "1", nonce: "n1", typeUrl, resources: [routes("a_1", "v")] }));
    expect(rds.events()).toEqual([]);
  });

  test("before any stream is ignored", () => {
    rds.receive(response({ version: "1", nonce: "n1", resources: [routes("a_1", "v")] }));
    expect(rds.events()).toEqual([]);
  });
});

describe("a faulty response", () => {
  test("is refused with its faults; the version and the table stay", () => {
    const a = rds.subscribe("a_1");
    rds.receive(response({ version: "1", nonce: "n1", resources: [routes("a_1", "v1")] }));
    const table = rds.exports.tableOf(a);
    rds.exports.clearEvents();
    rds.receive(response({ version: "2", nonce: "n2", resources: [routes("a_1")] }));
    expect(rds.exports.tableOf(a)).toBe(table);
    const fault = '"a_1": routes[0].destinations: at least one is needed';
    expect(rds.exports.eventKind(0)).toBe(EVENTS.indexOf("rejected"));
    expect(rds.request()).toMatchObject({
      versionInfo: "1",
      responseNonce: "n2",
      resourceNames: ["a_1"],
      errorDetail: { code: 3, message: fault },
    });
    // The refusal is not repeated with the next request.
    rds.subscribe("b_2");
    const next = rds.request();
    expect(next).toMatchObject({ versionInfo: "1", responseNonce: "n2" });
    expect(next.errorDetail).toBeUndefined();
    // And the way is free for a sound one.
    rds.receive(response({ version: "3", nonce: "n3", resources: [routes("a_1", "v3")] }));
    expect(clusterOf(a)).toBe("v3");
    expect(rds.request()).toMatchObject({ versionInfo: "3", responseNonce: "n3" });
  });

  test("loses nothing of what is sound in it, and lists all that is not", () => {
    const [a, b, c] = ["a_1", "b_2", "c_3"].map((name) => rds.subscribe(name)) as [
      number,
      number,
      number,
    ];
    rds.events();
    const resources = [routes("a_1"), routes("b_2", "v1"), routes("c_3")];
    rds.receive(response({ version: "1", nonce: "n1", resources }));
    expect(clusterOf(a)).toBeUndefined();
    expect(clusterOf(b)).toBe("v1");
    expect(clusterOf(c)).toBeUndefined();
    expect(rds.request().errorDetail?.message.split("\n")).toEqual([
      '"a_1": routes[0].destinations: at least one is needed',
      '"c_3": routes[0].destinations: at least one is needed',
    ]);
  });

  test.each<[string, Partial<ResponseInit>, string]>([
    [
      "a resource of another type",
      { resourceTypeUrl: "type.googleapis.com/x.Y" },
      'resources[0]: unexpected type "type.googleapis.com/x.Y"',
    ],
    [
      "a resource that is malformed",
      { resources: [Uint8Array.of(0x0a, 0x03, 0x61)] },
      "resources[0]: malformed protobuf at offset 0",
    ],
    [
      "a resource without a name",
      { resources: [new Uint8Array(0)] },
      "resources[0]: name: missing",
    ],
    [
      "a resource that is malformed behind its name",
      { resources: [Uint8Array.of(...routes("a_1", "v"), 0x80)] },
      "resources[0]: malformed protobuf at offset 12",
    ],
  ])("with %s", (_, init, fault) => {
    rds.subscribe("a_1");
    rds.events();
    const whole = { version: "1", nonce: "n1", resources: [routes("a_1", "v1")], ...init };
    rds.receive(response(whole));
    expect(rds.request()).toMatchObject({ versionInfo: "", errorDetail: { message: fault } });
  });

  test("that is no response at all ends the stream, which is opened again", () => {
    const a = rds.subscribe("a_1");
    rds.receive(response({ version: "1", nonce: "n1", resources: [routes("a_1", "v1")] }));
    rds.events();
    rds.receive(Uint8Array.of(0x0a, 0x7f, 0x00));
    expect(rds.events()).toEqual([
      "rejected DiscoveryResponse: malformed protobuf at offset 0",
      "close",
    ]);
    expect(clusterOf(a)).toBe("v1");
    rds.pass(1000);
    expect(rds.events()).toEqual(["open", "send"]);
  });
});

describe("a request", () => {
  test("holds what is longer than one byte of length can tell", () => {
    const names = Array.from({ length: 40 }, (_, i) => `${"x".repeat(300)}_${String(i)}`);
    names.forEach((name) => rds.subscribe(name));
    rds.exports.clearEvents();
    const resources = names.map((name) => routes(name));
    rds.receive(response({ version: "v".repeat(200), nonce: "n".repeat(20_000), resources }));
    const request = rds.request();
    expect(request.resourceNames).toEqual(names);
    expect(request.responseNonce).toBe("n".repeat(20_000));
    const lines = request.errorDetail?.message.split("\n") ?? [];
    expect(lines).toHaveLength(33);
    expect(lines[0]).toBe(`"${"x".repeat(64)}...": routes[0].destinations: at least one is needed`);
    expect(lines[32]).toBe("and 8 more");
  });

  test("of a response with too many resources is none", () => {
    rds.subscribe("a_1");
    rds.events();
    rds.receive(new Uint8Array(2 * 65_537).map((_, i) => (i % 2 === 0 ? 0x12 : 0)));
    expect(rds.events()).toEqual([
      "rejected DiscoveryResponse: more than 65536 resources",
      "close",
    ]);
  });
});

describe("a stream that is lost", () => {
  /** Milliseconds from now until it is opened again. */
  function reconnectDelay(): number {
    const lost = rds.now;
    for (let ms = 0; ms <= 31_000; ms += 10) {
      rds.setNow(lost + ms);
      rds.exports.tick();
      for (let event = rds.exports.eventCount() - 1; event >= 0; event--) {
        if (rds.exports.eventKind(event) === OPEN) return ms;
      }
    }
    throw new Error("not opened again");
  }

  test("leaves the tables in force, and is asked anew with node, version, and all names", () => {
    const a = rds.subscribe("a_1");
    rds.subscribe("b_2");
    rds.receive(response({ version: "5", nonce: "n1", resources: [routes("a_1", "v1")] }));
    rds.exports.closed();
    rds.exports.clearEvents();
    expect(clusterOf(a)).toBe("v1");
    // Names that come while it is closed are asked for with the others.
    rds.subscribe("c_3");
    expect(rds.events()).toEqual([]);
    rds.pass(1000);
    expect(rds.request()).toMatchObject({
      versionInfo: "5",
      responseNonce: "",
      resourceNames: ["a_1", "b_2", "c_3"],
      node: { id: "sidecar~10.0.0.1~pod.ns~ns" },
    });
    rds.receive(response({ version: "6", nonce: "n1", resources: [routes("a_1", "v6")] }));
    expect(clusterOf(a)).toBe("v6");
  });

  test("is opened again after ever longer, from 0.5 s to 30 s, with jitter", () => {
    rds.subscribe("a_1");
    const delays = (random: number) => {
      rds.exports.setRandom(random);
      return Array.from({ length: 8 }, () => {
        rds.exports.clearEvents();
        rds.exports.closed();
        return reconnectDelay();
      });
    };
    const least = [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000];
    expect(delays(0)).toEqual(least);
    rds.receive(response({ version: "1", nonce: "n", resources: [] }));
    const jittered = delays(123_456_789);
    least.forEach((floor, i) => {
      expect(jittered[i]).toBeGreaterThan(floor);
      expect(jittered[i]).toBeLessThanOrEqual(2 * floor);
    });
  });

  test("after a good response begins with the shortest wait again", () => {
    rds.subscribe("a_1");
    for (let i = 0; i < 5; i++) {
      rds.exports.closed();
      reconnectDelay();
      rds.exports.clearEvents();
    }
    rds.receive(response({ version: "1", nonce: "n", resources: [] }));
    rds.exports.clearEvents();
    rds.exports.closed();
    expect(reconnectDelay()).toBe(500);
  });

  test("that cannot be opened counts as lost", () => {
    rds.exports.setOpening(false, false);
    rds.subscribe("a_1");
    expect(rds.events()).toEqual(["open"]);
    expect(reconnectDelay()).toBe(500);
    expect(rds.events()).toEqual(["open"]);
    expect(reconnectDelay()).toBe(1000);
    rds.exports.setOpening(true, false);
    rds.events();
    expect(reconnectDelay()).toBe(2000);
    expect(rds.events()).toEqual(["open", "send"]);
  });

  test.each([true, false])("while it is opened, too (opened: %s)", (isPossible) => {
    rds.exports.setOpening(isPossible, true);
    rds.subscribe("a_1");
    expect(rds.events()).toEqual(["open"]);
    rds.exports.setOpening(true, false);
    expect(reconnectDelay()).toBe(500);
    expect(rds.events()).toEqual(["open", "send"]);
  });

  test("is closed once, however often that is told", () => {
    rds.subscribe("a_1");
    rds.exports.closed();
    rds.exports.closed();
    rds.exports.closed();
    rds.exports.clearEvents();
    expect(reconnectDelay()).toBe(500);
  });

  test("is not waited for longer when the clock is set back", () => {
    rds.subscribe("a_1");
    rds.exports.closed();
    rds.events();
    rds.setNow(START - 3_600_000);
    rds.exports.tick();
    rds.pass(1000);
    expect(rds.events()).toEqual(["open", "send"]);
  });
});

describe("routes that do not come", () => {
  test("are told missing once, after the initial fetch timeout, and may still come", () => {
    const a = rds.subscribe("a_1");
    const b = rds.subscribe("b_2");
    rds.receive(response({ version: "1", nonce: "n", resources: [routes("b_2", "v1")] }));
    rds.events();
    rds.pass(4900);
    expect(rds.events()).toEqual([]);
    expect(rds.exports.isMissing(a)).toBe(0);
    rds.pass(100);
    expect(rds.events()).toEqual(["missing a_1"]);
    expect(rds.exports.isMissing(a)).toBe(1);
    expect(rds.exports.isMissing(b)).toBe(0);
    rds.pass(20_000);
    expect(rds.events()).toEqual([]);
    rds.receive(response({ version: "2", nonce: "n", resources: [routes("a_1", "v1")] }));
    expect(rds.exports.isMissing(a)).toBe(0);
    expect(clusterOf(a)).toBe("v1");
    rds.pass(20_000);
    expect(rds.events()).toEqual(["table a_1", "send"]);
  });

  test("count from their subscription, also when the control plane is not there", () => {
    rds.exports.setOpening(false, false);
    rds.subscribe("a_1");
    rds.pass(3000);
    rds.subscribe("b_2");
    rds.events();
    rds.pass(2000);
    expect(rds.events().filter((event) => event !== "open")).toEqual(["missing a_1"]);
    rds.pass(3000);
    expect(rds.events().filter((event) => event !== "open")).toEqual(["missing b_2"]);
  });
});

describe("what another worker was sent", () => {
  test("is in force at once, and asked for all the same", () => {
    rds.subscribe("a_1");
    rds.receive(response({ version: "1", nonce: "n", resources: [routes("a_1", "v1")] }));
    rds.receive(response({ version: "2", nonce: "n", resources: [routes("a_1", "v2")] }));
    rds.restart();
    rds.exports.setOpening(false, false);
    const a = rds.subscribe("a_1");
    expect(rds.events()).toEqual(["table a_1", "open"]);
    expect(clusterOf(a)).toBe("v2");
    rds.exports.setOpening(true, false);
    rds.pass(1000);
    expect(rds.request()).toMatchObject({ versionInfo: "", resourceNames: ["a_1"] });
    // The same again changes nothing, and something else does.
    rds.receive(response({ version: "2", nonce: "n", resources: [routes("a_1", "v2")] }));
    expect(rds.events()).toEqual(["send"]);
    rds.receive(response({ version: "3", nonce: "n", resources: [routes("a_1", "v3")] }));
    expect(clusterOf(a)).toBe("v3");
    rds.pass(10_000);
    expect(rds.events()).toEqual(["table a_1", "send"]);
  });

  test("is not what was refused", () => {
    rds.subscribe("a_1");
    rds.receive(response({ version: "1", nonce: "n", resources: [routes("a_1")] }));
    rds.restart();
    const a = rds.subscribe("a_1");
    expect(clusterOf(a)).toBeUndefined();
  });

  test.each([
    ["faulty", () => routes("a_1")],
    ["no configuration", () => Uint8Array.of(0xff, 0xff)],
    ["nothing", () => new Uint8Array(0)],
  ])("is ignored when it is %s", (_, bytes) => {
    rds.share("a_1", bytes());
    const a = rds.subscribe("a_1");
    expect(clusterOf(a)).toBeUndefined();
    expect(rds.events()).toEqual(["open", "send"]);
    rds.receive(response({ version: "1", nonce: "n", resources: [routes("a_1", "v1")] }));
    expect(clusterOf(a)).toBe("v1");
  });

  test("does not stand in for a table of the plugin's configuration", () => {
    rds.share("a_1", routes("a_1", "shared"));
    const table = rds.preset(routes("a_1", "inline"));
    expect(clusterOf(rds.subscribe("a_1"))).toBe("inline");
    rds.exports.release(table);
  });
});

describe("tables of the plugin's configuration", () => {
  test("are in force until the control plane sends one", () => {
    const table = rds.preset(routes("a_1", "inline"));
    expect(rds.events()).toEqual([]);
    const a = rds.subscribe("a_1");
    expect(rds.exports.tableOf(a)).toBe(table);
    expect(rds.request().resourceNames).toEqual(["a_1"]);
    rds.pass(10_000);
    expect(rds.events()).toEqual([]);
    // Even one with the same content is the control plane's now.
    rds.receive(response({ version: "1", nonce: "n", resources: [routes("a_1", "inline")] }));
    expect(rds.events()).toEqual(["table a_1", "send"]);
    expect(rds.exports.tableOf(a)).not.toBe(table);
    // The reference of the configuration is left.
    expect(rds.exports.isLastReference(table)).toBe(1);
    expect(rds.exports.release(table)).toBe(1);
  });

  test("are all there is without a control plane", () => {
    rds.restart(false);
    const table = rds.preset(routes("a_1", "inline"));
    const a = rds.subscribe("a_1");
    const b = rds.subscribe("b_2");
    rds.pass(60_000);
    expect(rds.events()).toEqual([]);
    expect(clusterOf(a)).toBe("inline");
    expect(rds.exports.isMissing(a)).toBe(0);
    expect(rds.exports.isMissing(b)).toBe(1);
    rds.exports.release(table);
  });
});

describe("memory", () => {
  test("does not grow over updates, refusals and reconnects", () => {
    const a = rds.subscribe("a_1");
    const round = (i: number) => {
      const version = String(i);
      rds.receive(response({ version, nonce: "n", resources: [routes("a_1", `v${version}`)] }));
      rds.receive(response({ version, nonce: "n", resources: [routes("a_1")] }));
      rds.exports.closed();
      rds.pass(1000);
      rds.exports.clearEvents();
    };
    round(100);
    const before = rds.exports.usedHeapBytes();
    for (let i = 101; i < 400; i++) {
      round(i);
      expect(clusterOf(a)).toBe(`v${String(i)}`);
    }
    expect(rds.exports.usedHeapBytes()).toBe(before);
  });
});
