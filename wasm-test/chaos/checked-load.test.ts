// The checker must see every kind of fault, or its zeros mean nothing: here it asks bad servers directly.
import { afterEach, describe, expect, test } from "vitest";
import type { LoadProtocol } from "../envoy/support/load.js";
import { BadServer, type Deeds } from "./bad-server.js";
import { CheckedLoad, type CheckedReport, missingChaosPrograms } from "./checked-load.js";

const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

const ZEROS = { lost: 0, foreign: 0, duplicated: 0, malformed: 0, cut: 0, refused: 0, unserved: 0 };

async function ask(
  protocol: LoadProtocol,
  deeds: Deeds,
  options: { readonly lifetime?: number } = {},
): Promise<CheckedReport> {
  const server = await BadServer.start(protocol);
  cleanUps.push(() => server.kill());
  server.misbehave(deeds);
  const load = CheckedLoad.start({
    ...{ protocol, port: server.port, connections: 4, inFlight: 4, payloads: [16, 100, 70_000] },
    ...{ methods: 3, rate: 2000, drainSeconds: 0.5, ...options },
  });
  cleanUps.push(() => load.kill());
  // Requests that are never answered fill what may be in flight: 16.
  await load.until("enough", (report) => report.sent > 400 || report.waiting === 16);
  return load.stop();
}

describe.skipIf(missingChaosPrograms()).each(["dubbo", "thrift"] as const)("%s", (protocol) => {
  test("right answers are right", async () => {
    const report = await ask(protocol, {});
    expect(report).toMatchObject({ ...ZEROS, fault: null, isLast: true, waiting: 0 });
    expect(report.answered).toBe(report.sent);
  });

  test("clients that come and go abandon some, and lose none", async () => {
    const report = await ask(protocol, {}, { lifetime: 20 });
    expect(report).toMatchObject({ ...ZEROS, fault: null });
    expect(report.connected).toBeGreaterThan(10);
    expect(report.answered + report.abandoned).toBe(report.sent);
  });

  test.each<[keyof typeof ZEROS, Deeds]>([
    ["lost", { never: 50 }],
    ["lost", { half: 50 }],
    ["lost", { hangup: 50 }],
    ["cut", { reset: 50 }],
    ["unserved", { reset: 1000 }],
    ["malformed", { garbage: 50 }],
    ["duplicated", { twice: 50 }],
    ["foreign", { unknown: 50 }],
  ])("%s: %j", async (counter, deeds) => {
    const report = await ask(protocol, deeds);
    expect(report[counter]).toBeGreaterThan(0);
  });
});

describe.skipIf(missingChaosPrograms())("a server", () => {
  test("answers in another order than that of the requests", async () => {
    expect(await ask("dubbo", { late: 300 })).toMatchObject({ ...ZEROS, fault: null });
    // To a client that goes by the order of its calls that is a fault.
    expect((await ask("thrift", { late: 300 })).foreign).toBeGreaterThan(0);
  });

  test("gathers answers and releases them at once", async () => {
    const server = await BadServer.start("dubbo");
    cleanUps.push(() => server.kill());
    const gathered = server.gather(64);
    const load = CheckedLoad.start({ protocol: "dubbo", port: server.port, connections: 64 });
    cleanUps.push(() => load.kill());
    await gathered();
    await load.until("all wait", ({ waiting }) => waiting === 64);
    expect(load.latest?.answered).toBe(0);
    expect(await server.counts()).toMatchObject({ open: 64, accepted: 64, requests: 64 });
    await server.release();
    await load.answers(64);
    expect(await load.stop()).toMatchObject({ ...ZEROS, fault: null });
  });
});
