// The certificate of a webhook that nobody else takes care of. An authority for this alone is kept in a Secret, for all
// replicas; each signs its own certificate, and sees to it that the API server trusts the authority.
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { map, object, optional, type Read } from "../api/schema/composites.js";
import { longText } from "../api/schema/scalars.js";
import { Findings, Site } from "../api/schema/site.js";
import type { Identity, IdentitySource } from "../identity/identity.js";
import {
  authorityCertificate,
  leafCertificate,
  newKeyPair,
  privateKeyPem,
  spkiOf,
} from "../identity/x509.js";
import type { KubernetesApi } from "../kubernetes/api.js";
import { type Clock, systemClock } from "../runtime/clock.js";
import { errorMessage } from "../runtime/error-message.js";
import type { Logger } from "../runtime/logger.js";
import { trustAuthority } from "./webhook-configuration.js";

export interface WebhookIdentityOptions {
  readonly api: KubernetesApi;
  /** Of the Secret. */
  readonly namespace: string;
  /** A Secret that is there already, empty at first. */
  readonly secret: string;
  /** A ValidatingWebhookConfiguration; all of its webhooks are taken to be ours. */
  readonly configuration: string;
  /** By which the API server knows the webhook. */
  readonly hosts: readonly string[];
  readonly logger: Logger;
  readonly clock?: Clock;
}

interface Authority {
  /** PEM: its own certificate first, then those that were used before it. */
  readonly certificates: string;
  readonly key: string;
}

const DAY_MS = 24 * 3_600_000;
/** Istio's own authority is as old. */
const AUTHORITY_MS = 3650 * DAY_MS;
/** Before its end another one comes, which is trusted beside it. */
const AUTHORITY_RENEWAL_MS = 365 * DAY_MS;
const LEAF_MS = 30 * DAY_MS;
const LEAF_RENEWAL_MS = 15 * DAY_MS;
/** For clocks that do not agree. */
const BACKDATED_MS = 3_600_000;
/** Until an authority that was injected is used: API servers learn of it by their watches. */
const SETTLE_MS = 10_000;
const CHECK_MS = 10_000;
const RETRY_MS = 1_000;

const CERTIFICATES = "ca.crt";
const KEY = "ca.key";
const CERTIFICATE_PATTERN = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

const secretDocument = object({ data: optional(map(longText), "base64") }, { isOpen: true });
type Secret = Read<typeof secretDocument>;

export class WebhookIdentity implements IdentitySource {
  private readonly clock: Clock;
  private current: { readonly identity: Identity; readonly renewAtMs: number } | undefined;
  /** What the API server trusts as far as is known here, and since when. */
  private trusted = "";
  private trustedSinceMs: number | undefined;
  private listener: (identity: Identity) => void = () => undefined;
  private cancel: (() => void) | undefined;
  private lastFault = "";
  private isStopped = false;

  constructor(private readonly options: WebhookIdentityOptions) {
    this.clock = options.clock ?? systemClock;
  }

  /** Waits for as long as the Secret cannot be read or written. */
  start(): Promise<Identity> {
    return new Promise((resolve) => {
      this.listener = resolve;
      void this.check();
    });
  }

  onChange(listener: (identity: Identity) => void): void {
    this.listener = listener;
  }

  /** Why there is no certificate, or no new one; empty: all is well. */
  get fault(): string {
    return this.lastFault;
  }

  stop(): void {
    this.isStopped = true;
    this.cancel?.();
  }

  private async check(): Promise<void> {
    let delayMs = CHECK_MS;
    try {
      const authority = await this.authority();
      // Whoever asks at once must find something, trusted or not yet.
      if (this.current === undefined) this.use(authority);
      await this.inject(authority.certificates);
      if (this.isDue(authority)) this.use(authority);
      this.lastFault = "";
    } catch (error) {
      const fault = errorMessage(error);
      const { logger } = this.options;
      if (fault !== this.lastFault) logger.error(`the certificate of the webhook: ${fault}`);
      this.lastFault = fault;
      delayMs = RETRY_MS;
    }
    if (this.isStopped) return;
    this.cancel = this.clock.schedule(delayMs, () => {
      void this.check();
    });
  }

