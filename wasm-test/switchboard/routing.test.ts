// Routes and mutations from the plugin's configuration, on real frames.
import { describe, expect, it } from "vitest";
import { compileRegex } from "../../controlplane/regex/compile-regex.js";
import {
  dubboResponse,
  hessianString,
  valueBody,
  type DubboRequest,
} from "../envoy/support/dubbo-wire.js";
import { assertFollowsWeights } from "../envoy/support/statistics.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import type { RouteOptions } from "./mesh.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";

/** As the control plane sends a pattern. */
function regex(pattern: string): object {
  const compiled = compileRegex(pattern);
  if ("error" in compiled) throw new Error(compiled.error);
  const { dfa, literalPrefix } = compiled;
  return { pattern, dfa: Buffer.from(dfa).toString("base64"), literalPrefix };
}

/** A mesh in which what matches goes to "matched" and the rest to "other". */
function meshMatching(match: readonly object[]): (request: Omit<DubboRequest, "id">) => string {
  const clusters = { matched: [new Provider("matched")], other: [new Provider("other")] };
  const mesh = new DubboMesh({
    clusters,
    routes: [
      { match, destinations: [{ cluster: "matched" }] },
      { destinations: [{ cluster: "other" }] },
    ],
  });
  const client = mesh.connect();
  let id = 0n;
  return (request) => {
    client.request({ ...request, id: ++id });
    mesh.run();
    const text = client.response(id).body.toString("latin1");
    return /matched|other/.exec(text)?.[0] ?? text;
  };
}

function entry(key: string, value: string): Buffer {
  return Buffer.concat([hessianString(key), hessianString(value)]);
}

describe("a request is matched", () => {
  it("by the exact method", () => {
    const send = meshMatching([{ name: "method", exact: "sayHello" }]);
    expect(send({ method: "sayHello" })).toBe("matched");
    expect(send({ method: "sayhello" })).toBe("other");
    expect(send({ method: "sayHello2" })).toBe("other");
  });

  it("by a prefix of the interface", () => {
    const send = meshMatching([{ name: "interface", prefix: "demo." }]);
    expect(send({ method: "m", path: "demo.Greeter" })).toBe("matched");
    expect(send({ method: "m", path: "demo" })).toBe("other");
  });

  it("by a regular expression on the whole value", () => {
    const send = meshMatching([{ name: "method", regex: regex("(get|find)[A-Z]\\w*") }]);
    expect(send({ method: "getUser" })).toBe("matched");
    expect(send({ method: "findUserByName" })).toBe("matched");
    expect(send({ method: "get" })).toBe("other");
    expect(send({ method: "forgetUser" })).toBe("other");
  });

  it("by the presence of an attachment, in any letter case of its name", () => {
    const send = meshMatching([{ name: "x-user", present: true }]);
    expect(send({ method: "m", attachments: { "X-User": "a" } })).toBe("matched");
    expect(send({ method: "m" })).toBe("other");
  });

  it("by what does not hold", () => {
    const send = meshMatching([{ name: "tag", exact: "gray", invert: true }]);
    expect(send({ method: "m", attachments: { tag: "gray" } })).toBe("other");
    expect(send({ method: "m", attachments: { tag: "blue" } })).toBe("matched");
    expect(send({ method: "m" })).toBe("matched");
  });

  it("only if all of a route's matches hold", () => {
    const send = meshMatching([
      { name: "method", exact: "sayHello" },
      { name: "version", exact: "2.0.0" },
      { name: "tag", prefix: "gr" },
    ]);
    const request = { method: "sayHello", serviceVersion: "2.0.0", attachments: { tag: "gray" } };
    expect(send(request)).toBe("matched");
    expect(send({ ...request, method: "m" })).toBe("other");
    expect(send({ ...request, serviceVersion: "1.0.0" })).toBe("other");
    expect(send({ ...request, attachments: {} })).toBe("other");
  });

  it("by the first route of several, oneway requests and half-read ones likewise", () => {
    const providers = ["first", "second", "third"].map((name) => new Provider(name));
    const clusters = Object.fromEntries(providers.map((provider) => [provider.name, [provider]]));
    const routes: RouteOptions[] = [
      { match: [{ name: "method", prefix: "a" }], destinations: [{ cluster: "first" }] },
      { match: [{ name: "method", exact: "ab" }], destinations: [{ cluster: "second" }] },
      { match: [{ name: "method", prefix: "" }], destinations: [{ cluster: "third" }] },
    ];
    const mesh = new DubboMesh({ clusters, routes });
    const client = mesh.connect();
    client.request({ id: 1n, method: "ab", isTwoWay: false });
    client.request({ id: 2n, method: "ab" }, [1]);
    client.request({ id: 3n, method: "b" });
    mesh.run();
    expect(providers.map((provider) => provider.requests.length)).toEqual([2, 0, 1]);
  });
});

