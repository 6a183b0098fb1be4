// Hundreds of random things at once, from fixed seeds: clients that come, ask in pieces, leave; servers
// that answer late, twice, never, end, refuse; routes and endpoints that change. Whatever happens, each
// request of a client that stays gets exactly one answer, its own or an error; nothing stays behind.
import { describe, expect, it } from "vitest";
import { WIRES } from "../envoy/support/thrift-wire.js";
import {
  dubboHeartbeat,
  dubboReadonly,
  dubboRequest,
  dubboResponse,
  hessianString,
  Status,
} from "../envoy/support/dubbo-wire.js";
import { seededRandom } from "../host/random.js";
import { builtModule } from "../modules/built-module.js";
import { clusterPolicies, routePolicies } from "./chaos-policies.js";
import { DubboMesh, Provider, type DubboClient, type ProviderRequest } from "./dubbo-fixture.js";
import { holdings } from "./probe.js";
import { RouteControl } from "./route-control.js";
import { Service, ThriftMesh, type CallRequest, type ThriftClient } from "./thrift-fixture.js";
import { callFrame } from "./thrift-messages.js";

const DUBBO = await builtModule("test/switchboard-dubbo");
const THRIFT = await builtModule("test/switchboard-thrift");
const NAME = "demo_20880";
const STEPS = 400;

class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** 0 to bound - 1. */
  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  of<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  /** The token once, or so often that the answer is too large to be gathered with others. */
  answer(token: string): string {
    return this.chance(0.3) ? token.repeat(1 + this.below(800)) : token;
  }

  /** Sizes of reads. */
  sizes(): number[] {
    return Array.from({ length: 4 }, () => 1 + this.below(this.chance(0.5) ? 20 : 2000));
  }
}

interface Chatter<C> {
  readonly client: C;
  /** Tokens of the requests that want an answer, by id. */
  readonly asked: Map<bigint, string>;
  /** The rest of a frame whose beginning was sent. */
  rest: Buffer;
  isGone: boolean;
}

/** What servers do besides answering. */
function disturb(dice: Dice, backends: readonly (Provider | Service)[]): void {
  const server = dice.of(backends)?.server;
  if (server === undefined) return;
  const connection = dice.of(server.openConnections);
  switch (dice.below(7)) {
    case 0:
      connection?.reset();
      break;
    case 1:
      connection?.close();
      break;
    case 2:
      server.accept = "refuse";
      break;
    case 3:
      server.accept = "never-answer";
      break;
    case 4:
      server.acceptDelayMs = dice.below(40);
      break;
    default:
      server.accept = "accept";
  }
}

function answerSome<R>(dice: Dice, requests: R[], answer: (request: R) => void): void {
  const count = dice.below(requests.length + 1);
  for (let i = 0; i < count; i++) {
    const [request] = requests.splice(dice.below(requests.length), 1);
    if (request !== undefined) answer(request);
  }
}

interface Chaos {
  readonly dice: Dice;
  readonly mesh: DubboMesh | ThriftMesh;
  step(): void;
}

/** Some things happen between two turns of the event loop, some when all is quiet, some later. */
function stepSomewhere(chaos: Chaos): void {
  const { dice, mesh } = chaos;
  if (dice.chance(0.5)) {
    mesh.host.loop.post(() => {
      chaos.step();
    });
    return;
  }
  chaos.step();
  if (dice.chance(0.3)) mesh.run();
  else if (dice.chance(0.3)) mesh.host.advance(dice.below(200));
}

class DubboChaos {
  readonly dice: Dice;
  readonly control = new RouteControl();
  readonly providers = ["a", "b", "c", "d"].map((name) => new Provider(name));
  readonly mesh: DubboMesh;
  readonly chatters: Chatter<DubboClient>[] = [];
  #id = 0n;
  #version = 0;

  constructor(
    seed: number,
    limits: Readonly<Record<string, number>> = {},
    readonly hasPolicies = false,
  ) {
    this.dice = new Dice(seed);
    for (const provider of this.providers) provider.answers = false;
    this.mesh = new DubboMesh({
      clusters: { v1: this.providers.slice(0, 3), v2: this.providers.slice(3) },
      module: DUBBO,
      plugin: {
        routeConfigurations: [],
        discoveryCluster: "control",
        defaultTimeout: "1s",
        upstreamHeartbeat: "2s",
        limits: {
          maxRequestsPerUpstreamConnection: 8,
          maxConnections: 6,
          maxPendingRequests: 50,
          ...limits,
        },
      },
      host: { seed, clusters: { control: { grpc: this.control.grpc } } },
    });
    this.connect();
    this.publish();
  }