  /** What is in the Secret; a new one if that is none, or has not long to go. */
  private async authority(): Promise<Authority> {
    const { api, logger, namespace, secret: name } = this.options;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
    const document = await api.request({ method: "GET", path });
    const secret = readSecret(document);
    const present = authorityIn(secret);
    const now = this.clock.now();
    if (present !== undefined && endOf(present.certificates) - now > AUTHORITY_RENEWAL_MS)
      return present;
    const next = newAuthority(now, present?.certificates ?? "");
    // Another replica may do the same: the version in its metadata lets only one of them.
    const body = {
      ...(document as object),
      data: {
        ...secret.data,
        [CERTIFICATES]: Buffer.from(next.certificates).toString("base64"),
        [KEY]: Buffer.from(next.key).toString("base64"),
      },
    };
    await api.request({ method: "PUT", path, body });
    logger.info(`the Secret ${namespace}/${name} has a new authority for the webhook`);
    return next;
  }

  private async inject(certificates: string): Promise<void> {
    const { api, configuration, logger } = this.options;
    const changed = await trustAuthority(api, configuration, certificates);
    if (changed > 0)
      logger.info(`${configuration}: the API server is told of the authority of the webhook`);
    if (changed > 0 || this.trusted !== certificates) this.trustedSinceMs = this.clock.now();
    this.trusted = certificates;
  }

  private isDue({ certificates }: Authority): boolean {
    const { current, trustedSinceMs } = this;
    if (current === undefined) return true;
    const now = this.clock.now();
    const isSame = current.identity.trustAnchors === certificates;
    if (isSame) return current.renewAtMs <= now;
    return trustedSinceMs !== undefined && now - trustedSinceMs >= SETTLE_MS;
  }

  private use({ certificates, key }: Authority): void {
    const now = this.clock.now();
    const pair = newKeyPair();
    const name = commonNameOf(certificates);
    const certificateChain = leafCertificate(
      spkiOf(pair.publicKey),
      { hosts: this.options.hosts },
      { name, privateKey: createPrivateKey(key) },
      { fromMs: now - BACKDATED_MS, toMs: now + LEAF_MS },
    );
    const identity = {
      certificateChain,
      privateKey: privateKeyPem(pair.privateKey),
      trustAnchors: certificates,
    };
    this.current = { identity, renewAtMs: now + LEAF_RENEWAL_MS };
    if (!this.isStopped) this.listener(identity);
  }
}

function readSecret(document: unknown): Secret {
  const findings = new Findings("warning", "");
  const secret = secretDocument.read(document, Site.root(findings));
  const [fault] = findings.faults;
  if (fault !== undefined) throw new Error(`the Secret: ${fault.path}: ${fault.message}`);
  return secret;
}

/** Undefined: there is none, or none that can be used. */
function authorityIn({ data = {} }: Secret): Authority | undefined {
  const [certificates = "", key = ""] = [data[CERTIFICATES], data[KEY]].map((text) =>
    Buffer.from(text ?? "", "base64").toString("utf8"),
  );
  try {
    const isPair = new X509Certificate(certificates).checkPrivateKey(createPrivateKey(key));
    return isPair ? { certificates, key } : undefined;
  } catch {
    return undefined;
  }
}

function newAuthority(nowMs: number, before: string): Authority {
  const keys = newKeyPair();
  // Authorities of one name would be mistaken for each other.
  const name = `metaproto webhook authority ${randomBytes(4).toString("hex")}`;
  const validity = { fromMs: nowMs - BACKDATED_MS, toMs: nowMs + AUTHORITY_MS };
  const own = authorityCertificate(name, keys, validity);
  const still = (before.match(CERTIFICATE_PATTERN) ?? []).filter((item) => endOf(item) > nowMs);
  return { certificates: [own, ...still].join(""), key: privateKeyPem(keys.privateKey) };
}

function endOf(certificates: string): number {
  return Date.parse(new X509Certificate(certificates).validTo);
}

function commonNameOf(certificates: string): string {
  const { subject } = new X509Certificate(certificates);
  const [, name] = /^CN=(.*)$/m.exec(subject) ?? [];
  if (name === undefined) throw new Error(`the authority has no common name: ${subject}`);
  return name;
}
