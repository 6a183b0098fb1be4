// Values of mutations with operators, on real frames: what each frame's request makes of them.
import { describe, expect, it } from "vitest";
import { dubboResponse, hessianString, valueBody } from "../envoy/support/dubbo-wire.js";
import type { ThriftMessage } from "../envoy/support/thrift-wire.js";
import { filterOptions } from "../filters/filter-options.js";
import { AccessLogSchema } from "../../controlplane/gen/metaproto/filters/v1/access_log_pb.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import { pluginConfiguration, type MeshOptions, type RouteOptions } from "./mesh.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";

const HEADER = { transport: "header", protocol: "binary" } as const;

function entry(key: string, value: string): Buffer {
  return Buffer.concat([hessianString(key), hessianString(value)]);
}

function set(key: string, value: string): object {
  return { operation: "SET", key, value };
}

/** A mesh of one provider and one route. */
function meshWith(
  route: Partial<RouteOptions>,
  options: Partial<MeshOptions> = {},
  provider = new Provider("v1"),
): { mesh: DubboMesh; provider: Provider } {
  const mesh = new DubboMesh({
    clusters: { v1: [provider] },
    routes: [{ name: "main", destinations: [{ cluster: "v1" }], ...route }],
    ...options,
  });
  return { mesh, provider };
}

/** What the provider got, and the client. */
function exchange(
  mesh: DubboMesh,
  provider: Provider,
  attachments: Readonly<Record<string, string>>,
): { request: Buffer; response: Buffer } {
  const client = mesh.connect();
  client.request({ id: 7n, method: "m", attachments });
  mesh.run();
  const request = provider.requests.at(-1)?.frame.body ?? Buffer.alloc(0);
  return { request, response: client.response(7n).body };
}

