// Policies by identity, address and attribute, as clients with certificates of a mesh meet them.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, type Server, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Certificate,
  CertificateAuthority,
  type CertificateFiles,
  writeCertificate,
} from "./support/certificates.js";
import { describeWith } from "./support/describe-with.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "./support/dubbo-peer.js";
import {
  RpcCode,
  expectApplicationException,
  expectRpcException,
} from "./support/expect-failure.js";
import { Mesh } from "./support/mesh.js";
import type { PeerServer } from "./support/peer-client.js";
import { freePorts } from "./support/ports.js";
import type { ServiceOptions } from "./support/resources.js";
import { THRIFT_LANGUAGES, missingThriftPeers } from "./support/thrift-mesh.js";
import { type ThriftClient, startThriftClient, startThriftServer } from "./support/thrift-peer.js";
import { ExceptionType } from "./support/thrift-wire.js";

const DENIED = "metaproto: access denied";

type Account = "cart" | "intern";

let folder: string;
let authority: CertificateAuthority;
let trust: string;
let listener: CertificateFiles;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-authorization-"));
  authority = new CertificateAuthority();
  trust = join(folder, "authority.pem");
  writeFileSync(trust, authority.certificate);
  listener = writeCertificate(folder, "listener", authority.issue());
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A client's certificate as Istio issues them. */
function identityOf(account: Account): Certificate {
  return authority.issue({ uri: [`spiffe://cluster.local/ns/shop/sa/${account}`] });
}

/** Clients must show a certificate of the authority. */
function mutualTls(): Record<string, string> {
  return {
    "metaproto.io/tls-certificate": listener.certificate,
    "metaproto.io/tls-private-key": listener.key,
    "metaproto.io/tls-ca": trust,
  };
}

function policy(name: string, spec: object, kind = "MetaAuthorizationPolicy"): object {
  const group = kind === "MetaAuthorizationPolicy" ? "metaprotocol" : "dubbo";
  return {
    apiVersion: `${group}.aeraki.io/v1alpha1`,
    kind,
    metadata: { name, namespace: "test" },
    spec,
  };
}

const IN_SHOP = { source: { namespaces: ["shop"] } };
const INTERN = { source: { principals: ["cluster.local/ns/shop/sa/intern"] } };

describeWith("Dubbo authorization", [missingDubboPeer()], () => {
  const consumers = new Map<Account, DubboConsumer>();
  let provider: PeerServer;
  let mesh: Mesh;
  let service: ServiceOptions;

  /** The shop may say hello and get users, its interns no users. */
  const policies = (dryRun: boolean): object[] => [
    policy("shop", {
      dryRun,
      rules: [
        {
          from: [IN_SHOP],
          to: [{ operation: { attributes: { method: { regex: "sayHello|getUser" } } } }],
        },
      ],
    }),
    ...(dryRun
      ? []
      : [
          policy(
            "interns",
            {
              action: "DENY",
              rules: [{ from: [INTERN], to: [{ operation: { methods: ["getUs*"] } }] }],
            },
            "DubboAuthorizationPolicy",
          ),
        ]),
  ];

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    const start = async (account: Account): Promise<void> => {
      const certificate = writeCertificate(folder, account, identityOf(account));
      consumers.set(account, await startDubboConsumer({ tls: { ...certificate, trust } }));
    };
    [provider] = await Promise.all([
      startDubboProvider({ endpoints: [{ label: "v1" }] }),
      start("cart"),
      start("intern"),
    ]);
    const endpoints = [{ port: provider.port("v1"), version: "v1" }];
    const annotations = mutualTls();
    service = { protocol: "dubbo", port, endpoints, annotations, resources: policies(false) };
    mesh = await Mesh.start([service]);
  });

  afterAll(async () => {
    await Promise.all([provider.stop(), ...[...consumers.values()].map((each) => each.stop())]);
    await mesh.stop();
  });

  function consumer(account: Account): DubboConsumer {
    const found = consumers.get(account);
    if (found === undefined) throw new Error(`no consumer ${account}`);
    return found;
  }

  const stat = (name: string): Promise<number> =>
    mesh.envoy.stat(`wasmcustom.metaproto.dubbo.${name}`);

  test("each identity may do what the policies say, and no more", async () => {
    const target = { port: service.port };
    const hello = { method: "sayHello", args: ["you"] };
    for (const account of ["cart", "intern"] as const) {
      expect((await consumer(account).call(target, hello)).value).toBe("Hello you from v1");
      const order = { method: "placeOrder", args: ["1"] };
      const failure = await consumer(account).fail(target, order);
      expectRpcException(failure, RpcCode.Forbidden, DENIED);
      expect(failure.message).not.toMatch(/shop|polic/);
    }
    const user = { method: "getUser", args: ["1"] };
    expect((await consumer("cart").call(target, user)).label).toBe("v1");
    const failure = await consumer("intern").fail(target, user);
    expectRpcException(failure, RpcCode.Forbidden, DENIED);
  });

  test("decisions are counted, by policy too", async () => {
    await expect.poll(() => stat("authorization_denied")).toBe(3);
    expect(await stat("authorization_allowed")).toBe(3);
    expect(await stat("local_reply_uaex")).toBe(3);
    const prometheus = await mesh.envoy.admin("/stats/prometheus");
    const matched = (name: string): string =>
      `metaproto_authorization_policy_matched{protocol="dubbo",policy="test/${name}"}`;
    expect(prometheus).toContain(`${matched("shop")} 3\n`);
    expect(prometheus).toContain(`${matched("interns")} 1\n`);
  });

  test("a dry run lets everything pass, counts, and writes to the log", async () => {
    await mesh.edit({ ...service, resources: policies(true) });
    const order = { method: "placeOrder", args: ["1"] };
    for (let i = 0; i < 5; i++) {
      expect((await consumer("intern").call({ port: service.port }, order)).label).toBe("v1");
    }
    await expect.poll(() => stat("authorization_dry_run_denied")).toBe(5);
    expect(await stat("authorization_denied")).toBe(3);
    const line = /dry run of authorization: would have refused \d requests?/;
    const isTold = () => mesh.envoy.log().some((text) => line.test(text));
    await expect.poll(isTold).toBe(true);
  });

  test("one-way calls that are refused are dropped, and counted", async () => {
    await mesh.edit({ ...service, resources: policies(false) });
    const before = await stat("authorization_denied");
    await consumer("cart").call({ port: service.port }, { method: "fire", args: ["lost"] });
    await expect.poll(() => stat("authorization_denied")).toBe(before + 1);
    const fired = Object.values(await provider.statistics()).flatMap((seen) => seen.fired);
    expect(fired).toEqual([]);
  });
});

