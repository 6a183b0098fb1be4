// What a MetaRouter can say about Thrift requests, held against the official clients and servers.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWith } from "./support/describe-with.js";
import { answersByLabel } from "./support/peer-client.js";
import type { RouteOptions, StringMatchOptions } from "./support/resources.js";
import { assertFollowsWeights } from "./support/statistics.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import type { ThriftClient, ThriftRequest } from "./support/thrift-peer.js";
import { FRAMED, STRICT_WIRES, ExceptionType, type ThriftWire } from "./support/thrift-wire.js";

const HELLO: ThriftRequest = { method: "hello", args: ["you"] };
const USER: ThriftRequest = { method: "getUser", args: ["1"] };
const HEADER = { transport: "header", protocol: "binary" } as const;

function withHeader(key: string, value: string): ThriftRequest {
  return { ...HELLO, headers: { [key]: value } };
}

describeWith("Thrift routes", missingThriftPeers(), () => {
  let thrift: ThriftMesh;
  let port: number;

  beforeAll(async () => {
    thrift = await ThriftMesh.start({
      endpoints: [
        { label: "go", language: "go", version: "v1", ...HEADER },
        { label: "python", language: "python", version: "v2", ...HEADER },
        { label: "go-3", language: "go", version: "v3", ...HEADER },
      ],
    });
    ({ port } = thrift);
  });

  afterAll(() => thrift.stop());

  const route = (...routes: readonly RouteOptions[]): Promise<void> =>
    thrift.mesh.route(thrift.service, ...routes);

  describe.each(THRIFT_LANGUAGES)("%s client", (language) => {
    let client: ThriftClient;

    beforeAll(() => {
      client = thrift.client(language);
    });

    const server = async (request: ThriftRequest, wire: ThriftWire = HEADER): Promise<string> =>
      (await client.call({ ...wire, port }, request)).label;

    // What matches goes to the Go server, everything else to the one in Python.
    test.each<[string, Record<string, StringMatchOptions>, ThriftRequest, ThriftRequest]>([
      ["exact method", { method: { exact: "hello" } }, HELLO, USER],
      ["method prefix", { method: { prefix: "get" } }, USER, HELLO],
      ["method regex", { method: { regex: "get(User|Order)" } }, USER, HELLO],
    ])("%s, in every transport and protocol", async (_, match, matching, other) => {
      await route({ match, to: { v1: 100 } }, { to: { v2: 100 } });
      for (const wire of STRICT_WIRES) {
        expect(await server(matching, wire)).toBe("go");
        expect(await server(other, wire)).toBe("python");
      }
    });

    test.each<[string, Record<string, StringMatchOptions>, ThriftRequest, ThriftRequest]>([
      [
        "exact header",
        { user: { exact: "gold" } },
        withHeader("user", "gold"),
        withHeader("user", "golden"),
      ],
      [
        "header prefix",
        { user: { prefix: "gold" } },
        withHeader("user", "golden"),
        withHeader("user", "silver"),
      ],
      [
        "header regex",
        { user: { regex: "g.*-[0-9]{3}" } },
        withHeader("user", "gold-007"),
        withHeader("user", "gold-07"),
      ],
      ["header beyond ASCII", { user: { regex: "顾.?" } }, withHeader("user", "顾客"), HELLO],
      ["header is there", { user: {} }, withHeader("user", "x"), HELLO],
      [
        "header and method",
        { user: { exact: "a" }, method: { exact: "hello" } },
        withHeader("user", "a"),
        { ...USER, headers: { user: "a" } },
      ],
    ])("%s", async (_, match, matching, other) => {
      await route({ match, to: { v1: 100 } }, { to: { v2: 100 } });
      expect(await server(matching)).toBe("go");
      expect(await server(other)).toBe("python");
    });

    test("the service of a multiplexed call", async () => {
      await route(
        { match: { service: { exact: "Second" } }, to: { v1: 100 } },
        { to: { v2: 100 } },
      );
      for (const wire of STRICT_WIRES) {
        const target = { ...wire, port };
        const second = await client.call({ ...target, service: "Second" }, HELLO);
        expect(second.value).toBe("Hello you from go/Second");
        const first = await client.call({ ...target, service: "Greeter" }, HELLO);
        expect(first.value).toBe("Hello you from python");
      }
    });

    test("transport and protocol", async () => {
      await route(
        { match: { transport: { exact: "unframed" } }, to: { v1: 100 } },
        { match: { protocol: { exact: "compact" } }, to: { v3: 100 } },
        { to: { v2: 100 } },
      );
      const labels = new Map<string, string>();
      for (const wire of STRICT_WIRES)
        labels.set(`${wire.transport} ${wire.protocol}`, await server(HELLO, wire));
      expect(Object.fromEntries(labels)).toEqual({
        "framed binary": "python",
        "framed compact": "go-3",
        "buffered binary": "go",
        "buffered compact": "go",
        "header binary": "python",
        "header compact": "go-3",
      });
    });

    test("the first route that matches is taken", async () => {
      const byPrefix = { match: { method: { prefix: "get" } }, to: { v1: 100 } };
      const exact = { match: { method: { exact: "getUser" } }, to: { v2: 100 } };
      await route(byPrefix, exact, { to: { v3: 100 } });
      expect(await server(USER)).toBe("go");
      expect(await server(HELLO)).toBe("go-3");
      await route(exact, byPrefix, { to: { v3: 100 } });
      expect(await server(USER)).toBe("python");
      expect(await server({ method: "getOrder", args: ["1"] })).toBe("go");
    });

    test("three weights", async () => {
      const weights = { go: 10, python: 30, "go-3": 60 };
      await route({ to: { v1: 10, v2: 30, v3: 60 } });
      const target = { ...FRAMED, port, connections: 8 };
      const burst = await client.burst(target, [HELLO], { count: 3_000, concurrency: 8 });
      expect(burst).toMatchObject({ succeeded: 3_000, failed: 0 });
      assertFollowsWeights(answersByLabel(burst), weights);
    });

    test.each(["v1", "v2"])("mutations of THeader, server %s", async (version) => {
      await route({
        to: { [version]: 100 },
        requestMutation: { zone: "east", user: "changed" },
        responseMutation: { "served-by": "mesh", label: "renamed" },
      });
      for (const protocol of ["binary", "compact"] as const) {
        const target = { transport: "header", protocol, port } as const;
        const headers = { user: "u-1", other: "kept" };
        const seen = await client.call(target, { method: "headers", headers });
        expect(seen.value).toMatchObject({ zone: "east", user: "changed", other: "kept" });
        expect(seen.attachments).toMatchObject({ "served-by": "mesh", label: "renamed" });
        const failure = await client.fail(target, { method: "failBiz", args: ["no"] });
        expect(failure).toMatchObject({ className: "BizError", code: 42 });
        const unknown = await client.fail(target, { method: "noSuchMethod" });
        expect(unknown.code).toBe(ExceptionType.UnknownMethod);
      }
      // The other transports have no place for it, and pass as they are.
      const framed = await client.call({ ...FRAMED, port }, HELLO);
      expect(framed.value).toMatch(/^Hello you from/);
    });
  });
});
