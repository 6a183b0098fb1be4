// TLS of the server: clients must have a certificate of the mesh, and certificates change while it serves.
import { experimental, type ServerCredentials } from "@grpc/grpc-js";

/** PEM. */
export interface ServerIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
  /** Of those who issue the clients' certificates. */
  readonly trustAnchors: string;
}

type CaListener = Parameters<experimental.CertificateProvider["addCaCertificateListener"]>[0];
type IdentityListener = Parameters<
  experimental.CertificateProvider["addIdentityCertificateListener"]
>[0];

/**
 * New connections get the newest identity; those that are open stay. grpc-js (1.14) listens before it can hear, so what
 * a listener is told at once would be lost.
 */
export class MutualTls implements experimental.CertificateProvider {
  private readonly caListeners = new Set<CaListener>();
  private readonly identityListeners = new Set<IdentityListener>();

  constructor(private current: ServerIdentity) {}

  get credentials(): ServerCredentials {
    return experimental.createCertificateProviderServerCredentials(this, this, true);
  }

  update(identity: ServerIdentity): void {
    this.current = identity;
    for (const listener of this.caListeners) this.tellCa(listener);
    for (const listener of this.identityListeners) this.tellIdentity(listener);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.caListeners.add(listener);
    queueMicrotask(() => {
      this.tellCa(listener);
    });
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.identityListeners.add(listener);
    queueMicrotask(() => {
      this.tellIdentity(listener);
    });
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.identityListeners.delete(listener);
  }

  private tellCa(listener: CaListener): void {
    listener({ caCertificate: Buffer.from(this.current.trustAnchors) });
  }

  private tellIdentity(listener: IdentityListener): void {
    const { certificateChain, privateKey } = this.current;
    listener({ certificate: Buffer.from(certificateChain), privateKey: Buffer.from(privateKey) });
  }
}
