// Against an authority that does what istiod's does with a request.
import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLogger } from "../runtime/logger.js";
import { ManualClock } from "../runtime/manual-clock.js";
import { certificateRequest } from "./certificate-request.js";
import { FileIdentity } from "./file-identity.js";
import { IstioIdentity } from "./istio-identity.js";
import { TestAuthority } from "./testing/test-authority.js";

const URI = "spiffe://cluster.local/ns/metaproto-system/sa/metaproto";
const SERVER_NAME = "istiod.istio-system.svc";
const DAY_SECONDS = 86_400;

interface Request {
  readonly csr: string;
  readonly validitySeconds: number;
}

interface Asked extends Request {
  readonly authorization: string;
  readonly clusterId: string;
}

let folder: string;
let authority: TestAuthority;
let server: Server;
let asked: Asked[];
let answer: () => string;
let address: string;
let clock: ManualClock;
let lines: string[];

const logger = createLogger("info", (line) => lines.push(line));

function decode(bytes: Buffer): Request {
  const reader = new BinaryReader(bytes);
  let csr = "";
  let validitySeconds = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) csr = reader.string();
    else if (field === 3) validitySeconds = Number(reader.int64());
    else reader.skip(type);
  }
  return { csr, validitySeconds };
}

function encode(chain: readonly string[]): Buffer {
  const writer = new BinaryWriter();
  for (const part of chain) writer.tag(1, WireType.LengthDelimited).string(part);
  return Buffer.from(writer.finish());
}

/** Of a request as `certificateRequest` makes it: the third element of its body. */
function publicKeyOf(csr: string): Buffer {
  const bytes = Buffer.from(csr.replaceAll(/-----[^-]+-----|\n/g, ""), "base64");
  const contentAt = (at: number): number =>
    at + 2 + ((bytes[at + 1] ?? 0) < 0x80 ? 0 : (bytes[at + 1] ?? 0) & 0x7f);
  const key = contentAt(contentAt(0)) + 3 + 2;
  return bytes.subarray(key, key + 2 + (bytes[key + 1] ?? 0));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-identity-"));
  lines = [];
  asked = [];
  clock = new ManualClock(Date.now());
  authority = new TestAuthority();
  answer = () => {
    const validity = { fromMs: clock.now(), toMs: clock.now() + DAY_SECONDS * 1000 };
    return authority.sign(publicKeyOf(asked.at(-1)?.csr ?? ""), { uri: URI }, validity);
  };
  const { certificateChain, privateKey } = authority.identity({ dns: SERVER_NAME });
  server = new Server();
  server.addService(
    {
      CreateCertificate: {
        path: "/istio.v1.auth.IstioCertificateService/CreateCertificate",
        requestStream: false,
        responseStream: false,
        requestSerialize: () => Buffer.alloc(0),
        requestDeserialize: decode,
        responseSerialize: encode,
        responseDeserialize: () => [],
      },
    },
    {
      CreateCertificate: (
        { request, metadata }: ServerUnaryCall<Request, readonly string[]>,
        callback: sendUnaryData<readonly string[]>,
      ) => {
        const [authorization] = metadata.get("authorization");
        const [clusterId] = metadata.get("clusterid");
        asked.push({
          ...request,
          authorization: String(authorization),
          clusterId: String(clusterId),
        });
        try {
          callback(null, [answer(), authority.certificate]);
        } catch (error) {
          callback({ code: status.UNAUTHENTICATED, details: String(error) });
        }
      },
    },
  );
  const pair = { cert_chain: Buffer.from(certificateChain), private_key: Buffer.from(privateKey) };
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(null, [pair]), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  address = `127.0.0.1:${port}`;
  writeFileSync(join(folder, "token"), "the-token\n");
  writeFileSync(join(folder, "root-cert.pem"), authority.certificate);
});

afterEach(() => {
  server.forceShutdown();
  rmSync(folder, { recursive: true, force: true });
});

function source(): IstioIdentity {
  return new IstioIdentity({
    authority: { address, serverName: SERVER_NAME },
    tokenFile: join(folder, "token"),
    trustAnchorsFile: join(folder, "root-cert.pem"),
    uri: URI,
    clusterId: "Kubernetes",
    logger,
    clock,
  });
}

