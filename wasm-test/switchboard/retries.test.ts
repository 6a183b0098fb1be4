// Retries and timeouts of single tries.
import { describe, expect, it } from "vitest";
import { type DubboClient, DubboMesh } from "./dubbo-fixture.js";
import { hessianString } from "../envoy/support/dubbo-wire.js";
import type { MeshOptions } from "./mesh.js";
import { type Outcome, ScriptedProvider } from "./scripted-provider.js";

const OK = 20;
const SERVER_TIMEOUT = 31;
const SERVER_ERROR = 80;

type Policy = Readonly<Record<string, unknown>>;

function meshOf(
  providers: readonly ScriptedProvider[],
  retryPolicy: Policy,
  options: Partial<MeshOptions> & { readonly timeout?: string } = {},
): DubboMesh {
  const route = { destinations: [{ cluster: "v1" }], retryPolicy };
  const timeout = options.timeout === undefined ? {} : { timeout: options.timeout };
  return new DubboMesh({
    clusters: { v1: providers },
    routes: [{ ...route, ...timeout }],
    ...options,
  });
}

/** The first `count` requests end so, later ones are answered. */
function first(count: number, outcome: Outcome): (index: number) => Outcome {
  return (index) => (index < count ? outcome : "answer");
}

function ask(mesh: DubboMesh, ms = 1000): DubboClient {
  const client = mesh.connect();
  client.request({ id: 7n, method: "m" });
  mesh.run();
  mesh.host.advance(ms);
  return client;
}

function textOf(client: DubboClient): string {
  return client.response(7n).body.toString("latin1");
}

describe("a request is sent again", () => {
  it.each([
    ["reset", "RESET"],
    ["framework error", "SERVER_ERROR"],
    ["exception", "BUSINESS_ERROR"],
  ] as const)("after: %s", (outcome, reason) => {
    const provider = new ScriptedProvider("a", first(1, outcome));
    const mesh = meshOf([provider], { attempts: 1, retryOn: [reason] });
    const client = ask(mesh);
    expect(client.response(7n).status).toBe(OK);
    expect(provider.requests).toHaveLength(2);
    const [one, two] = provider.requests.map(({ frame }) => frame.body.toString("hex"));
    expect(two).toBe(one);
    expect(mesh.stat("upstream_rq_retry")).toBe(1);
    expect(mesh.stat("upstream_rq_retry_success")).toBe(1);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("when no connection can be made, once one can", () => {
    const provider = new ScriptedProvider("a");
    provider.server.accept = "refuse";
    const mesh = meshOf([provider], { attempts: 3, retryOn: ["CONNECT_FAILURE"] });
    const client = ask(mesh, 10);
    provider.server.accept = "accept";
    mesh.host.advance(1000);
    expect(textOf(client)).toContain("a");
  });

  it("but only for the reasons that the policy names", () => {
    const provider = new ScriptedProvider("a", first(1, "framework error"));
    const mesh = meshOf([provider], { attempts: 3, retryOn: ["RESET", "BUSINESS_ERROR"] });
    expect(ask(mesh).response(7n).status).toBe(SERVER_ERROR);
    expect(provider.requests).toHaveLength(1);
  });

  it("as often as the policy says; the last error is the client's", () => {
    const provider = new ScriptedProvider("a", () => "framework error");
    const mesh = meshOf([provider], { attempts: 3, retryOn: ["SERVER_ERROR"] });
    const client = ask(mesh, 3000);
    expect(client.response(7n).status).toBe(SERVER_ERROR);
    expect(provider.requests).toHaveLength(4);
    expect(mesh.stat("upstream_rq_retry_limit_exceeded")).toBe(1);
    expect(mesh.stat("upstream_rq_retry_success")).toBe(0);
  });

  it("elsewhere, if there is another endpoint", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const bad = new ScriptedProvider("bad", () => "framework error");
      const good = new ScriptedProvider("good");
      const policy = { attempts: 1, retryOn: ["SERVER_ERROR"] };
      const mesh = meshOf([bad, good], policy, { host: { seed } });
      expect(textOf(ask(mesh))).toContain("good");
    }
  });

  it("after a pause that grows up to its bound", () => {
    const times: number[] = [];
    const provider = new ScriptedProvider("a", () => "framework error");
    const policy = {
      attempts: 8,
      retryOn: ["SERVER_ERROR"],
      baseInterval: "0.1s",
      maxInterval: "0.4s",
    };
    const mesh = meshOf([provider], policy);
    ask(mesh, 0);
    for (let ms = 0; ms < 5000; ms += 10) {
      const before = provider.requests.length;
      mesh.host.advance(10);
      if (provider.requests.length > before) times.push(ms);
    }
    expect(times).toHaveLength(8);
    const pauses = times.map((time, index) => time - (times[index - 1] ?? 0));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(430);
    expect(Math.max(...pauses)).toBeGreaterThan(100);
  });
});

