// Who may ask for what: identities, addresses and attributes, DENY before ALLOW, and dry runs.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  AuthorizationPolicy_Action as Action,
  AuthorizationSchema,
  type AuthorizationPolicySchema,
  type AuthorizationRuleSchema,
  type AuthorizationSourceSchema,
} from "../../controlplane/gen/metaproto/filters/v1/authorization_pb.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { LineClient, LineMesh, LineServer } from "../switchboard/line-fixture.js";
import { pluginConfiguration, type FilterOptions, type Mesh } from "../switchboard/mesh.js";
import { RouteControl } from "../switchboard/route-control.js";
import { Service, ThriftMesh } from "../switchboard/thrift-fixture.js";
import { filterOptions } from "./filter-options.js";

type Init<T extends Parameters<typeof filterOptions>[0]> = Exclude<
  MessageInitShape<T>,
  { $typeName: string }
>;
type PolicyInit = Init<typeof AuthorizationPolicySchema>;
type RuleInit = Init<typeof AuthorizationRuleSchema>;
type SourceInit = Init<typeof AuthorizationSourceSchema>;

const DENIED = "ERR metaproto: access denied";
const NAME = "demo_20880";
const CART = "spiffe://cluster.local/ns/shop/sa/cart";

interface Peer {
  readonly address?: string;
  /** The first URI of its certificate. */
  readonly uri?: string;
  /** Of the tunnel that its connection is in, as Istio tells it. */
  readonly tunnelUri?: string;
}

function authorization(...policies: readonly PolicyInit[]): FilterOptions {
  return filterOptions(AuthorizationSchema, { policies: [...policies] });
}

function allow(...rules: readonly RuleInit[]): PolicyInit {
  return { name: "shop/allow", action: Action.ALLOW, rules: [...rules] };
}

function deny(...rules: readonly RuleInit[]): PolicyInit {
  return { name: "shop/deny", action: Action.DENY, rules: [...rules] };
}

function from(...sources: readonly SourceInit[]): RuleInit {
  return { from: [...sources] };
}

/** Operations, each with these attributes. */
function to(...operations: readonly Readonly<Record<string, string>>[]): RuleInit {
  return {
    to: operations.map((attributes) => ({
      match: Object.entries(attributes).map(([name, value]) => ({
        name,
        specifier: { case: "exact" as const, value },
      })),
    })),
  };
}

function meshOf(...policies: readonly PolicyInit[]): LineMesh {
  const clusters = { v1: [new LineServer("v1")] };
  return new LineMesh({ clusters, filters: [authorization(...policies)] });
}

function connect(mesh: Mesh, { address, uri, tunnelUri }: Peer = {}, worker = 0): LineClient {
  const socket = mesh.host.connect({
    worker,
    properties: {
      ...(address !== undefined && { source: { address } }),
      ...(tunnelUri !== undefined && {
        filter_state: { "io.istio.peer_principal": tunnelUri },
      }),
      ...(uri !== undefined && { connection: { mtls: true, uri_san_peer_certificate: uri } }),
    },
  });
  mesh.run();
  return new LineClient(socket);
}

/** For each line: does it reach the server? */
function passes(mesh: LineMesh, peer: Peer, ...lines: readonly string[]): boolean[] {
  const client = connect(mesh, peer);
  client.send(...lines);
  mesh.run();
  expect(client.answers).toHaveLength(lines.length);
  return client.answers.map((answer, index) => {
    if (answer === DENIED) return false;
    expect(answer).toBe(`v1: ${lines[index] ?? ""}`);
    return true;
  });
}

/** Whether a policy with this source alone lets the peer pass. */
function isFrom(source: SourceInit, peer: Peer): boolean {
  const [isAllowed] = passes(meshOf(allow(from(source))), peer, "GET a");
  const [isDenied] = passes(meshOf(deny(from(source))), peer, "GET a");
  // The one is the other's opposite, for every source and every client.
  expect(isDenied).toBe(isAllowed !== true);
  return isAllowed === true;
}