describeWith("Thrift authorization", missingThriftPeers(), () => {
  const HEADER = { transport: "header", protocol: "binary" } as const;
  const HELLO = { method: "hello", args: ["you"] } as const;
  const forwarders: Server[] = [];
  const ports = new Map<Account, number>();
  let server: PeerServer;
  let mesh: Mesh;
  let near: number;
  let far: number;

  /** Adds TLS with a client's certificate, which these clients cannot do themselves. */
  async function forward(account: Account, port: number): Promise<void> {
    const { certificate, key } = identityOf(account);
    const options = { host: "127.0.0.1", port, ca: authority.certificate, cert: certificate, key };
    const forwarder = createServer((socket) => {
      const outer = connectTls(options);
      socket.pipe(outer).pipe(socket);
      for (const end of [socket, outer]) {
        end.on("error", () => undefined);
        end.on("close", () => {
          socket.destroy();
          outer.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => forwarder.listen(0, "127.0.0.1", resolve));
    forwarders.push(forwarder);
    ports.set(account, (forwarder.address() as AddressInfo).port);
  }

  beforeAll(async () => {
    server = await startThriftServer("go", [{ label: "go", ...HEADER }]);
    const [secured = 0, ...others] = await freePorts(3);
    [near = 0, far = 0] = others;
    const endpoints = [{ port: server.port("go"), version: "v1" }];
    const common = { protocol: "thrift", endpoints } as const;
    const byAddress = (name: string, ipBlocks: readonly string[]): object =>
      policy(name, { hosts: [`${name}.thrift`], rules: [{ from: [{ source: { ipBlocks } }] }] });
    mesh = await Mesh.start([
      {
        ...common,
        host: "secured.thrift",
        port: secured,
        annotations: mutualTls(),
        resources: [
          policy("interns", {
            hosts: ["secured.thrift"],
            action: "DENY",
            rules: [
              {
                from: [INTERN],
                to: [{ operation: { notAttributes: { user: { exact: "guest" } } } }],
              },
            ],
          }),
        ],
      },
      {
        ...common,
        host: "near.thrift",
        port: near,
        resources: [byAddress("near", ["127.0.0.0/8", "::1"])],
      },
      {
        ...common,
        host: "far.thrift",
        port: far,
        resources: [byAddress("far", ["128.0.0.0/1", "2001:db8::/32"])],
      },
    ]);
    await forward("cart", secured);
    await forward("intern", secured);
  });

  afterAll(async () => {
    await server.stop();
    await mesh.stop();
    await Promise.all(
      forwarders.map((forwarder) => new Promise((resolve) => forwarder.close(resolve))),
    );
  });

  describe.each(THRIFT_LANGUAGES)("%s client", (language) => {
    let client: ThriftClient;

    beforeAll(async () => {
      client = await startThriftClient(language);
    });

    afterAll(() => client.stop());

    test("by identity and header", async () => {
      const cart = { ...HEADER, port: ports.get("cart") ?? 0 };
      const intern = { ...HEADER, port: ports.get("intern") ?? 0 };
      expect((await client.call(cart, HELLO)).value).toBe("Hello you from go");
      const failure = await client.fail(intern, HELLO);
      expectApplicationException(failure, ExceptionType.InternalError, DENIED);
      const guest = { ...HELLO, headers: { user: "guest" } };
      expect((await client.call(intern, guest)).value).toBe("Hello you from go");
    });

    test("by address", async () => {
      expect((await client.call({ ...HEADER, port: near }, HELLO)).value).toBe("Hello you from go");
      const failure = await client.fail({ ...HEADER, port: far }, HELLO);
      expectApplicationException(failure, ExceptionType.InternalError, DENIED);
    });
  });

  test("decisions are counted", async () => {
    const stat = (name: string) => mesh.envoy.stat(`wasmcustom.metaproto.thrift.${name}`);
    await expect.poll(() => stat("authorization_denied")).toBe(4);
    expect(await stat("authorization_allowed")).toBe(6);
    expect(await stat("local_reply_uaex")).toBe(4);
  });
});
