// Certificates for TLS tests, made when they are needed: nothing secret lies in the repository and
// nothing expires. X.509 version 3 (RFC 5280) with ECDSA P-256 keys, DER as far as these need it.
import { type KeyObject, createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM texts. */
export interface Certificate {
  readonly certificate: string;
  /** PKCS#8. */
  readonly key: string;
}

/** The same as files, for programs that want paths. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Subject alternative names of a certificate. */
export interface SubjectNames {
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly uri?: readonly string[];
}

const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  ObjectId: 0x06,
  Utf8String: 0x0c,
  GeneralizedTime: 0x18,
  Sequence: 0x30,
  Set: 0x31,
  /** Context-specific, constructed or primitive; add the number. */
  Explicit: 0xa0,
  Implicit: 0x80,
} as const;

const ECDSA_WITH_SHA256 = [1, 2, 840, 10045, 4, 3, 2];
const COMMON_NAME = [2, 5, 4, 3];
const BASIC_CONSTRAINTS = [2, 5, 29, 19];
const SUBJECT_ALT_NAME = [2, 5, 29, 17];
const DAY_MS = 86_400_000;

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function objectId(numbers: readonly number[]): Buffer {
  const [first = 0, second = 0, ...rest] = numbers;
  const bytes = [first * 40 + second];
  for (const number of rest) {
    const digits = [number & 0x7f];
    for (let high = number >> 7; high > 0; high >>= 7) digits.unshift((high & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return der(Tag.ObjectId, Buffer.from(bytes));
}

function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
  return der(Tag.GeneralizedTime, Buffer.from(text));
}

function distinguishedName(commonName: string): Buffer {
  const value = der(Tag.Utf8String, Buffer.from(commonName));
  return der(Tag.Sequence, der(Tag.Set, der(Tag.Sequence, objectId(COMMON_NAME), value)));
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return der(Tag.Sequence, objectId(id), der(Tag.OctetString, value));
}

function alternativeNames(names: SubjectNames): Buffer {
  const entry = (kind: number, bytes: Buffer): Buffer => der(Tag.Implicit + kind, bytes);
  return der(
    Tag.Sequence,
    ...(names.dns ?? []).map((name) => entry(2, Buffer.from(name))),
    ...(names.uri ?? []).map((uri) => entry(6, Buffer.from(uri))),
    ...(names.ip ?? []).map((ip) => entry(7, Buffer.from(ip.split(".").map(Number)))),
  );
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

interface CertificateFields {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function certificateOf(fields: CertificateFields): string {
  const algorithm = der(Tag.Sequence, objectId(ECDSA_WITH_SHA256));
  // The first bit is the sign, and a leading zero byte would not be minimal.
  const serial = Buffer.concat([Buffer.from([0x40]), randomBytes(15)]);
  const body = der(
    Tag.Sequence,
    der(Tag.Explicit, der(Tag.Integer, Buffer.from([2]))),
    der(Tag.Integer, serial),
    algorithm,
    distinguishedName(fields.issuer),
    der(Tag.Sequence, time(Date.now() - DAY_MS), time(Date.now() + 30 * DAY_MS)),
    distinguishedName(fields.subject),
    fields.publicKey.export({ type: "spki", format: "der" }),
    der(Tag.Explicit + 3, der(Tag.Sequence, ...fields.extensions)),
  );
  const signature = sign("sha256", body, fields.signingKey);
  const bits = der(Tag.BitString, Buffer.from([0]), signature);
  return pem("CERTIFICATE", der(Tag.Sequence, body, algorithm, bits));
}

/** An authority whose certificate clients trust, and that issues the certificates of servers. */
export class CertificateAuthority {
  /** PEM. */
  readonly certificate: string;
  private readonly name: string;
  private readonly key: KeyObject;

  constructor(name = "metaproto test authority") {
    const pair = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    // Authorities of equal names would be mistaken for each other where both are trusted.
    const suffix = createHash("sha256").update(randomBytes(16)).digest("hex").slice(0, 8);
    this.name = `${name} ${suffix}`;
    this.key = pair.privateKey;
    const isAuthority = der(Tag.Sequence, der(Tag.Boolean, Buffer.from([0xff])));
    this.certificate = certificateOf({
      issuer: this.name,
      subject: this.name,
      publicKey: pair.publicKey,
      signingKey: this.key,
      extensions: [extension(BASIC_CONSTRAINTS, isAuthority)],
    });
  }

  /** A certificate for a server or a client; default names are localhost and 127.0.0.1. */
  issue(names: SubjectNames = { dns: ["localhost"], ip: ["127.0.0.1"] }): Certificate {
    const pair = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const certificate = certificateOf({
      issuer: this.name,
      subject: names.dns?.[0] ?? names.uri?.[0] ?? "test",
      publicKey: pair.publicKey,
      signingKey: this.key,
      extensions: [extension(SUBJECT_ALT_NAME, alternativeNames(names))],
    });
    const key = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    return { certificate, key };
  }
}

/** Writes NAME.pem and NAME.key into `folder` and returns their paths. */
export function writeCertificate(
  folder: string,
  name: string,
  { certificate, key }: Certificate,
): CertificateFiles {
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}
