// TLS on listeners and to endpoints, one-way and mutual, with certificates made for this run.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, type Server, connect, createServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
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
import { RpcCode, expectRpcException } from "./support/expect-failure.js";
import { Mesh } from "./support/mesh.js";
import type { PeerServer } from "./support/peer-client.js";
import { freePorts } from "./support/ports.js";
import type { ServiceOptions } from "./support/resources.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { missingThriftPeer, startThriftServer } from "./support/thrift-peer.js";
import {
  FRAMED,
  MessageType,
  parseThriftFrame,
  stringStruct,
  thriftFrame,
  thriftFrameLength,
} from "./support/thrift-wire.js";

const HELLO = { method: "sayHello", args: ["you"] };

let folder: string;
let authority: CertificateAuthority;
let stranger: CertificateAuthority;
let trust: string;
let strangerTrust: string;
let listener: CertificateFiles;
let client: CertificateFiles;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-tls-"));
  authority = new CertificateAuthority();
  stranger = new CertificateAuthority();
  trust = join(folder, "authority.pem");
  strangerTrust = join(folder, "stranger.pem");
  writeFileSync(trust, authority.certificate);
  writeFileSync(strangerTrust, stranger.certificate);
  listener = writeCertificate(folder, "listener", authority.issue());
  client = writeCertificate(folder, "client", authority.issue({ dns: ["client"] }));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Annotations of a service whose clients must use TLS, and show a certificate if `isMutual`. */
function listenerTls(isMutual: boolean): Record<string, string> {
  return {
    "metaproto.io/tls-certificate": listener.certificate,
    "metaproto.io/tls-private-key": listener.key,
    ...(isMutual ? { "metaproto.io/tls-ca": trust } : {}),
  };
}

/** One frame over TLS and what comes back; rejects when the handshake or the connection fails. */
function exchange(options: ConnectionOptions, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect({ host: "127.0.0.1", ...options }, () => socket.write(request));
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer")));
    socket.on("error", reject);
    socket.on("close", () => {
      reject(new Error("closed without an answer"));
    });
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < (thriftFrameLength(received) ?? Infinity)) return;
      resolve(received);
      socket.destroy();
    });
  });
}

describeWith("Dubbo over TLS", [missingDubboPeer()], () => {
  const kinds = ["simple", "mutual", "distrusted", "misnamed", "anonymous"] as const;
  type Kind = (typeof kinds)[number];
  let consumer: DubboConsumer;
  let simple: PeerServer;
  let mutual: PeerServer;
  let mesh: Mesh;
  const ports = new Map<Kind, number>();

  const portOf = (kind: Kind): number => ports.get(kind) ?? 0;

  beforeAll(async () => {
    const free = await freePorts(kinds.length);
    kinds.forEach((kind, index) => ports.set(kind, free[index] ?? 0));
    const provider = writeCertificate(folder, "provider", authority.issue());
    [simple, mutual, consumer] = await Promise.all([
      startDubboProvider({ endpoints: [{ label: "simple" }], tls: provider }),
      startDubboProvider({ endpoints: [{ label: "mutual" }], tls: { ...provider, trust } }),
      startDubboConsumer({ tls: { ...client, trust } }),
    ]);
    const service = (kind: Kind, server: PeerServer, tls: object): ServiceOptions => ({
      protocol: "dubbo",
      host: `${kind}.dubbo`,
      port: portOf(kind),
      endpoints: [{ port: server.port(server === simple ? "simple" : "mutual"), version: "v1" }],
      annotations: listenerTls(kind === "mutual"),
      trafficPolicy: { tls },
    });
    const certificate = { clientCertificate: client.certificate, privateKey: client.key };
    const names = { subjectAltNames: ["localhost"] };
    const stranger = { subjectAltNames: ["elsewhere.example"] };
    mesh = await Mesh.start([
      service("simple", simple, { mode: "SIMPLE", caCertificates: trust, ...names }),
      service("mutual", mutual, { mode: "MUTUAL", caCertificates: trust, ...certificate }),
      service("distrusted", simple, { mode: "SIMPLE", caCertificates: strangerTrust }),
      service("misnamed", simple, { mode: "SIMPLE", caCertificates: trust, ...stranger }),
      service("anonymous", mutual, { mode: "SIMPLE", caCertificates: trust }),
    ]);
  });

  afterAll(async () => {
    await Promise.all([simple.stop(), mutual.stop(), consumer.stop()]);
    await mesh.stop();
  });

  test.each<Kind>(["simple", "mutual"])(
    "%s: encrypted on both sides, requests and large payloads pass",
    async (kind) => {
      const target = { port: portOf(kind), timeoutMs: 30_000 };
      expect((await consumer.call(target, HELLO)).value).toBe(`Hello you from ${kind}`);
      const bytes = { $bytes: 4 << 20 };
      const large = await consumer.call(target, { method: "echoBytes", args: [bytes] });
      expect(large.value).toEqual({ ...bytes, echoed: true });
      const burst = await consumer.burst(target, [HELLO], { count: 300, concurrency: 8 });
      expect(burst).toMatchObject({ succeeded: 300, errors: {} });
      const stats = await mesh.envoy.stats("ssl.handshake$");
      const upstream = `cluster.outbound|${portOf(kind)}||${kind}.dubbo.ssl.handshake`;
      expect(stats.get(upstream)).toBeGreaterThan(0);
      expect(stats.get(`listener.127.0.0.1_${portOf(kind)}.ssl.handshake`)).toBe(1);
    },
  );

  test.each<[Kind, string]>([
    ["distrusted", "an authority that is not trusted"],
    ["misnamed", "a certificate of another name"],
    ["anonymous", "an endpoint that demands a certificate"],
  ])("%s: %s is a connection failure", async (kind) => {
    const failure = await consumer.fail({ port: portOf(kind) }, HELLO);
    // TLS 1.3 tells a client only after the handshake that it was refused.
    const text =
      kind === "anonymous"
        ? /metaproto: (cannot connect to an endpoint of|the connection ended before the response,) cluster/
        : /metaproto: cannot connect to an endpoint of cluster/;
    expectRpcException(failure, RpcCode.Network, text);
  });

  test("a plain client on a TLS listener is disconnected", async () => {
    const plain = await TcpConnection.connect(portOf("simple"));
    plain.write(Buffer.alloc(64, "x"));
    // What comes back, if anything, is a TLS alert.
    expect((await plain.readUntilEnd()).length).toBeLessThan(16);
  });
});

