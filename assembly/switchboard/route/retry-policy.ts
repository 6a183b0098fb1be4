// When and how a request is sent again.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

import { ErrorKind } from "../../codec/error-kind";
import { ResponseStatus } from "../../codec/message";

/** Bits of `RetryPolicy.retryOn`: 1 << the numbers of metaproto.v1.RetryPolicy.RetryOn. */
export enum RetryOn {
  Nothing = 0,
  ConnectFailure = 1,
  Reset = 2,
  PerTryTimeout = 3,
  Overloaded = 4,
  ServerError = 5,
  BusinessError = 6,
  BadResponse = 7,
}

@unmanaged
export class RetryPolicy {
  /** After the first try. */
  attempts: u32;
  /** 0: none. */
  perTryTimeoutMs: u32;
  retryOn: u32;
  baseIntervalMs: u32;
  maxIntervalMs: u32;
  retryOneway: bool;
  /** Larger requests are not kept. */
  maxRequestBytes: u32;
  /** Retries of a cluster at a time, in percent of its outstanding requests, but at least `minRetries`. */
  budgetPercent: u32;
  minRetries: u32;

  wants(reason: RetryOn): bool {
    return (this.retryOn & (1 << (<u32>reason))) != 0;
  }
}

/** Nothing: such an error is final. */
export function reasonOf(kind: ErrorKind): RetryOn {
  switch (kind) {
    case ErrorKind.NoHealthyUpstream:
    case ErrorKind.ConnectFailure:
      return RetryOn.ConnectFailure;
    case ErrorKind.UpstreamReset:
      return RetryOn.Reset;
    case ErrorKind.Overload:
      return RetryOn.Overloaded;
    case ErrorKind.Timeout:
      return RetryOn.PerTryTimeout;
    case ErrorKind.BadResponse:
      return RetryOn.BadResponse;
    default:
      return RetryOn.Nothing;
  }
}

export function reasonOfStatus(status: ResponseStatus): RetryOn {
  if (status == ResponseStatus.Error) return RetryOn.ServerError;
  return status == ResponseStatus.BusinessError ? RetryOn.BusinessError : RetryOn.Nothing;
}