  connect(): void {
    const client = this.mesh.connect(NAME);
    this.chatters.push({ client, asked: new Map(), rest: Buffer.alloc(0), isGone: false });
  }

  publish(): void {
    const { dice } = this;
    const endpoints = this.providers.slice(0, 1 + dice.below(3));
    const cluster = this.mesh.host.upstreams.tcp("v1");
    if (cluster !== undefined) cluster.endpoints = endpoints.map(({ server }) => server);
    const mutation = [{ operation: "SET", key: "k", value: String(dice.below(1000)) }];
    this.control.publish([
      {
        name: NAME,
        routes: [
          { match: [{ name: "method", prefix: "lost" }], destinations: [{ cluster: "nowhere" }] },
          {
            destinations: [
              { cluster: "v1", weight: 1 + dice.below(5) },
              { cluster: "v2", weight: 1 + dice.below(5) },
            ],
            timeout: `0.${String(1 + dice.below(9))}s`,
            ...(dice.chance(0.5) ? { requestMutation: mutation } : {}),
            ...(dice.chance(0.5) ? { responseMutation: mutation } : {}),
            ...(this.hasPolicies ? routePolicies((bound) => dice.below(bound), "v2") : {}),
          },
        ],
        clusters: [
          {
            name: "v1",
            endpoints: dice.chance(0.8) ? endpoints.length : 0,
            endpointsVersion: String(++this.#version),
            ...(dice.chance(0.3) ? { maxConnections: 1 + dice.below(3) } : {}),
            ...(this.hasPolicies ? clusterPolicies((bound) => dice.below(bound)) : {}),
          },
        ],
      },
    ]);
  }

  ask(chatter: Chatter<DubboClient>): void {
    const { dice } = this;
    const frames: Buffer[] = [chatter.rest];
    for (let i = dice.below(12); i >= 0; i--) {
      const id = ++this.#id;
      if (dice.chance(0.05)) {
        frames.push(dubboHeartbeat(id));
        continue;
      }
      const isTwoWay = dice.chance(0.9);
      const method = `${dice.chance(0.05) ? "lost" : "token"}${String(id)}`;
      const attachments = dice.chance(0.1) ? { big: "x".repeat(dice.below(20_000)) } : {};
      frames.push(dubboRequest({ id, method, isTwoWay, attachments }));
      if (isTwoWay) chatter.asked.set(id, method);
    }
    const bytes = Buffer.concat(frames);
    const cut = dice.chance(0.3) ? dice.below(bytes.length) : bytes.length;
    chatter.rest = bytes.subarray(cut);
    if (cut > 0) chatter.client.socket.send(bytes.subarray(0, cut), dice.sizes());
  }

  answer(request: ProviderRequest): void {
    const { dice } = this;
    const method = /(token|lost)\d+/.exec(request.frame.body.toString("latin1"))?.[0] ?? "";
    if (request.frame.isEvent || !request.frame.isTwoWay) return;
    if (this.hasPolicies && dice.chance(0.1)) {
      const text = hessianString(`out of order: ${method}`);
      request.connection.write(dubboResponse(request.frame.id, text, Status.ServerError));
      return;
    }
    request.reply(dice.answer(method));
    if (dice.chance(0.02)) request.reply("a second answer");
    if (dice.chance(0.02)) request.reply("to nobody", 12_345n);
    if (dice.chance(0.01)) request.connection.write(dubboReadonly(1n));
    if (dice.chance(0.01)) request.connection.write(Buffer.from("not Dubbo any more, but ..."));
  }

  step(): void {
    const { dice } = this;
    const chatter = dice.of(this.chatters);
    const choice = dice.below(100);
    if (choice < 8 && this.chatters.length < 25) this.connect();
    else if (choice < 45 && chatter !== undefined && !chatter.isGone) this.ask(chatter);
    else if (choice < 48 && chatter !== undefined) {
      chatter.isGone = true;
      if (dice.chance(0.5)) chatter.client.socket.close();
      else chatter.client.socket.reset();
    } else if (choice < 75) {
      for (const provider of this.providers) {
        answerSome(dice, provider.requests, (request) => {
          this.answer(request);
        });
      }
    } else if (choice < 82) disturb(dice, this.providers);
    else if (choice < 86) this.publish();
  }

  /** Servers are well again, and everybody gets what was asked for. */
  settle(): void {
    this.mesh.run();
    for (const { server } of this.providers) {
      server.accept = "accept";
      server.acceptDelayMs = 0;
    }
    for (const chatter of this.chatters) {
      if (!chatter.isGone && chatter.rest.length > 0) chatter.client.socket.send(chatter.rest);
    }
    this.mesh.run();
    for (let i = 0; i < 30; i++) {
      for (const provider of this.providers) {
        for (const request of provider.requests.splice(0)) this.answer(request);
      }
      this.mesh.host.advance(100);
    }
  }
}

/** @param mayClose clients for which there is no memory left are closed, and nobody else. */
function runDubbo(chaos: DubboChaos, mayClose: boolean): void {
  for (let step = 0; step < STEPS; step++) stepSomewhere(chaos);
  chaos.settle();
  for (const { client, asked, isGone } of chaos.chatters) {
    if (isGone || (mayClose && client.socket.closed)) continue;
    expect(client.socket.closed).toBe(false);
    for (const [id, token] of asked) {
      const text = client.response(id).body.toString("latin1");
      if (text.includes("metaproto: ")) continue;
      expect(text).toContain(token);
      // Where the string is cut into chunks a token may be cut.
      const others = text.match(/(token|lost)\d+/g)?.filter((found) => !token.startsWith(found));
      expect(others).toEqual([]);
    }
    client.socket.close();
  }
  chaos.mesh.host.advance(3000);
  for (const provider of chaos.providers) {
    for (const request of provider.requests.splice(0)) chaos.answer(request);
  }
  chaos.mesh.host.advance(3000);
  expect(holdings(chaos.mesh).streams).toBe(0);
  expect(chaos.mesh.stat("downstream_rq_active")).toBe(0);
  expect(chaos.mesh.stat("downstream_cx_active")).toBe(0);
  expect(chaos.mesh.host.warnings).toEqual([]);
}

describe("Dubbo in chaos", () => {
  it.each(Array.from({ length: 20 }, (_, index) => index + 1))("seed %d", (seed) => {
    runDubbo(new DubboChaos(seed), false);
  });

  it.each(Array.from({ length: 10 }, (_, index) => index + 101))(
    "seed %d, with little memory",
    (seed) => {
      runDubbo(new DubboChaos(seed, { maxBufferedBytes: 40_000 }), true);
    },
  );

  it.each(Array.from({ length: 20 }, (_, index) => index + 201))(
    "seed %d, with all policies and filters",
    (seed) => {
      runDubbo(new DubboChaos(seed, {}, true), false);
    },
  );

  it.each(Array.from({ length: 10 }, (_, index) => index + 301))(
    "seed %d, with all policies and filters, and little memory",
    (seed) => {
      runDubbo(new DubboChaos(seed, { maxBufferedBytes: 40_000 }, true), true);
    },
  );
});

class ThriftChaos {
  readonly dice: Dice;
  readonly services = ["a", "b", "c"].map((name) => new Service(name));
  readonly mesh: ThriftMesh;
  readonly chatters: (Chatter<ThriftClient> & { readonly tokens: string[] })[] = [];