describe("weights", () => {
  it("share the requests of one client's connection", () => {
    const providers = ["v1", "v2", "v3"].map((name) => new Provider(name));
    const mesh = new DubboMesh({
      clusters: Object.fromEntries(providers.map((provider) => [provider.name, [provider]])),
      routes: [
        {
          destinations: [
            { cluster: "v1", weight: 70 },
            { cluster: "v2", weight: 25 },
            { cluster: "v3", weight: 5 },
          ],
        },
      ],
    });
    const client = mesh.connect();
    for (let id = 1n; id <= 4000n; id++) {
      client.request({ id, method: "m" });
      if (id % 100n === 0n) mesh.run();
    }
    const counts = new Map(providers.map(({ name, requests }) => [name, requests.length]));
    assertFollowsWeights(counts, { v1: 70, v2: 25, v3: 5 });
  });
});

describe("a mutation", () => {
  it("of requests sets, adds and removes attachments, and leaves the rest alone", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [
        {
          destinations: [{ cluster: "v1" }],
          requestMutation: [
            { operation: "SET", key: "color", value: "green" },
            { operation: "ADD_IF_ABSENT", key: "user", value: "nobody" },
            { operation: "REMOVE", key: "secret" },
          ],
        },
      ],
    });
    const client = mesh.connect();
    client.request({
      id: 1n,
      method: "m",
      attachments: { color: "red", user: "me", secret: "s3", kept: "yes" },
    });
    client.request({ id: 2n, method: "m" });
    mesh.run();
    const [first, second] = provider.requests.map((request) => request.frame.body);
    expect(first?.includes(entry("color", "green"))).toBe(true);
    expect(first?.includes(entry("user", "me"))).toBe(true);
    expect(first?.includes(entry("kept", "yes"))).toBe(true);
    expect(first?.includes(hessianString("secret"))).toBe(false);
    expect(second?.includes(entry("color", "green"))).toBe(true);
    expect(second?.includes(entry("user", "nobody"))).toBe(true);
    expect(client.response(1n).status).toBe(20);
  });

  it("of responses reaches the client, whatever else it has in flight", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [
        {
          match: [{ name: "method", exact: "marked" }],
          destinations: [{ cluster: "v1" }],
          responseMutation: [{ operation: "SET", key: "served-by", value: "mesh" }],
        },
        { destinations: [{ cluster: "v1" }] },
      ],
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "marked" });
    client.request({ id: 2n, method: "plain" });
    mesh.run();
    for (const { connection, frame } of [...provider.requests].reverse()) {
      connection.write(dubboResponse(frame.id, valueBody("v", { kept: "yes" })));
    }
    mesh.run();
    const marked = client.response(1n).body;
    expect(marked.includes(entry("served-by", "mesh"))).toBe(true);
    expect(marked.includes(entry("kept", "yes"))).toBe(true);
    expect(client.response(2n).body).toEqual(valueBody("v", { kept: "yes" }));
  });

  it("is applied to requests that waited for a connection as well", () => {
    const provider = new Provider("v1", { acceptDelayMs: 100 });
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [
        {
          destinations: [{ cluster: "v1" }],
          requestMutation: [{ operation: "SET", key: "color", value: "green" }],
        },
      ],
    });
    const client = mesh.connect();
    for (let id = 1n; id <= 20n; id++) client.request({ id, method: "m" });
    mesh.host.advance(200);
    expect(provider.requests).toHaveLength(20);
    for (const { frame } of provider.requests) {
      expect(frame.body.includes(entry("color", "green"))).toBe(true);
    }
  });

  it("of a Thrift call in THeader sets its key-values; other transports pass as they are", () => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      routes: [
        {
          destinations: [{ cluster: "v1" }],
          requestMutation: [{ operation: "SET", key: "color", value: "green" }],
        },
      ],
    });
    const header = mesh.connect({ transport: "header", protocol: "compact" });
    const framed = mesh.connect();
    header.call("hello", { seqid: 5, headers: { color: "red", user: "me" } });
    framed.call("hello", { seqid: 6 });
    mesh.run();
    expect(header.answers).toEqual(["v1"]);
    expect(framed.answers).toEqual(["v1"]);
    const changed = service.requests.find((request) => request.message.seqid === 5);
    expect(changed?.message.headers).toEqual({ color: "green", user: "me" });
    expect(mesh.stat("mutation_skipped")).toBe(1);
  });
});

describe("a Thrift call is matched", () => {
  it("by service and method of a multiplexed client, and by a THeader key", () => {
    const services = ["users", "gray", "rest"].map((name) => new Service(name));
    const mesh = new ThriftMesh({
      clusters: Object.fromEntries(services.map((service) => [service.name, [service]])),
      routes: [
        {
          match: [
            { name: "service", exact: "Users" },
            { name: "method", prefix: "get" },
          ],
          destinations: [{ cluster: "users" }],
        },
        { match: [{ name: "tag", exact: "gray" }], destinations: [{ cluster: "gray" }] },
        { destinations: [{ cluster: "rest" }] },
      ],
    });
    const client = mesh.connect({ transport: "header", protocol: "binary" });
    client.call("Users:getOne");
    client.call("Users:remove");
    client.call("hello", { headers: { Tag: "gray" } });
    mesh.run();
    expect(client.answers).toEqual(["users", "rest", "gray"]);
  });
});