describe("an identity from istiod", () => {
  test("is asked for with the token, and is that of the service account", async () => {
    const identity = source();
    const { certificateChain, privateKey, trustAnchors } = await identity.start();
    identity.stop();
    expect(asked).toMatchObject([
      { authorization: "Bearer the-token", clusterId: "Kubernetes", validitySeconds: DAY_SECONDS },
    ]);
    const certificate = new X509Certificate(certificateChain);
    expect(certificate.subjectAltName).toBe(`URI:${URI}`);
    expect(certificate.checkPrivateKey(createPrivateKey(privateKey))).toBe(true);
    expect(certificateChain).toContain(authority.certificate);
    expect(trustAnchors).toBe(authority.certificate);
  });

  test("is renewed in the middle of its life, and again after a failure", async () => {
    const identity = source();
    const first = await identity.start();
    const renewed: string[] = [];
    identity.onChange(({ certificateChain }) => renewed.push(certificateChain));
    const works = answer;
    answer = () => {
      throw new Error("not now");
    };
    clock.advance((DAY_SECONDS / 2 + 61) * 1000);
    await expect.poll(() => lines.join("\n")).toContain("the one before stays in use");
    expect(renewed).toEqual([]);
    answer = works;
    writeFileSync(join(folder, "token"), "another-token");
    await expect
      .poll(() => {
        clock.advance(61_000);
        return renewed.length;
      })
      .toBeGreaterThan(0);
    identity.stop();
    expect(renewed[0]).not.toBe(first.certificateChain);
    expect(asked.at(-1)?.authorization).toBe("Bearer another-token");
  });

  test("is refused if it is of somebody else", async () => {
    answer = () => authority.identity({ uri: "spiffe://cluster.local/ns/a/sa/b" }).certificateChain;
    const identity = source();
    void identity.start();
    await expect.poll(() => lines.join("\n")).toContain(`not of ${URI}`);
    identity.stop();
  });

  test("is asked for again, ever less often, until istiod gives one", async () => {
    const works = answer;
    answer = () => {
      throw new Error("not now");
    };
    const identity = source();
    const started = identity.start();
    for (const [index, ms] of [1_000, 2_000, 4_000].entries()) {
      await expect.poll(() => lines.filter((line) => line.includes("yet")).length).toBe(index + 1);
      const before = asked.length;
      clock.advance(ms - 1);
      expect(asked.length).toBe(before);
      if (index === 2) answer = works;
      clock.advance(1);
    }
    const { certificateChain } = await started;
    identity.stop();
    expect(new X509Certificate(certificateChain).subjectAltName).toBe(`URI:${URI}`);
    expect(asked).toHaveLength(4);
  });

  test("is not taken from who is not istiod", async () => {
    writeFileSync(join(folder, "root-cert.pem"), new TestAuthority().certificate);
    const identity = source();
    void identity.start();
    await expect.poll(() => lines.join("\n")).toContain(`istiod at ${address}`);
    identity.stop();
    expect(asked).toEqual([]);
  });

  test.skipIf(spawnSync("openssl", ["version"]).status !== 0)(
    "is asked for by a request that others understand",
    () => {
      const { request } = certificateRequest(URI);
      const text = execFileSync("openssl", ["req", "-noout", "-verify", "-text"], {
        input: request,
        stdio: ["pipe", "pipe", "pipe"],
      }).toString();
      expect(text).toContain(`URI:${URI}`);
      expect(text).toContain("prime256v1");
    },
  );
});

describe("an identity in files", () => {
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  function files(from: TestAuthority) {
    const { certificateChain, privateKey, trustAnchors } = from.identity({ uri: URI });
    return {
      certificate: write("tls.crt", certificateChain),
      privateKey: write("tls.key", privateKey),
      trustAnchors: write("ca.crt", trustAnchors),
    };
  }

  test("changes with them, and stays while they do not belong together", async () => {
    const identity = new FileIdentity(files(authority), logger, clock);
    await identity.start();
    const changes: string[] = [];
    identity.onChange(({ trustAnchors }) => changes.push(trustAnchors));
    write("tls.crt", authority.identity({ uri: URI }).certificateChain);
    clock.advance(10_000);
    await expect.poll(() => lines.join("\n")).toContain("the key is not that of the certificate");
    const next = new TestAuthority();
    files(next);
    await expect
      .poll(() => {
        clock.advance(10_000);
        return changes.length;
      })
      .toBe(1);
    identity.stop();
    expect(changes).toEqual([next.certificate]);
  });

  test("is a fault where there is none", async () => {
    const known = files(authority);
    const identity = new FileIdentity(
      { ...known, privateKey: join(folder, "gone") },
      logger,
      clock,
    );
    await expect(identity.start()).rejects.toThrow("gone");
  });
});
