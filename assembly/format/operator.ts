// Operators of a format, by the names that users of Envoy know.
// Source: Envoy's documentation of access logging, "Command operators"; `ATTR` and `RESPONSE_STATUS` are ours.
// Allocates: cold path only.

export enum Operator {
  Literal = 0,
  StartTime = 1,
  Duration = 2,
  ResponseFlags = 3,
  ResponseCodeDetails = 4,
  ResponseStatus = 5,
  BytesReceived = 6,
  BytesSent = 7,
  RouteName = 8,
  UpstreamCluster = 9,
  UpstreamHost = 10,
  RemoteAddress = 11,
  RemoteAddressWithoutPort = 12,
  LocalAddress = 13,
  PeerUriSan = 14,
  AttemptCount = 15,
  Attribute = 16,
  /** Known when the format is parsed. */
  Protocol = 17,
  TraceId = 18,
  SpanId = 19,
}

/** From when on an operator has its value, and when a format is written. */
export enum Known {
  Request = 0,
  Response = 1,
  End = 2,
}

/** There is no operator of this name. */
export const NO_OPERATOR: i32 = -1;

const NAMES: string[] = [
  "",
  "START_TIME",
  "DURATION",
  "RESPONSE_FLAGS",
  "RESPONSE_CODE_DETAILS",
  "RESPONSE_STATUS",
  "BYTES_RECEIVED",
  "BYTES_SENT",
  "ROUTE_NAME",
  "UPSTREAM_CLUSTER",
  "UPSTREAM_HOST",
  "DOWNSTREAM_REMOTE_ADDRESS",
  "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_LOCAL_ADDRESS",
  "DOWNSTREAM_PEER_URI_SAN",
  "UPSTREAM_REQUEST_ATTEMPT_COUNT",
  "ATTR",
  "PROTOCOL",
  "TRACE_ID",
  "SPAN_ID",
];

/** The number of an operator, or NO_OPERATOR. */
export function findOperator(name: string): i32 {
  return name.length == 0 ? NO_OPERATOR : NAMES.indexOf(name);
}

export function knownAt(operator: Operator): Known {
  switch (operator) {
    case Operator.UpstreamHost:
    case Operator.AttemptCount:
      return Known.Response;
    case Operator.Duration:
    case Operator.ResponseFlags:
    case Operator.ResponseCodeDetails:
    case Operator.ResponseStatus:
    case Operator.BytesSent:
    // With the request, but not yet when its route's mutations are made up.
    case Operator.TraceId:
    case Operator.SpanId:
      return Known.End;
    default:
      return Known.Request;
  }
}

/** Values that are whole numbers: as such in JSON. */
export function isNumeric(operator: Operator): bool {
  switch (operator) {
    case Operator.Duration:
    case Operator.BytesReceived:
    case Operator.BytesSent:
    case Operator.AttemptCount:
      return true;
    default:
      return false;
  }
}

/** What is in parentheses: ATTR needs it, START_TIME may have it. */
export function takesArgument(operator: Operator): bool {
  return operator == Operator.Attribute || operator == Operator.StartTime;
}
