// Why the proxy answers a request itself. Codecs translate it into the protocol's own error.

export enum ErrorKind {
  /** No route of the table matches. Response flag NR. */
  NoRoute = 0,
  /** The route names a cluster that the proxy does not have. NC. */
  UnknownCluster = 1,
  /** The cluster has no healthy endpoint. UH. */
  NoHealthyUpstream = 2,
  /** The endpoint did not accept the connection. UF. */
  ConnectFailure = 3,
  /** The upstream connection ended with the request outstanding. UC. */
  UpstreamReset = 4,
  /** A bound on outstanding requests, connections or waiting bytes is reached. UO. */
  Overload = 5,
  /** The route's timeout passed. UT. */
  Timeout = 6,
  /** The request cannot be understood, or is larger than the limit. DPE. */
  MalformedRequest = 7,
  /** The upstream's answer cannot be understood. UPE. */
  BadResponse = 8,
  /** The request did not come to its end in time. DPE. */
  RequestTimeout = 9,
  /** A rate limit. RL. */
  RateLimited = 10,
  /** An authorization policy. UAEX. */
  PermissionDenied = 11,
  /** Something failed within the proxy, or is to look so. */
  Internal = 12,
}

/** The kind is all that is said of an error: no code of the protocol's own. */
export const NO_ERROR_CODE: u32 = 0;
