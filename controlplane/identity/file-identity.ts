// An identity in files, which somebody else renews: a mounted Secret, or what cert-manager writes.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Clock, systemClock } from "../runtime/clock.js";
import { errorMessage } from "../runtime/error-message.js";
import type { Logger } from "../runtime/logger.js";
import { type Identity, type IdentitySource, isSameIdentity } from "./identity.js";

export interface IdentityFiles {
  readonly certificate: string;
  readonly privateKey: string;
  readonly trustAnchors: string;
}

/** Mounted Secrets change by their directory, of which not every file system tells. */
const READ_INTERVAL_MS = 10_000;

export class FileIdentity implements IdentitySource {
  private current: Identity | undefined;
  private listener: (identity: Identity) => void = () => undefined;
  private cancel: (() => void) | undefined;
  private lastFault = "";

  constructor(
    private readonly files: IdentityFiles,
    private readonly logger: Logger,
    private readonly clock: Clock = systemClock,
  ) {}

  async start(): Promise<Identity> {
    this.current = await this.read();
    this.schedule();
    return this.current;
  }

  onChange(listener: (identity: Identity) => void): void {
    this.listener = listener;
  }

  stop(): void {
    this.cancel?.();
    this.listener = () => undefined;
  }

  private schedule(): void {
    this.cancel = this.clock.schedule(READ_INTERVAL_MS, () => {
      void this.refresh();
    });
  }

  /** What cannot be read, or does not belong together because it is being written, stays as it was. */
  private async refresh(): Promise<void> {
    try {
      const identity = await this.read();
      this.lastFault = "";
      if (this.current === undefined || !isSameIdentity(this.current, identity)) {
        this.current = identity;
        this.logger.info("the control plane has another certificate");
        this.listener(identity);
      }
    } catch (error) {
      const fault = errorMessage(error);
      if (fault !== this.lastFault) this.logger.error(`${fault}; the one before stays in use`);
      this.lastFault = fault;
    }
    this.schedule();
  }

  private async read(): Promise<Identity> {
    const { certificate, privateKey, trustAnchors } = this.files;
    const [chain, key, anchors] = await Promise.all(
      [certificate, privateKey, trustAnchors].map((file) => readFile(file, "utf8")),
    );
    if (chain === undefined || key === undefined || anchors === undefined)
      throw new Error("three files were read");
    try {
      new X509Certificate(anchors);
      if (!new X509Certificate(chain).checkPrivateKey(createPrivateKey(key)))
        throw new Error("the key is not that of the certificate");
    } catch (error) {
      throw new Error(`${certificate}, ${privateKey}, ${trustAnchors}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    return { certificateChain: chain, privateKey: key, trustAnchors: anchors };
  }
}