describe("actions", () => {
  it.each<[string, readonly PolicyInit[], boolean[]]>([
    ["ALLOW: what a rule matches, and nothing else", [allow(to({ verb: "GET" }))], [true, false]],
    ["DENY: all but what a rule matches", [deny(to({ verb: "GET" }))], [false, true]],
    ["DENY wins over ALLOW", [allow({}), deny(to({ verb: "PUT" }))], [true, false]],
    [
      "DENY and no ALLOW that matches",
      [deny(to({ verb: "GET" })), allow(to({ verb: "PUT" }))],
      [false, true],
    ],
    [
      "one of several ALLOW policies is enough",
      [allow(to({ verb: "PUT" })), allow(to({ verb: "GET" }))],
      [true, true],
    ],
    [
      "one of several rules is enough",
      [allow(to({ verb: "PUT" }), to({ verb: "GET" }))],
      [true, true],
    ],
    [
      "one of several operations is enough",
      [allow(to({ verb: "DEL" }, { verb: "GET" }))],
      [true, false],
    ],
    ["ALLOW without rules lets nothing pass", [allow()], [false, false]],
    ["DENY without rules stops nothing", [deny()], [true, true]],
    ["an empty rule is every request", [deny({})], [false, false]],
    [
      "all attributes of an operation must match",
      [allow(to({ verb: "GET", key: "a" }))],
      [true, false],
    ],
    [
      "all attributes of an operation must match",
      [allow(to({ verb: "GET", key: "b" }))],
      [false, false],
    ],
  ])("%s", (_, policies, expected) => {
    expect(passes(meshOf(...policies), {}, "GET a", "PUT b")).toEqual(expected);
  });

  it("a rule needs a source and an operation of it", () => {
    const mesh = meshOf(
      allow({ ...from({ namespaces: ["shop"] }), ...to({ verb: "GET" }) }, to({ verb: "HEAD" })),
    );
    expect(passes(mesh, { uri: CART }, "GET a", "PUT a", "HEAD a")).toEqual([true, false, true]);
    expect(passes(mesh, {}, "GET a", "PUT a", "HEAD a")).toEqual([false, false, true]);
  });

  it("all kinds of matches on attributes work", () => {
    const match = [
      { name: "Verb", specifier: { case: "prefix" as const, value: "GE" } },
      { name: "key", specifier: { case: "present" as const, value: true }, invert: true },
    ];
    const mesh = meshOf(deny({ to: [{ match }] }));
    expect(passes(mesh, {}, "GET", "GET a", "PUT")).toEqual([false, true, true]);
  });
});

describe("principals", () => {
  it.each<[string, Peer, SourceInit, boolean]>([
    ["exact", { uri: CART }, { principals: ["cluster.local/ns/shop/sa/cart"] }, true],
    [
      "exact, longer",
      { uri: `${CART}s` },
      { principals: ["cluster.local/ns/shop/sa/cart"] },
      false,
    ],
    ["exact, shorter", { uri: CART }, { principals: ["cluster.local/ns/shop/sa/cart2"] }, false],
    ["exact, other case", { uri: CART }, { principals: ["cluster.local/ns/shop/sa/Cart"] }, false],
    ["prefix", { uri: CART }, { principals: ["cluster.local/ns/shop/*"] }, true],
    ["prefix, another", { uri: CART }, { principals: ["cluster.local/ns/shops/*"] }, false],
    ["prefix that is all", { uri: CART }, { principals: ["cluster.local/ns/shop/sa/cart*"] }, true],
    ["suffix", { uri: CART }, { principals: ["*/sa/cart"] }, true],
    ["suffix, another", { uri: CART }, { principals: ["*/sa/car"] }, false],
    ["any", { uri: CART }, { principals: ["*"] }, true],
    ["any, none there", {}, { principals: ["*"] }, false],
    ["one of several", { uri: CART }, { principals: ["a", "b*", "*/cart"] }, true],
    [
      "another scheme is no identity",
      { uri: "https://cluster.local" },
      { principals: ["*"] },
      false,
    ],
    ["an empty identity", { uri: "spiffe://" }, { principals: ["*"] }, false],
    ["of a tunnel", { tunnelUri: CART }, { principals: ["*/sa/cart"] }, true],
    ["of a tunnel, another", { tunnelUri: CART }, { principals: ["*/sa/other"] }, false],
    ["of a tunnel, none there", { tunnelUri: "-" }, { principals: ["*"] }, false],
    [
      "its own comes before that of a tunnel",
      { uri: CART, tunnelUri: "spiffe://cluster.local/ns/shop/sa/other" },
      { principals: ["*/sa/other"] },
      false,
    ],
    ["not", { uri: CART }, { notPrincipals: ["*/sa/cart"] }, false],
    ["not, another", { uri: CART }, { notPrincipals: ["*/sa/other"] }, true],
    ["not, none there", {}, { notPrincipals: ["*"] }, true],
    ["not any", { uri: CART }, { notPrincipals: ["*"] }, false],
    ["and not", { uri: CART }, { principals: ["*"], notPrincipals: ["*/sa/cart"] }, false],
  ])("%s", (_, peer, source, expected) => {
    expect(isFrom(source, peer)).toBe(expected);
  });
});

