// Who the control plane is to proxies, and whom it believes.

/** PEM. */
export interface Identity {
  /** Its own certificate first. */
  readonly certificateChain: string;
  readonly privateKey: string;
  /** Certificates of the authorities of the mesh. */
  readonly trustAnchors: string;
}

/** Changes from time to time: certificates expire, and authorities are replaced. */
export interface IdentitySource {
  /** Resolves with the first one. @throws Error when there is none. */
  start(): Promise<Identity>;
  /** Calls `listener` with each later one. */
  onChange(listener: (identity: Identity) => void): void;
  stop(): void;
}

export function isSameIdentity(a: Identity, b: Identity): boolean {
  return (
    a.certificateChain === b.certificateChain &&
    a.privateKey === b.privateKey &&
    a.trustAnchors === b.trustAnchors
  );
}
