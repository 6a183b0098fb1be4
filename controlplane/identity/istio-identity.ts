// An identity that istiod gives for the token of the service account, as it gives sidecars theirs: the key of the
// mesh's authority stays with istiod.
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Clock, systemClock } from "../runtime/clock.js";
import { errorMessage } from "../runtime/error-message.js";
import type { Logger } from "../runtime/logger.js";
import { certificateRequest } from "./certificate-request.js";
import type { Identity, IdentitySource } from "./identity.js";
import { type IstioCaAddress, requestCertificate } from "./istio-ca.js";

export interface IstioIdentityOptions {
  readonly authority: IstioCaAddress;
  /** A projected token for the audience `istio-ca`; Kubernetes renews it. */
  readonly tokenFile: string;
  /** The ConfigMap `istio-ca-root-cert`, mounted: key `root-cert.pem`. */
  readonly trustAnchorsFile: string;
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`, as the token has it. */
  readonly uri: string;
  /** Istio's default is `Kubernetes`. */
  readonly clusterId: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Istio's default for workloads. */
const VALIDITY_SECONDS = 24 * 3600;
/** Of its life, when a certificate is renewed: time is left for an authority that is away. As Istio's agent does. */
const RENEWED_AT = 0.5;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Authorities are replaced far apart, and both hold for a while. */
const ANCHORS_INTERVAL_MS = 60_000;

export class IstioIdentity implements IdentitySource {
  private readonly clock: Clock;
  private current: Identity | undefined;
  private renewAtMs = 0;
  private failures = 0;
  private listener: (identity: Identity) => void = () => undefined;
  private cancel: (() => void) | undefined;
  private isStopped = false;

  constructor(private readonly options: IstioIdentityOptions) {
    this.clock = options.clock ?? systemClock;
  }

  /** Tries until istiod gives one, which may come up later than this. Never resolves after `stop`. */
  start(): Promise<Identity> {
    return new Promise((resolve) => {
      const attempt = async (): Promise<void> => {
        try {
          this.current = await this.request();
          this.failures = 0;
          this.schedule();
          resolve(this.current);
        } catch (error) {
          this.failures++;
          this.options.logger.error(
            `no certificate yet, proxies are not served: ${errorMessage(error)}`,
          );
          if (!this.isStopped)
            this.cancel = this.clock.schedule(this.retryMs, () => void attempt());
        }
      };
      void attempt();
    });
  }

  onChange(listener: (identity: Identity) => void): void {
    this.listener = listener;
  }

  stop(): void {
    this.isStopped = true;
    this.cancel?.();
  }

  private get retryMs(): number {
    return Math.min(RETRY_MIN_MS * 2 ** (this.failures - 1), RETRY_MAX_MS);
  }

  private schedule(): void {
    if (this.isStopped) return;
    const untilDueMs = Math.max(this.renewAtMs - this.clock.now(), 0);
    const delayMs = this.failures > 0 ? this.retryMs : Math.min(untilDueMs, ANCHORS_INTERVAL_MS);
    this.cancel = this.clock.schedule(delayMs, () => {
      void this.renew();
    });
  }

  private async renew(): Promise<void> {
    const { logger, trustAnchorsFile } = this.options;
    try {
      const anchors = await readFile(trustAnchorsFile, "utf8");
      const before = this.current;
      const isDue = this.clock.now() >= this.renewAtMs;
      if (isDue || before === undefined || anchors !== before.trustAnchors) {
        this.current = await this.request();
        logger.info(`istiod gave a certificate, to be renewed ${timeText(this.renewAtMs)}`);
        if (!this.isStopped) this.listener(this.current);
      }
      this.failures = 0;
    } catch (error) {
      this.failures++;
      logger.error(`no new certificate: ${errorMessage(error)}; the one before stays in use`);
    }
    this.schedule();
  }

  private async request(): Promise<Identity> {
    const { authority, tokenFile, trustAnchorsFile, uri, clusterId } = this.options;
    const [token, trustAnchors] = await Promise.all([
      readFile(tokenFile, "utf8"),
      readFile(trustAnchorsFile, "utf8"),
    ]);
    const { request, privateKey } = certificateRequest(uri);
    const chain = await requestCertificate(authority, {
      request,
      validitySeconds: VALIDITY_SECONDS,
      token: token.trim(),
      trustAnchors,
      clusterId,
    });
    const certificateChain = chain.map((part) => `${part.trimEnd()}\n`).join("");
    const { subjectAltName = "", validFrom, validTo } = new X509Certificate(certificateChain);
    if (!subjectAltName.split(", ").includes(`URI:${uri}`))
      throw new Error(`istiod gave a certificate of ${subjectAltName}, not of ${uri}`);
    const from = Date.parse(validFrom);
    this.renewAtMs = from + (Date.parse(validTo) - from) * RENEWED_AT;
    return { certificateChain, privateKey, trustAnchors };
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
