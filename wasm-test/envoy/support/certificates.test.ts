import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { afterAll, expect, test } from "vitest";
import { CertificateAuthority, writeCertificate } from "./certificates.js";
import { missingDubboPeer, startDubboConsumer, startDubboProvider } from "./dubbo-peer.js";

const folder = mkdtempSync(join(tmpdir(), "metaproto-test-"));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Resolves with the error of the handshake, or "" when it succeeded. */
function handshake(port: number, ca: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", ca });
    socket.once("secureConnect", () => {
      socket.destroy();
      resolve("");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
  });
}

test("a certificate is accepted by those who trust its authority, and by nobody else", async () => {
  const authority = new CertificateAuthority();
  const uri = "spiffe://cluster.local/ns/default/sa/demo";
  const issued = authority.issue({ dns: ["localhost"], ip: ["127.0.0.1"], uri: [uri] });
  const parsed = new X509Certificate(issued.certificate);
  expect(parsed.subjectAltName).toBe(`DNS:localhost, URI:${uri}, IP Address:127.0.0.1`);

  const server = createServer({ cert: issued.certificate, key: issued.key });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  expect(await handshake(port, authority.certificate)).toBe("");
  expect(await handshake(port, new CertificateAuthority().certificate)).toMatch(/VERIFY|ISSUER/);
  await new Promise((resolve) => server.close(resolve));
});

test.skipIf(missingDubboPeer())("Dubbo peers talk over TLS", async () => {
  const authority = new CertificateAuthority();
  const trust = join(folder, "authority.pem");
  writeFileSync(trust, authority.certificate);
  const server = writeCertificate(folder, "provider", authority.issue());
  const client = writeCertificate(folder, "consumer", authority.issue({ dns: ["consumer"] }));
  const [provider, consumer] = await Promise.all([
    startDubboProvider({ endpoints: [{ label: "v1" }], tls: server }),
    startDubboConsumer({ tls: { ...client, trust } }),
  ]);
  const port = provider.port("v1");
  expect(await handshake(port, authority.certificate)).toBe("");
  const hello = await consumer.call({ port }, { method: "sayHello", args: ["you"] });
  expect(hello.value).toBe("Hello you from v1");
  await Promise.all([provider.stop(), consumer.stop()]);
});
