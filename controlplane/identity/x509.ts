// Certificates of X.509 version 3 (RFC 5280), with ECDSA keys on P-256.
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { bitString, der, objectId, pem, Tag } from "./der.js";

const ECDSA_WITH_SHA256 = [1, 2, 840, 10045, 4, 3, 2];
const COMMON_NAME = [2, 5, 4, 3];
const SUBJECT_KEY_IDENTIFIER = [2, 5, 29, 14];
const KEY_USAGE = [2, 5, 29, 15];
const SUBJECT_ALT_NAME = [2, 5, 29, 17];
const BASIC_CONSTRAINTS = [2, 5, 29, 19];
const AUTHORITY_KEY_IDENTIFIER = [2, 5, 29, 35];
const EXTENDED_KEY_USAGE = [2, 5, 29, 37];
const SERVER_AUTH = [1, 3, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTH = [1, 3, 6, 1, 5, 5, 7, 3, 2];
const UTF8_STRING = 0x0c;
const BOOLEAN = 0x01;
const GENERALIZED_TIME = 0x18;
/** Kinds of a GeneralName: section 4.2.1.6. */
const DNS_NAME = 2;
const URI_NAME = 6;
const IP_ADDRESS = 7;
/** Bits of KeyUsage from the left, and how many of the byte are none: section 4.2.1.3. */
const DIGITAL_SIGNATURE = [7, 0x80];
const CERTIFICATES_AND_LISTS = [1, 0x06];
/** A version is counted from 0. */
const VERSION_3 = 2;

/** What a certificate is for. */
export interface CertificateNames {
  readonly uri?: string | undefined;
  /** Names, or addresses of IP version 4. */
  readonly hosts?: readonly string[];
}

/** Milliseconds since 1970. */
export interface Validity {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Who signs. */
export interface Signer {
  /** Common name of the authority's own certificate. */
  readonly name: string;
  readonly privateKey: KeyObject;
}

export function newKeyPair(): KeyPair {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

/** PKCS #8, PEM. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The certificate of an authority, signed by itself. PEM. */
export function authorityCertificate(name: string, keys: KeyPair, validity: Validity): string {
  const isAuthority = der(Tag.Sequence, der(BOOLEAN, Buffer.from([0xff])));
  const extensions = [
    extension(BASIC_CONSTRAINTS, isAuthority, true),
    extension(KEY_USAGE, usage(CERTIFICATES_AND_LISTS), true),
    extension(SUBJECT_KEY_IDENTIFIER, der(Tag.OctetString, keyIdentifier(keys.publicKey))),
  ];
  const subject = { name, key: spkiOf(keys.publicKey) };
  return certify(subject, extensions, { name, privateKey: keys.privateKey }, validity);
}

/**
 * The certificate of one who is no authority, as a server or as a client. PEM.
 * @param publicKey SubjectPublicKeyInfo.
 */
export function leafCertificate(
  publicKey: Uint8Array,
  names: CertificateNames,
  signer: Signer,
  validity: Validity,
): string {
  const issuer = keyIdentifier(createPublicKey(signer.privateKey));
  const extensions = [
    extension(AUTHORITY_KEY_IDENTIFIER, der(Tag.Sequence, der(Tag.Implicit, issuer))),
    extension(KEY_USAGE, usage(DIGITAL_SIGNATURE), true),
    extension(EXTENDED_KEY_USAGE, der(Tag.Sequence, objectId(SERVER_AUTH), objectId(CLIENT_AUTH))),
    extension(SUBJECT_ALT_NAME, der(Tag.Sequence, ...generalNames(names))),
  ];
  return certify({ name: "metaproto", key: publicKey }, extensions, signer, validity);
}

export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

/** Any that is the same for the same key: section 4.2.1.2. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha256").update(spkiOf(key)).digest().subarray(0, 20);
}

function certify(
  subject: { readonly name: string; readonly key: Uint8Array },
  extensions: readonly Buffer[],
  signer: Signer,
  { fromMs, toMs }: Validity,
): string {
  const algorithm = der(Tag.Sequence, objectId(ECDSA_WITH_SHA256));
  const body = der(
    Tag.Sequence,
    der(Tag.Explicit, der(Tag.Integer, Buffer.from([VERSION_3]))),
    // Its first byte keeps it positive and free of zeros that must not be there.
    der(Tag.Integer, Buffer.from([0x40]), randomBytes(15)),
    algorithm,
    distinguishedName(signer.name),
    der(Tag.Sequence, time(fromMs), time(toMs)),
    distinguishedName(subject.name),
    subject.key,
    der(Tag.Explicit + 3, der(Tag.Sequence, ...extensions)),
  );
  const signature = bitString(sign("sha256", body, signer.privateKey));
  return pem("CERTIFICATE", der(Tag.Sequence, body, algorithm, signature));
}

function generalNames({ uri, hosts = [] }: CertificateNames): readonly Buffer[] {
  return [
    ...hosts.map((host) => {
      if (isIPv6(host)) throw new Error(`${host}: no certificates for addresses of IP version 6`);
      return isIPv4(host)
        ? der(Tag.Implicit + IP_ADDRESS, Buffer.from(host.split(".").map(Number)))
        : der(Tag.Implicit + DNS_NAME, Buffer.from(host));
    }),
    ...(uri === undefined ? [] : [der(Tag.Implicit + URI_NAME, Buffer.from(uri))]),
  ];
}

function distinguishedName(commonName: string): Buffer {
  const value = der(UTF8_STRING, Buffer.from(commonName));
  return der(Tag.Sequence, der(Tag.Set, der(Tag.Sequence, objectId(COMMON_NAME), value)));
}

function usage([unused = 0, bits = 0]: readonly number[]): Buffer {
  return der(Tag.BitString, Buffer.from([unused, bits]));
}

function extension(id: readonly number[], value: Buffer, isCritical = false): Buffer {
  const critical = isCritical ? [der(BOOLEAN, Buffer.from([0xff]))] : [];
  return der(Tag.Sequence, objectId(id), ...critical, der(Tag.OctetString, value));
}

function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
  return der(GENERALIZED_TIME, Buffer.from(text));
}
