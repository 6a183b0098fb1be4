// What became of a request, in the words of Envoy's `%RESPONSE_CODE_DETAILS%` where it has some.
// Allocates: when the module starts.

import { ResponseStatus } from "../codec/message";
import { Call } from "../filter/call";
import { RESPONSE_FLAGS, ResponseFlag } from "../filter/response-flag";
import { StaticText } from "../wire/static-text";

const DETAILS: StaticArray<StaticText> = [
  new StaticText("via_upstream"),
  new StaticText("route_not_found"),
  new StaticText("cluster_not_found"),
  new StaticText("no_healthy_upstream"),
  new StaticText("upstream_reset_before_response_started{connection_failure}"),
  new StaticText("upstream_reset_before_response_started{connection_termination}"),
  new StaticText("overload"),
  new StaticText("response_timeout"),
  new StaticText("downstream_protocol_error"),
  new StaticText("upstream_protocol_error"),
  new StaticText("request_rate_limited"),
  new StaticText("rbac_access_denied"),
  new StaticText("fault_filter_abort"),
  new StaticText("downstream_remote_disconnect"),
  new StaticText("retries_exhausted"),
];

const ONEWAY = new StaticText("oneway_sent");
const OK = new StaticText("ok");
const BUSINESS_ERROR = new StaticText("business_error");
const ERROR = new StaticText("error");

/** Of a request that is over. */
export function detailsOf(call: Call): StaticText {
  const flag = <u32>call.flag;
  if (flag == <u32>ResponseFlag.None && call.isOneway) return ONEWAY;
  return unchecked(DETAILS[flag < RESPONSE_FLAGS ? flag : 0]);
}

/** What the client was told, or null: nothing. */
export function statusOf(call: Call): StaticText | null {
  if (call.isOneway || call.flag == ResponseFlag.DownstreamGone) return null;
  if (call.status == ResponseStatus.Ok) return OK;
  return call.status == ResponseStatus.BusinessError ? BUSINESS_ERROR : ERROR;
}

/** It was not answered although it should have been, or with an error or an exception. */
export function isFailure(call: Call): bool {
  if (call.flag != ResponseFlag.None) return true;
  return !call.isOneway && call.status != ResponseStatus.Ok;
}