  constructor(
    seed: number,
    readonly mode: string,
    limits: Readonly<Record<string, number>> = {},
    hasPolicies = false,
  ) {
    const dice = new Dice(seed);
    const below = (bound: number) => dice.below(bound);
    this.dice = dice;
    for (const service of this.services) service.answers = false;
    this.mesh = new ThriftMesh({
      clusters: { v1: this.services },
      module: THRIFT,
      routes: [
        { match: [{ name: "method", prefix: "lost" }], destinations: [{ cluster: "nowhere" }] },
        {
          destinations: [{ cluster: "v1" }],
          timeout: "0.8s",
          ...(hasPolicies ? routePolicies(below, "v1") : {}),
        },
      ],
      clusterSettings: hasPolicies ? { v1: clusterPolicies(below) } : {},
      plugin: {
        connectionMode: mode,
        limits: {
          maxConnections: 10,
          maxPendingRequests: 30,
          maxRequestsPerUpstreamConnection: 5,
          ...limits,
        },
      },
      host: { seed },
    });
  }

  ask(chatter: (typeof this.chatters)[number]): void {
    const { dice } = this;
    const frames: Buffer[] = [chatter.rest];
    for (let i = dice.below(6); i >= 0; i--) {
      const seqid = chatter.tokens.length;
      const token = `token ${String(this.chatters.indexOf(chatter))}.${String(seqid)}.`;
      const name = dice.chance(0.05) ? "lost" : "hello";
      frames.push(callFrame(chatter.client.wire, name, { seqid, text: token }));
      chatter.tokens.push(token);
    }
    const bytes = Buffer.concat(frames);
    const cut = dice.chance(0.3) ? dice.below(bytes.length) : bytes.length;
    chatter.rest = bytes.subarray(cut);
    if (cut > 0) chatter.client.socket.send(bytes.subarray(0, cut), dice.sizes());
  }