describeWith("Thrift over TLS", [missingThriftPeer("go")], () => {
  let server: PeerServer;
  let terminator: Server;
  let mesh: Mesh;
  let oneWay: number;
  let twoWay: number;

  /** TLS in front of a server that has none; asks for a certificate as a mesh's endpoint does. */
  async function terminate(port: number): Promise<Server> {
    const issued = authority.issue();
    const options = { cert: issued.certificate, key: issued.key, ca: authority.certificate };
    const terminating = createServer(
      { ...options, requestCert: true, rejectUnauthorized: true },
      (socket) => {
        const inner = connectTcp(port, "127.0.0.1");
        socket.pipe(inner).pipe(socket);
        for (const end of [socket, inner]) {
          end.on("error", () => undefined);
          end.on("close", () => {
            socket.destroy();
            inner.destroy();
          });
        }
      },
    );
    terminating.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => terminating.listen(0, "127.0.0.1", resolve));
    return terminating;
  }

  beforeAll(async () => {
    server = await startThriftServer("go", [{ label: "go", ...FRAMED }]);
    terminator = await terminate(server.port("go"));
    const [first = 0, second = 0] = await freePorts(2);
    oneWay = first;
    twoWay = second;
    const endpoint = { port: (terminator.address() as AddressInfo).port, version: "v1" };
    const tls = {
      mode: "MUTUAL",
      caCertificates: trust,
      clientCertificate: client.certificate,
      privateKey: client.key,
      sni: "localhost",
    };
    const common = { protocol: "thrift", endpoints: [endpoint], trafficPolicy: { tls } } as const;
    mesh = await Mesh.start([
      { ...common, host: "one.thrift", port: oneWay, annotations: listenerTls(false) },
      { ...common, host: "two.thrift", port: twoWay, annotations: listenerTls(true) },
    ]);
  });

  afterAll(async () => {
    await server.stop();
    await mesh.stop();
    await new Promise((resolve) => terminator.close(resolve));
  });

  const request = thriftFrame(FRAMED, {
    type: MessageType.Call,
    name: "hello",
    seqid: 1,
    body: stringStruct("binary", 1, "you"),
  });

  function expectHello(frame: Buffer): void {
    const answer = parseThriftFrame(FRAMED, frame);
    expect(answer).toMatchObject({ type: MessageType.Reply, name: "hello", seqid: 1 });
    expect(answer.body.toString("latin1")).toContain("Hello you from go");
  }

  describe("the listener", () => {
    test("one-way: whoever trusts the authority is served", async () => {
      expectHello(await exchange({ port: oneWay, ca: authority.certificate }, request));
      await expect(exchange({ port: oneWay, ca: stranger.certificate }, request)).rejects.toThrow(
        /certificate/,
      );
    });

    test("mutual: only a certificate of the authority is let in", async () => {
      const { certificate, key } = authority.issue({ dns: ["client"] });
      const known = { cert: certificate, key };
      const options = { port: twoWay, ca: authority.certificate };
      expectHello(await exchange({ ...options, ...known }, request));
      await expect(exchange(options, request)).rejects.toThrow();
      const foreign = stranger.issue({ dns: ["client"] });
      const unknown = { cert: foreign.certificate, key: foreign.key };
      await expect(exchange({ ...options, ...unknown }, request)).rejects.toThrow();
      expect(await mesh.envoy.stat(`listener.127.0.0.1_${twoWay}.ssl.fail_verify_no_cert`)).toBe(1);
      expect(await mesh.envoy.stat(`listener.127.0.0.1_${twoWay}.ssl.fail_verify_error`)).toBe(1);
    });
  });
});