describe("namespaces", () => {
  const at = (path: string): Peer => ({ uri: `spiffe://cluster.local${path}` });

  it.each<[string, Peer, SourceInit, boolean]>([
    ["exact", at("/ns/shop/sa/cart"), { namespaces: ["shop"] }, true],
    ["exact, another", at("/ns/shop/sa/cart"), { namespaces: ["sho", "shops"] }, false],
    ["prefix and suffix", at("/ns/shop-eu/sa/a"), { namespaces: ["*-us", "shop-*"] }, true],
    ["any", at("/ns/shop/sa/cart"), { namespaces: ["*"] }, true],
    ["deeper in the path", at("/region/eu/ns/shop/sa/cart"), { namespaces: ["shop"] }, true],
    ["the first of two", at("/ns/a/sa/b/ns/c/d"), { namespaces: ["c"] }, false],
    ["of the name ns", at("/ns/ns/sa/ns"), { namespaces: ["ns"] }, true],
    ["none without an end", at("/ns/shop"), { namespaces: ["*"] }, false],
    ["none that is empty", at("/ns//sa/cart"), { namespaces: ["*"] }, false],
    ["none", at("/workload/a"), { namespaces: ["*"] }, false],
    ["not", at("/ns/shop/sa/cart"), { notNamespaces: ["shop"] }, false],
    ["not, none there", {}, { notNamespaces: ["shop"] }, true],
    ["and principal", at("/ns/shop/sa/a"), { namespaces: ["shop"], principals: ["*/b"] }, false],
  ])("%s", (_, peer, source, expected) => {
    expect(isFrom(source, peer)).toBe(expected);
  });
});