  answer(request: CallRequest): void {
    const token = /token \d+\.\d+\./.exec(request.message.body.toString("latin1"))?.[0] ?? "";
    request.reply(this.dice.answer(token));
  }

  answerSome(service: Service): void {
    // In order, where the order is what tells answers apart.
    if (this.mode === "SHARED") {
      answerSome(this.dice, service.requests, (request) => {
        this.answer(request);
      });
      return;
    }
    for (const request of service.requests.splice(0, this.dice.below(4))) this.answer(request);
  }

  step(): void {
    const { dice } = this;
    const chatter = dice.of(this.chatters);
    const choice = dice.below(100);
    if (choice < 10 && this.chatters.length < 20) {
      const client = this.mesh.connect(dice.of(WIRES));
      const asked = new Map<bigint, string>();
      this.chatters.push({ client, asked, rest: Buffer.alloc(0), isGone: false, tokens: [] });
    } else if (choice < 45 && chatter !== undefined && !chatter.isGone) this.ask(chatter);
    else if (choice < 47 && chatter !== undefined) {
      chatter.isGone = true;
      chatter.client.socket.reset();
    } else if (choice < 75) for (const service of this.services) this.answerSome(service);
    else if (choice < 80) disturb(dice, this.services);
  }

  settle(): void {
    this.mesh.run();
    for (const { server } of this.services) {
      server.accept = "accept";
      server.acceptDelayMs = 0;
    }
    for (const chatter of this.chatters) {
      if (!chatter.isGone && chatter.rest.length > 0) chatter.client.socket.send(chatter.rest);
    }
    for (let i = 0; i < 60; i++) {
      for (const service of this.services) {
        for (const request of service.requests.splice(0)) this.answer(request);
      }
      this.mesh.host.advance(100);
    }
  }
}

function runThrift(chaos: ThriftChaos, mayClose: boolean): void {
  for (let step = 0; step < STEPS; step++) stepSomewhere(chaos);
  chaos.settle();
  for (const { client, tokens, isGone } of chaos.chatters) {
    // One answer each, in the order of the calls.
    const seqids = tokens.map((_, index) => index);
    const isWhole = !isGone && !(mayClose && client.socket.closed);
    const count = isWhole ? seqids.length : client.replies.length;
    expect(client.replies.map((reply) => reply.seqid)).toEqual(seqids.slice(0, count));
    client.answers.forEach((text, index) => {
      const token = tokens[index] ?? "";
      if (!text.includes("metaproto: "))
        expect(text).toBe(token.repeat(text.length / token.length));
    });
    if (!isWhole) continue;
    expect(client.socket.closed).toBe(false);
    client.socket.close();
  }
  chaos.mesh.host.advance(3000);
  expect(holdings(chaos.mesh).streams).toBe(0);
  expect(chaos.mesh.stat("downstream_rq_active")).toBe(0);
  expect(chaos.mesh.host.warnings).toEqual([]);
}

describe.each(["EXCLUSIVE", "IN_ORDER", "SHARED"])("Thrift, %s, in chaos", (mode) => {
  it.each(Array.from({ length: 12 }, (_, index) => index + 1))("seed %d", (seed) => {
    runThrift(new ThriftChaos(seed, mode), false);
  });

  it.each(Array.from({ length: 6 }, (_, index) => index + 101))(
    "seed %d, with little memory",
    (seed) => {
      runThrift(new ThriftChaos(seed, mode, { maxBufferedBytes: 6000 }), true);
    },
  );

  it.each(Array.from({ length: 10 }, (_, index) => index + 201))(
    "seed %d, with all policies and filters",
    (seed) => {
      runThrift(new ThriftChaos(seed, mode, {}, true), false);
    },
  );

  it.each(Array.from({ length: 5 }, (_, index) => index + 301))(
    "seed %d, with all policies and filters, and little memory",
    (seed) => {
      runThrift(new ThriftChaos(seed, mode, { maxBufferedBytes: 6000 }, true), true);
    },
  );
});
