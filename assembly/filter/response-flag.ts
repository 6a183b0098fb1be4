// Why a request did not get a server's response, as Envoy's users know it from `%RESPONSE_FLAGS%`.
// Allocates: when the module starts.

import { ErrorKind } from "../codec/error-kind";
import { StaticText } from "../wire/static-text";

export enum ResponseFlag {
  /** It got one. */
  None = 0,
  NoRoute = 1,
  UnknownCluster = 2,
  NoHealthyUpstream = 3,
  ConnectFailure = 4,
  UpstreamReset = 5,
  Overload = 6,
  Timeout = 7,
  DownstreamProtocolError = 8,
  UpstreamProtocolError = 9,
  RateLimited = 10,
  Unauthorized = 11,
  FaultInjected = 12,
  /** The client was gone before the response. */
  DownstreamGone = 13,
  /** A rate limit service could not be asked. */
  RateLimitService = 14,
}

export const RESPONSE_FLAGS: u32 = 15;

const TEXTS: StaticArray<StaticText> = [
  new StaticText("-"),
  new StaticText("NR"),
  new StaticText("NC"),
  new StaticText("UH"),
  new StaticText("UF"),
  new StaticText("UC"),
  new StaticText("UO"),
  new StaticText("UT"),
  new StaticText("DPE"),
  new StaticText("UPE"),
  new StaticText("RL"),
  new StaticText("UAEX"),
  new StaticText("FI"),
  new StaticText("DC"),
  new StaticText("RLSE"),
];

/** In the letters of Envoy's access logs; `-` for None. */
export function flagText(flag: ResponseFlag): StaticText {
  return unchecked(TEXTS[<u32>flag < RESPONSE_FLAGS ? <u32>flag : 0]);
}

export function flagOf(kind: ErrorKind): ResponseFlag {
  switch (kind) {
    case ErrorKind.NoRoute:
      return ResponseFlag.NoRoute;
    case ErrorKind.UnknownCluster:
      return ResponseFlag.UnknownCluster;
    case ErrorKind.NoHealthyUpstream:
      return ResponseFlag.NoHealthyUpstream;
    case ErrorKind.ConnectFailure:
      return ResponseFlag.ConnectFailure;
    case ErrorKind.UpstreamReset:
      return ResponseFlag.UpstreamReset;
    case ErrorKind.Overload:
      return ResponseFlag.Overload;
    case ErrorKind.Timeout:
      return ResponseFlag.Timeout;
    case ErrorKind.MalformedRequest:
    case ErrorKind.RequestTimeout:
      return ResponseFlag.DownstreamProtocolError;
    case ErrorKind.RateLimited:
      return ResponseFlag.RateLimited;
    case ErrorKind.PermissionDenied:
      return ResponseFlag.Unauthorized;
    default:
      return ResponseFlag.UpstreamProtocolError;
  }
}
