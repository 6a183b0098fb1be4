// An authority for tests. Certificates are made when they are needed, so nothing secret lies about and nothing expires.
import { randomBytes } from "node:crypto";
import type { Identity } from "../identity.js";
import {
  authorityCertificate,
  newKeyPair,
  privateKeyPem,
  leafCertificate,
  spkiOf,
  type Validity,
} from "../x509.js";

export interface Names {
  readonly uri?: string;
  /** A host name, or an address. */
  readonly dns?: string;
}

const HOUR_MS = 3_600_000;

export class TestAuthority {
  /** PEM. */
  readonly certificate: string;
  private readonly name = `test authority ${randomBytes(4).toString("hex")}`;
  private readonly keys = newKeyPair();

  constructor() {
    this.certificate = authorityCertificate(this.name, this.keys, aroundNow());
  }

  /** A key and its certificate, with this authority as the trust anchor. */
  identity(names: Names): Identity {
    const pair = newKeyPair();
    return {
      certificateChain: this.sign(spkiOf(pair.publicKey), names),
      privateKey: privateKeyPem(pair.privateKey),
      trustAnchors: this.certificate,
    };
  }

  /** @param publicKey SubjectPublicKeyInfo. @returns PEM. */
  sign(publicKey: Uint8Array, { uri, dns }: Names, validity = aroundNow()): string {
    const { name, keys } = this;
    const names = { uri, hosts: dns === undefined ? [] : [dns] };
    return leafCertificate(publicKey, names, { name, privateKey: keys.privateKey }, validity);
  }
}

function aroundNow(): Validity {
  return { fromMs: Date.now() - HOUR_MS, toMs: Date.now() + HOUR_MS };
}