describe("addresses", () => {
  it.each<[address: string, block: string, expected: boolean]>([
    ["10.1.2.3:99", "10.1.2.3", true],
    ["10.1.2.3:99", "10.1.2.4", false],
    ["10.1.2.3:99", "10.1.2.3/32", true],
    ["10.1.2.3:99", "10.1.2.0/24", true],
    ["10.1.2.3:99", "10.1.2.255/24", true],
    ["10.1.3.3:99", "10.1.2.0/24", false],
    ["10.1.3.3:99", "10.1.2.0/23", true],
    ["10.1.4.3:99", "10.1.2.0/23", false],
    ["10.1.2.129:99", "10.1.2.128/25", true],
    ["10.1.2.127:99", "10.1.2.128/25", false],
    ["255.255.255.255:65535", "0.0.0.0/0", true],
    ["[2001:db8::1]:99", "0.0.0.0/0", false],
    ["10.1.2.3:99", "::/0", false],
    ["[2001:db8::1]:99", "::/0", true],
    ["[2001:db8::1]:99", "2001:db8::/32", true],
    ["[2001:db9::1]:99", "2001:db8::/32", false],
    ["[2001:db8:0:7::1]:99", "2001:db8:0:6::/63", true],
    ["[2001:db8:0:8::1]:99", "2001:db8:0:6::/63", false],
    ["[2001:db8::1]:99", "2001:0db8:0:0:0:0:0:1", true],
    ["[2001:db8::1]:99", "2001:DB8::1/128", true],
    ["[::1]:99", "::1", true],
    ["[fe80::1%eth0]:99", "fe80::/10", true],
    ["[1:2:3:4:5:6:7:8]:99", "1:2:3:4:5:6:7::/112", true],
    ["[::ffff:10.1.2.3]:99", "10.1.2.0/24", true],
    ["10.1.2.3:99", "::ffff:10.1.2.0/120", true],
    ["/var/run/client.sock", "0.0.0.0/0", false],
    ["@internal/1", "::/0", false],
    ["10.1.2.3", "10.1.2.3", false],
    ["300.1.2.3:99", "0.0.0.0/0", false],
    ["[::1:99", "::/0", false],
  ])("%s within %s: %s", (address, block, expected) => {
    expect(isFrom({ ipBlocks: ["192.0.2.1", block] }, { address })).toBe(expected);
    expect(isFrom({ notIpBlocks: [block] }, { address })).toBe(!expected);
  });

  it.each([
    ["10.0.0.0/8", true],
    ["1.2.3.4", true],
    ["::", true],
    ["::/0", true],
    ["1::2", true],
    ["::1.2.3.4/128", true],
    ["1:2:3:4:5:6:7::", true],
    ["", false],
    ["/8", false],
    ["10.0.0.0/", false],
    ["10.0.0.0/33", false],
    ["10.0.0.0/+8", false],
    ["10.0.0/8", false],
    ["10.0.0.0.0", false],
    ["10.0.0.256", false],
    ["010.0.0.1", false],
    ["10.0.0.1 ", false],
    [" 10.0.0.1", false],
    ["2001:db8::/129", false],
    ["2001:db8", false],
    ["1:2:3:4:5:6:7:8:9", false],
    ["1:2:3:4:5:6:7:8::", false],
    ["1::2::3", false],
    [":1", false],
    ["1:", false],
    [":::", false],
    ["12345::", false],
    ["g::", false],
    ["1:2:3:4:5:6:7:1.2.3.4", false],
    ["[::1]", false],
    ["localhost", false],
  ])("%j in a configuration: accepted: %s", (block, isAccepted) => {
    const clusters = { v1: [new LineServer("v1")] };
    const mesh = new LineMesh({ clusters });
    const filters = [authorization(allow(from({ ipBlocks: [block] })))];
    const configure = (): void => {
      mesh.host.reconfigure(pluginConfiguration({ clusters, filters }));
    };
    if (isAccepted) configure();
    else expect(configure).toThrow("rejects the plugin");
    const text = "policies[0].rules[0].from[0].ipBlocks: neither an IP address nor a CIDR range";
    expect(mesh.host.logs.some(({ message }) => message.includes(text))).toBe(!isAccepted);
  });
});

describe("what a refused client sees", () => {
  it("Dubbo: an RpcException that it is forbidden, and no word of the policy", () => {
    const filters = [authorization(deny({}))];
    const mesh = new DubboMesh({ clusters: { v1: [new Provider("v1")] }, filters });
    const client = mesh.connect();
    client.request({ id: 5n, method: "m" });
    mesh.run();
    const { status, body } = client.response(5n);
    const text = body.toString("latin1");
    expect(status).toBe(20);
    expect(text).toContain("RpcException");
    expect(text).toContain("metaproto: access denied");
    expect(text).not.toContain("shop");
  });

  it("Thrift: a TApplicationException", () => {
    const filters = [authorization(deny({}))];
    const mesh = new ThriftMesh({ clusters: { v1: [new Service("v1")] }, filters });
    const client = mesh.connect();
    client.call("hello");
    mesh.run();
    expect(client.answers).toEqual(["exception 6: metaproto: access denied"]);
  });

  it("a request that no route matches is refused before that is told", () => {
    const mesh = new LineMesh({
      clusters: { v1: [new LineServer("v1")] },
      routes: [{ match: [{ name: "verb", exact: "GET" }], destinations: [{ cluster: "v1" }] }],
      filters: [authorization(deny({}))],
    });
    expect(passes(mesh, {}, "PUT a")).toEqual([false]);
    expect(mesh.stat("local_reply_nr")).toBe(0);
    expect(mesh.stat("local_reply_uaex")).toBe(1);
  });
});