describe("values with operators", () => {
  it("of requests", () => {
    const { mesh, provider } = meshWith({
      requestMutation: [
        set("caller", "%ATTR(user)%/%ATTR(method)%"),
        set("where", "%ROUTE_NAME% %UPSTREAM_CLUSTER% %PROTOCOL%"),
        {
          operation: "ADD_IF_ABSENT",
          key: "from",
          value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        },
        { operation: "ADD_IF_ABSENT", key: "user", value: "%ATTR(method)%" },
        { operation: "REMOVE", key: "secret" },
        set("plain", "as it is"),
        set("percent", "100%%"),
        set("absent", "%ATTR(nothing)%"),
        set("short", "%ATTR(user):2%"),
      ],
    });
    const { request } = exchange(mesh, provider, { user: "gold", secret: "s" });
    for (const [key, value] of [
      ["caller", "gold/m"],
      ["where", "main v1 dubbo"],
      ["user", "gold"],
      ["plain", "as it is"],
      ["percent", "100%"],
      ["short", "go"],
    ] as const) {
      expect(request.includes(entry(key, value)), key).toBe(true);
    }
    expect(/from.{0,2}\d+\.\d+\.\d+\.\d+/s.test(request.toString("latin1"))).toBe(true);
    expect(request.includes(hessianString("secret"))).toBe(false);
    expect(request.includes(hessianString("absent"))).toBe(false);
    const other = exchange(mesh, provider, { user: "silver", from: "elsewhere" }).request;
    expect(other.includes(entry("caller", "silver/m"))).toBe(true);
    expect(other.includes(entry("from", "elsewhere"))).toBe(true);
    const none = exchange(mesh, provider, {}).request;
    expect(none.includes(entry("caller", "/m"))).toBe(true);
    expect(none.includes(entry("user", "m"))).toBe(true);
  });

  it("of responses, which know the request and who answered", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const { mesh } = meshWith(
      {
        responseMutation: [
          set("asked", "%ATTR(user)% %ATTR(method)%"),
          set("by", "%UPSTREAM_HOST% after %UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
          set("absent", "%ATTR(nothing)%"),
          set("plain", "p"),
        ],
      },
      {},
      provider,
    );
    const client = mesh.connect();
    client.request({ id: 1n, method: "a", attachments: { user: "first" } });
    client.request({ id: 2n, method: "b", attachments: { user: "second" } });
    mesh.run();
    for (const { connection, frame } of [...provider.requests].reverse()) {
      connection.write(dubboResponse(frame.id, valueBody("v")));
    }
    mesh.run();
    const [first, second] = [client.response(1n).body, client.response(2n).body];
    expect(first.includes(entry("asked", "first a"))).toBe(true);
    expect(second.includes(entry("asked", "second b"))).toBe(true);
    expect(/by.{1,2}\d+\.\d+\.\d+\.\d+:\d+ after 1/s.test(first.toString("latin1"))).toBe(true);
    expect(first.includes(entry("plain", "p"))).toBe(true);
    expect(first.includes(hessianString("absent"))).toBe(false);
  });

  it("leave no memory behind, whatever becomes of the request", () => {
    const provider = new Provider("v1");
    const { mesh } = meshWith(
      { responseMutation: [set("asked", "%ATTR(user)%")], timeout: "0.1s" },
      {},
      provider,
    );
    const held: number[] = [];
    for (let round = 0; round < 3; round++) {
      provider.answers = true;
      exchange(mesh, provider, { user: "u".repeat(300) });
      provider.answers = false;
      const client = mesh.connect();
      client.request({ id: 1n, method: "late", attachments: { user: "v".repeat(200) } });
      mesh.host.advance(300);
      client.request({ id: 2n, method: "gone", attachments: { user: "w".repeat(200) } });
      mesh.run();
      client.socket.close();
      mesh.run();
      for (const request of provider.requests.splice(0)) request.connection.close();
      mesh.host.advance(100);
      held.push(mesh.stat("buffered_bytes"));
    }
    expect(held[2]).toBe(held[1]);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("go along with what filters change, and with requests that wait", () => {
    const provider = new Provider("v1", { acceptDelayMs: 100 });
    const log = filterOptions(AccessLogSchema, {
      format: { case: "text", value: "%ATTR(user)%" },
      output: { case: "log", value: true },
    });
    const { mesh } = meshWith(
      { requestMutation: [set("caller", "%ATTR(user)%")] },
      { filters: [log] },
      provider,
    );
    const client = mesh.connect();
    for (let id = 1n; id <= 20n; id++) {
      client.request({ id, method: "m", attachments: { user: `u-${id}` } });
    }
    mesh.host.advance(200);
    expect(provider.requests).toHaveLength(20);
    for (const [index, { frame }] of provider.requests.entries()) {
      expect(frame.body.includes(entry("caller", `u-${index + 1}`))).toBe(true);
    }
  });

  it("are the same in retries and in mirrors, and in what answers a retry", () => {
    const [first, shadow] = [new Provider("v1"), new Provider("shadow")];
    first.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [first], shadow: [shadow] },
      routes: [
        {
          destinations: [{ cluster: "v1" }],
          mirrors: [{ cluster: "shadow", perMillion: 1_000_000 }],
          retryPolicy: {
            attempts: 1,
            perTryTimeout: "0.1s",
            retryOn: ["PER_TRY_TIMEOUT"],
          },
          requestMutation: [set("caller", "%ATTR(user)% to %UPSTREAM_CLUSTER%")],
          responseMutation: [
            set("asked", "%ATTR(user)% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_HOST%"),
          ],
        },
      ],
    });
    const client = mesh.connect();
    client.request({ id: 7n, method: "m", attachments: { user: "gold" } });
    mesh.host.advance(200);
    expect(first.requests).toHaveLength(2);
    expect(shadow.requests).toHaveLength(1);
    for (const { frame } of [...first.requests, ...shadow.requests]) {
      expect(frame.body.includes(entry("caller", "gold to v1"))).toBe(true);
    }
    const [, retry] = first.requests;
    retry?.connection.write(dubboResponse(retry.frame.id, valueBody("v")));
    mesh.run();
    expect(client.response(7n).body.toString("latin1")).toMatch(/asked.{1,2}gold 2 \d+\./s);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("are UTF-8 whatever the attribute's bytes are", () => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      routes: [
        { destinations: [{ cluster: "v1" }], requestMutation: [set("copy", "<%ATTR(user)%>")] },
      ],
    });
    const client = mesh.connect(HEADER);
    client.call("m", { headers: { user: "顾客 😀\n" } });
    mesh.run();
    const headers = (message: ThriftMessage | undefined): Readonly<Record<string, string>> =>
      message?.headers ?? {};
    expect(headers(service.requests[0]?.message)).toMatchObject({ copy: "<顾客 😀\n>" });
  });

  it("that would be too many bytes are left out and counted", () => {
    // A KiB each.
    const values = (count: number): string => "%ATTR(user)%".repeat(count);
    const { mesh, provider } = meshWith({
      requestMutation: [
        set("a", values(32)),
        set("b", values(31)),
        set("c", `${"y".repeat(100)}${values(1)}`),
        set("d", "kept"),
      ],
    });
    const { request } = exchange(mesh, provider, { user: "x".repeat(2_000) });
    for (const [key, isThere] of [
      ["a", true],
      ["b", true],
      ["c", false],
    ] as const) {
      expect(request.includes(hessianString(key)), key).toBe(isThere);
    }
    expect(request.includes(entry("d", "kept"))).toBe(true);
    expect(request.length).toBeGreaterThan(63 * 1024);
    expect(mesh.stat("mutation_skipped")).toBe(1);
  });

  it.each([
    ["requestMutation", "%NOPE%", "there is no operator %NOPE%"],
    ["requestMutation", "%DURATION%", "is only known later"],
    ["requestMutation", "%UPSTREAM_HOST%", "is only known later"],
    ["responseMutation", "%RESPONSE_FLAGS%", "is only known later"],
    ["responseMutation", "%TRACE_ID%", "is only known later"],
    ["responseMutation", "50%", "an operator without its end, or a single %"],
  ] as const)("of %s are refused: %s", (field, value, fault) => {
    const { mesh, provider } = meshWith({});
    const options = {
      clusters: { v1: [provider] },
      routes: [{ destinations: [{ cluster: "v1" }], [field]: [set("k", "x"), set("k", value)] }],
    };
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration(options));
    }).toThrow();
    const logs = mesh.host.logs.map(({ message }) => message).join("\n");
    const at = value === "50%" ? 2 : 0;
    expect(logs).toContain(`routes[0].${field}[1].value: at offset ${at}: ${fault}`);
  });
});
