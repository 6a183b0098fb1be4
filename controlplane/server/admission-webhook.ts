// The webhook of a controller: API servers ask it before they write what it would refuse anyway.
import { Counter, Histogram, type Registry } from "prom-client";
import { RESOURCE_KINDS } from "../api/kinds.js";
import { judgeRequest } from "../admission/judge-request.js";
import { type AdmissionResult, WebhookServer } from "../admission/webhook-server.js";
import type { IdentitySource } from "../identity/identity.js";
import type { Logger } from "../runtime/logger.js";
import { showExpiry } from "./certificate-expiry.js";
import type { SocketAddress } from "./socket-address.js";

export interface WebhookOptions {
  readonly address: SocketAddress;
  /** With a certificate for the name by which API servers know it. */
  readonly identity: IdentitySource;
}

export interface AdmissionWebhookOptions extends WebhookOptions {
  /** Whose resources are read; undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  readonly registry: Registry;
  readonly logger: Logger;
}

/** Whoever asks must not make up series. */
const KNOWN_KINDS: ReadonlySet<string> = new Set(RESOURCE_KINDS.map(({ kind }) => kind));

export class AdmissionWebhook {
  private readonly server: WebhookServer;
  private readonly requests: Counter<"kind" | "result">;
  private readonly duration: Histogram;
  private isListening = false;

  constructor(private readonly options: AdmissionWebhookOptions) {
    const { namespaces, registry, logger } = options;
    this.requests = new Counter({
      name: "metaproto_admission_requests_total",
      help: "Objects judged for API servers; error: what they asked could not be understood",
      labelNames: ["kind", "result"],
      registers: [registry],
    });
    this.duration = new Histogram({
      name: "metaproto_admission_duration_seconds",
      help: "Time from the head of a request to its answer",
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers: [registry],
    });
    this.requests.inc({ kind: "", result: "error" }, 0);
    this.server = new WebhookServer({
      judge: (request) => judgeRequest(request, namespaces),
      onAnswer: (kind, result, seconds) => this.count(kind, result, seconds),
      onBroken: (message) => logger.warn(`a request to the webhook: ${message}`),
    });
  }

  /** Resolves with its port when it has a certificate and listens. @throws Error when it cannot listen. */
  async start(): Promise<number> {
    const { address, identity, registry } = this.options;
    const first = await identity.start();
    showExpiry(registry, "webhook", first.certificateChain);
    identity.onChange((next) => {
      showExpiry(registry, "webhook", next.certificateChain);
      this.server.update(next);
    });
    const port = await this.server.listen(address.host, address.port, first);
    this.isListening = true;
    return port;
  }

  get isReady(): boolean {
    return this.isListening;
  }

  async stop(): Promise<void> {
    this.options.identity.stop();
    await this.server.stop();
  }

  private count(kind: string, result: AdmissionResult, seconds: number): void {
    this.requests.inc({ kind: KNOWN_KINDS.has(kind) ? kind : "", result });
    this.duration.observe(seconds);
  }
}