describe("one-way requests", () => {
  const oneway = { id: 1n, method: "m", isTwoWay: false };

  it("are dropped when they are refused, and counted", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      filters: [authorization(allow(from({ ipBlocks: ["192.0.2.1"] })))],
    });
    const client = mesh.connect();
    client.request(oneway);
    mesh.run();
    expect(provider.requests).toHaveLength(0);
    expect(client.responses.size).toBe(0);
    expect(mesh.stat("authorization_denied")).toBe(1);
    expect(mesh.stat("local_reply_uaex")).toBe(1);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  /** A oneway request that waits for the first routes; it is the server that tells what became of it. */
  function waiting(policy: PolicyInit, isClientGone: boolean): { count: number; denied: number } {
    const control = new RouteControl();
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      plugin: { routeConfigurations: [], discoveryCluster: "control" },
      host: { clusters: { control: { grpc: control.grpc } } },
    });
    const client = mesh.connect(NAME);
    client.request(oneway);
    mesh.run();
    if (isClientGone) {
      client.socket.close();
      mesh.run();
      // Takes the object of the connection that is gone.
      mesh.connect(NAME);
    }
    const clusters = [{ name: "v1", endpoints: 1 }];
    const routes = [{ destinations: [{ cluster: "v1" }] }];
    control.publish([{ name: NAME, routes, clusters, filters: [authorization(policy)] }]);
    mesh.host.advance(100);
    return { count: provider.requests.length, denied: mesh.stat("authorization_denied") };
  }

  it("are known by their client though they had to wait", () => {
    const local = from({ ipBlocks: ["127.0.0.1"] });
    expect(waiting(allow(local), false)).toEqual({ count: 1, denied: 0 });
    expect(waiting(deny(local), false)).toEqual({ count: 0, denied: 1 });
  });

  it("of a client that is gone, and of which nothing was known, are refused where it matters", () => {
    const other = from({ ipBlocks: ["192.0.2.1"] });
    expect(waiting(deny(other), true)).toEqual({ count: 0, denied: 1 });
    expect(waiting(allow(from({ notPrincipals: ["a"] })), true)).toEqual({ count: 0, denied: 1 });
    expect(waiting(allow({}), true)).toEqual({ count: 1, denied: 0 });
  });
});