describe("a request is not sent again", () => {
  it("when it is larger than what is kept", () => {
    const provider = new ScriptedProvider("a", first(1, "framework error"));
    const policy = { attempts: 1, retryOn: ["SERVER_ERROR"], maxRequestBytes: 64 };
    const mesh = meshOf([provider], policy);
    expect(ask(mesh).response(7n).status).toBe(SERVER_ERROR);
  });

  it("when too many others are, but for a few", () => {
    const provider = new ScriptedProvider("a", () => "framework error");
    const policy = { attempts: 1, retryOn: ["SERVER_ERROR"], minRetries: 2, budgetPercent: 1 };
    const mesh = meshOf([provider], policy);
    const client = mesh.connect();
    for (let id = 1n; id <= 20n; id++) client.request({ id, method: "m" });
    mesh.run();
    mesh.host.advance(2000);
    expect(provider.requests).toHaveLength(22);
    expect(mesh.stat("upstream_rq_retry_overflow")).toBe(18);
    for (let id = 1n; id <= 20n; id++) expect(client.response(id).status).toBe(SERVER_ERROR);
  });

  it("when the client is gone", () => {
    const provider = new ScriptedProvider("a", () => "framework error");
    const mesh = meshOf([provider], { attempts: 5, retryOn: ["SERVER_ERROR"] });
    const client = ask(mesh, 0);
    client.socket.close();
    mesh.host.advance(3000);
    expect(provider.requests).toHaveLength(1);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("beyond the route's timeout, pauses included", () => {
    const provider = new ScriptedProvider("a", () => "framework error");
    const policy = { attempts: 100, retryOn: ["SERVER_ERROR"], baseInterval: "0.05s" };
    const mesh = meshOf([provider], policy, { timeout: "0.3s" });
    const client = ask(mesh, 250);
    expect(client.responses.size).toBe(0);
    mesh.host.advance(150);
    expect([SERVER_TIMEOUT, SERVER_ERROR]).toContain(client.response(7n).status);
    const sent = provider.requests.length;
    mesh.host.advance(3000);
    expect(provider.requests).toHaveLength(sent);
  });

  it("when it is oneway, unless asked", () => {
    for (const retryOneway of [false, true]) {
      const provider = new ScriptedProvider("a");
      provider.server.accept = "refuse";
      const policy = { attempts: 5, retryOn: ["CONNECT_FAILURE"], retryOneway };
      const mesh = meshOf([provider], policy);
      const client = mesh.connect();
      client.request({ id: 7n, method: "m", isTwoWay: false });
      mesh.run();
      mesh.host.advance(15);
      provider.server.accept = "accept";
      mesh.host.advance(3000);
      expect(provider.requests).toHaveLength(retryOneway ? 1 : 0);
      expect(mesh.stat("downstream_rq_active")).toBe(0);
    }
  });
});

describe("the timeout of a route with retries", () => {
  it("is never over early, wherever between two ticks a request comes", () => {
    const policy = { attempts: 5, perTryTimeout: "0.05s", retryOn: ["PER_TRY_TIMEOUT"] };
    for (let lateMs = 0; lateMs < 10; lateMs++) {
      const mesh = meshOf([new ScriptedProvider("a", () => "silence")], policy, {
        timeout: "0.2s",
      });
      const client = mesh.connect();
      mesh.host.advance(100 + lateMs);
      client.request({ id: 7n, method: "m" });
      mesh.run();
      mesh.host.advance(199);
      expect(client.responses.size, `${String(lateMs)} ms`).toBe(0);
      mesh.host.advance(30);
      expect(client.response(7n).status).toBe(SERVER_TIMEOUT);
    }
  });
});

describe("a host that is late", () => {
  it("leaves a try all of its time, and its frame alone", () => {
    const provider = new ScriptedProvider("a", first(1, "framework error"));
    const policy = {
      attempts: 5,
      perTryTimeout: "0.05s",
      retryOn: ["SERVER_ERROR", "PER_TRY_TIMEOUT"],
    };
    const mesh = meshOf([provider], policy);
    const client = mesh.connect();
    client.request({ id: 7n, method: "m", args: [hessianString("x".repeat(50_000))] });
    mesh.run();
    // The pause before the next try is over, and so would be that try, if it had begun when it should have.
    mesh.host.setClock(700);
    mesh.host.advance(1_000);
    expect(client.response(7n).status).toBe(OK);
    expect(provider.requests).toHaveLength(2);
    expect(mesh.stat("upstream_rq_per_try_timeout")).toBe(0);
    expect(mesh.stat("upstream_rq_unmatched")).toBe(0);
  });
});

describe("the timeout of a try", () => {
  const policy = { attempts: 2, retryOn: ["PER_TRY_TIMEOUT"], perTryTimeout: "0.1s" };

  it("sends it again with another id, and what the first try answers is dropped", () => {
    const provider = new ScriptedProvider("a", first(1, "silence"));
    const mesh = meshOf([provider], policy);
    const client = ask(mesh);
    expect(textOf(client)).toContain("a");
    const [one, two] = provider.requests;
    if (one === undefined || two === undefined) throw new Error("it was not sent twice");
    expect(two.frame.id).not.toBe(one.frame.id);
    provider.answerLate(one);
    mesh.run();
    expect(client.responses.get(7n)).toHaveLength(1);
    expect(mesh.stat("upstream_rq_per_try_timeout")).toBe(1);
    expect(mesh.stat("upstream_rq_late")).toBe(1);
    expect(mesh.stat("upstream_rq_unmatched")).toBe(0);
  });

  it("is told to the client when no try is left", () => {
    const provider = new ScriptedProvider("a", () => "silence");
    const mesh = meshOf([provider], policy);
    const client = ask(mesh, 2000);
    expect(client.response(7n).status).toBe(SERVER_TIMEOUT);
    expect(textOf(client)).toContain("no response within 100 ms from cluster v1");
    expect(provider.requests).toHaveLength(3);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("holds without retries as well", () => {
    const provider = new ScriptedProvider("a", () => "silence");
    const mesh = meshOf([provider], { perTryTimeout: "0.1s" });
    const client = ask(mesh, 200);
    expect(textOf(client)).toContain("no response within 100 ms");
  });
});

describe("the time that a consumer gives a request", () => {
  function answerAfter(timeout: string | undefined, asked: string | undefined): DubboClient {
    const provider = new ScriptedProvider("a", () => "silence");
    const routes = [
      { destinations: [{ cluster: "v1" }], ...(timeout === undefined ? {} : { timeout }) },
    ];
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, routes });
    const client = mesh.connect();
    const attachments = asked === undefined ? {} : { timeout: asked };
    client.request({ id: 7n, method: "m", attachments });
    mesh.run();
    mesh.host.advance(500);
    return client;
  }

  it("shortens a timeout of the route", () => {
    expect(textOf(answerAfter("2s", "300"))).toContain("no response within 300 ms");
    expect(textOf(answerAfter("0s", "300"))).toContain("no response within 300 ms");
    expect(textOf(answerAfter("0.2s", "300"))).toContain("no response within 200 ms");
  });

  it.each(["", "soon", "-1", "99999999999", "0", "300ms"])("is none: %j", (asked) => {
    expect(textOf(answerAfter("0.2s", asked))).toContain("no response within 200 ms");
  });

  it("is not looked for where the route says nothing of time: the consumer will know", () => {
    expect(answerAfter(undefined, "300").responses.size).toBe(0);
  });
});

describe("memory", () => {
  it("of requests that were kept is given back", () => {
    const provider = new ScriptedProvider("a", (count) => (count % 2 === 0 ? "reset" : "answer"));
    const mesh = meshOf([provider], { attempts: 2, retryOn: ["RESET"], minRetries: 100 });
    const client = mesh.connect();
    let idle = 0;
    for (let round = 0; round < 30; round++) {
      client.request({ id: BigInt(round), method: "m" });
      mesh.run();
      mesh.host.advance(500);
      expect(client.response(BigInt(round)).status).toBe(OK);
      if (round === 5) idle = mesh.stat("buffered_bytes");
    }
    expect(mesh.stat("buffered_bytes")).toBe(idle);
    expect(mesh.stat("timers_active")).toBe(0);
  });
});
