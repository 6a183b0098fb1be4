// Who is at the other end of a connection with TLS: the SPIFFE identity of its certificate.
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md

/** Of a workload of Istio. */
export interface PeerIdentity {
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
  readonly uri: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const SPIFFE = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/;

/**
 * @param subjectAltName as Node writes it: `DNS:a, URI:spiffe://...`. A certificate has exactly one such URI; what has
 *   several, or hides one within quotes, is nobody.
 */
export function peerIdentity(subjectAltName: string | undefined): PeerIdentity | undefined {
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName
    .split(", ")
    .filter((name) => name.startsWith("URI:"))
    .map((name) => name.slice("URI:".length));
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) return undefined;
  const [, namespace, serviceAccount] = SPIFFE.exec(uri) ?? [];
  if (namespace === undefined || serviceAccount === undefined) return undefined;
  return { uri, namespace, serviceAccount };
}

/** Of a proxy of Istio, whose id is `sidecar~<address>~<pod>.<namespace>~<domain>`; undefined: of none. */
export function nodeNamespace(nodeId: string): string | undefined {
  const parts = nodeId.split("~");
  const [, , workload = ""] = parts;
  const dot = workload.lastIndexOf(".");
  return parts.length === 4 && dot > 0 ? workload.slice(dot + 1) : undefined;
}