describe("a dry run", () => {
  const dryRun = (policy: PolicyInit): PolicyInit => ({
    ...policy,
    name: `${policy.name ?? ""}-dry`,
    dryRun: true,
  });

  it.each<[string, readonly PolicyInit[], boolean[], { denied: number; allowed: number }]>([
    ["DENY", [dryRun(deny(to({ verb: "GET" })))], [true, true], { denied: 1, allowed: 0 }],
    ["ALLOW", [dryRun(allow(to({ verb: "GET" })))], [true, true], { denied: 1, allowed: 0 }],
    [
      "ALLOW beside one in force adds to it",
      [allow(to({ verb: "PUT" })), dryRun(allow(to({ verb: "GET" })))],
      [false, true],
      { denied: 0, allowed: 1 },
    ],
    [
      "ALLOW beside one in force takes nothing from it",
      [allow({}), dryRun(allow(to({ verb: "GET" })))],
      [true, true],
      { denied: 0, allowed: 0 },
    ],
    [
      "what is refused in force is not counted again",
      [deny(to({ verb: "GET" })), dryRun(deny({}))],
      [false, true],
      { denied: 1, allowed: 0 },
    ],
    [
      "DENY and ALLOW: the request stays refused",
      [allow(to({ verb: "PUT" })), dryRun(allow({})), dryRun(deny(to({ verb: "GET" })))],
      [false, true],
      { denied: 0, allowed: 0 },
    ],
  ])("%s: nothing changes but the counts", (_, policies, expected, { denied, allowed }) => {
    const mesh = meshOf(...policies);
    expect(passes(mesh, {}, "GET a", "PUT b")).toEqual(expected);
    expect(mesh.stat("authorization_dry_run_denied")).toBe(denied);
    expect(mesh.stat("authorization_dry_run_allowed")).toBe(allowed);
    expect(mesh.stat("authorization_denied")).toBe(expected.filter((isPassed) => !isPassed).length);
  });

  function reports(mesh: Mesh): string[] {
    return mesh.host.logs
      .map(({ message }) => message)
      .filter((message) => message.startsWith("metaproto: dry run"));
  }

  it("is told in the log, at most once a second", () => {
    const mesh = meshOf(dryRun(deny(to({ verb: "GET" }))));
    passes(mesh, { address: "10.1.2.3:99" }, "PUT a", "GET a", "GET b");
    passes(mesh, { address: "10.9.9.9:99" }, "GET c");
    mesh.host.advance(20);
    expect(reports(mesh)).toEqual([
      "metaproto: dry run of authorization: would have refused 3 requests; the first of 10.1.2.3:99 by policy shop/deny-dry",
    ]);
    for (let i = 0; i < 10; i++) {
      passes(mesh, { uri: CART }, "GET d");
      mesh.host.advance(50);
    }
    expect(reports(mesh)).toHaveLength(1);
    mesh.host.advance(1000);
    expect(reports(mesh)).toHaveLength(2);
    expect(reports(mesh)[1]).toContain(
      "would have refused 10 requests; the first of cluster.local/ns/shop/",
    );
    mesh.host.advance(3000);
    expect(reports(mesh)).toHaveLength(2);
  });

  it("names the identity where there is one, whatever bytes it has", () => {
    const mesh = meshOf(dryRun(allow(from({ principals: ["a"] }))));
    passes(mesh, { uri: `${CART}\n\u0000é` }, "GET a");
    mesh.host.advance(20);
    expect(reports(mesh)[0]).toMatch(
      /the first of cluster\.local\/ns\/shop\/sa\/cart\?{3,4} because no policy allows it$/,
    );
    const long = meshOf(dryRun(allow(from({ principals: ["a"] }))));
    passes(long, { uri: `spiffe://${"x".repeat(5000)}` }, "GET a");
    long.host.advance(20);
    expect(reports(long)[0]).toContain(`first of ${"x".repeat(400)} because`);
  });
});

describe("counts", () => {
  it("are kept of decisions and of each policy", () => {
    const mesh = meshOf(
      { ...deny(to({ verb: "DEL" })), name: "shop/no-delete" },
      { ...allow(to({ verb: "GET" })), name: "shop/read" },
      { ...allow(to({ verb: "PUT" })), name: "shop/write" },
    );
    passes(mesh, {}, "GET a", "GET b", "PUT c", "DEL d", "HEAD e");
    expect(mesh.stat("authorization_allowed")).toBe(3);
    expect(mesh.stat("authorization_denied")).toBe(2);
    expect(mesh.stat("authorization_policy.shop/no-delete.matched")).toBe(1);
    expect(mesh.stat("authorization_policy.shop/read.matched")).toBe(2);
    expect(mesh.stat("authorization_policy.shop/write.matched")).toBe(1);
  });

  it("are sums over the workers", () => {
    const clusters = { v1: [new LineServer("v1")] };
    const filters = [authorization(deny(from({ principals: ["*"] })))];
    const mesh = new LineMesh({ clusters, filters, host: { workers: 3 } });
    for (let worker = 0; worker < 3; worker++) {
      connect(mesh, { uri: CART }, worker).send("GET a");
      connect(mesh, {}, worker).send("GET a");
    }
    mesh.run();
    expect(mesh.stat("authorization_denied")).toBe(3);
    expect(mesh.stat("authorization_allowed")).toBe(3);
  });
});

describe("a configuration", () => {
  function faults(...filters: readonly FilterOptions[]): string {
    const clusters = { v1: [new LineServer("v1")] };
    const mesh = new LineMesh({ clusters });
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration({ clusters, filters }));
    }).toThrow("rejects the plugin");
    return mesh.host.logs.map(({ message }) => message).join("\n");
  }

  const pattern = "empty, or with a * that is neither its beginning nor its end";

  it.each<[PolicyInit, string]>([
    [{ action: Action.DENY }, "policies[0].name: missing"],
    [{ name: "a b" }, "policies[0].name: has other characters than printable ASCII"],
    [{ name: "a\nb" }, "policies[0].name: has other characters than printable ASCII"],
    [{ name: "x".repeat(401) }, "policies[0].name: longer than 400 bytes"],
    [allow(from({})), "policies[0].rules[0].from[0]: has no field"],
    [allow({}, from({ namespaces: ["a"] }, {})), "policies[0].rules[1].from[1]: has no field"],
    [allow({ to: [{}] }), "policies[0].rules[0].to[0].match: missing"],
    [allow({ to: [{ match: [{}] }] }), "policies[0].rules[0].to[0].match[0].name: missing"],
    [allow(from({ principals: [""] })), `from[0].principals: ${pattern}`],
    [allow(from({ principals: ["a*b"] })), `from[0].principals: ${pattern}`],
    [allow(from({ notPrincipals: ["*a*"] })), `from[0].notPrincipals: ${pattern}`],
    [allow(from({ namespaces: ["**"] })), `from[0].namespaces: ${pattern}`],
    [allow(from({ notNamespaces: ["a**"] })), `from[0].notNamespaces: ${pattern}`],
    [allow(from({ principals: ["spiffe://a"] })), "from[0].principals: must be without spiffe://"],
    [allow(from({ notIpBlocks: ["x"] })), "from[0].notIpBlocks: neither an IP address"],
    [
      allow(from({ principals: Array<string>(10_000).fill("a") })),
      "more than 10000 entries of policies",
    ],
  ])("is refused: %#", (policy, text) => {
    expect(faults(authorization(policy))).toContain(text);
  });

  it("is refused without policies, with too many, and with an action that there is none of", () => {
    expect(faults(authorization())).toContain("filters[0].policies: missing");
    const many = Array.from({ length: 257 }, () => allow({}));
    expect(faults(authorization(...many))).toContain("filters[0].policies: more than 256");
    // policies { name: "a" action: 2 }
    const config = Buffer.from([0x0a, 5, 0x0a, 1, 0x61, 0x10, 2]).toString("base64");
    const filter = { name: "metaproto.filters.authorization", config };
    expect(faults(filter)).toContain("policies[0].action: unknown");
  });

  it("may be cut off anywhere: it is taken or refused", () => {
    const rule = { ...from({ principals: ["a*"], ipBlocks: ["::/1"] }), ...to({ verb: "GET" }) };
    const whole = Buffer.from(authorization(allow(rule), deny(rule)).config ?? "", "base64");
    const clusters = { v1: [new LineServer("v1")] };
    for (let length = 0; length < whole.length; length++) {
      const config = whole.subarray(0, length).toString("base64");
      const filters = [{ name: "metaproto.filters.authorization", config }];
      const mesh = new LineMesh({ clusters });
      try {
        mesh.host.reconfigure(pluginConfiguration({ clusters, filters }));
      } catch (error) {
        expect(String(error)).toContain("rejects the plugin");
      }
    }
  });
});

it("asks the host twice for a connection, and never for a request", () => {
  const mesh = meshOf(
    deny(from({ principals: ["b"], ipBlocks: ["192.0.2.1"] })),
    allow({ ...from({ principals: ["*"] }), ...to({ verb: "GET" }) }),
  );
  const client = connect(mesh, { uri: CART });
  const { stats } = mesh.host.vm;
  const properties = (): number => {
    stats.reset();
    client.send("GET a");
    mesh.run();
    return stats.hostCalls.proxy_get_property ?? 0;
  };
  properties();
  expect([properties(), properties()]).toEqual([0, 0]);
  expect(client.answers).toEqual(Array(3).fill("v1: GET a"));
});
