// The probe on HTTP streams. A request's headers say what to do in which callback: "x-request: pause",
// "x-request-body: buffer", "x-response: ...". See run().

import {
  proxy_add_header_map_value,
  proxy_close_stream,
  proxy_continue_stream,
  proxy_enqueue_shared_queue,
  proxy_get_header_map_value,
  proxy_send_local_response,
  proxy_set_buffer_bytes,
  proxy_set_effective_context,
} from "../../../../assembly/proxy-wasm-as/abi/env";
import { OUT, bytesOf, log, pointer, read, report, result } from "./host";

const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const NO_GRPC_STATUS: u32 = 0xffffffff;

let queue: u32 = 0;
let stream: u32 = 0;
let posted = "";
/** What the running callback returns. */
let answer: u32 = 0;
/** Commands for callbacks that come when the request's headers are no longer to be had. */
let onRequestBody = "";
let onResponse = "";
let onResponseBody = "";
let onRequestTrailers = "";

export function postHttpTo(token: u32): void {
  queue = token;
}

/** Runs what an HTTP callback has posted; false when there is nothing. */
export function runPostedHttp(): bool {
  if (posted == "") return false;
  const commands = posted;
  posted = "";
  proxy_set_effective_context(stream);
  run(commands);
  return true;
}

/** Value of a header, or "none" and the status. */
function header(map: u32, name: string): string {
  const key = bytesOf(name);
  const status = proxy_get_header_map_value(map, pointer(key), key.byteLength, OUT, OUT + 4);
  return status == 0 ? result() : "none " + status.toString();
}

function command(name: string): string {
  const value = header(REQUEST_HEADERS, name);
  return value.startsWith("none ") ? "" : value;
}

function run(commands: string): void {
  const list = commands.split(";");
  for (let i = 0; i < list.length; i++) {
    if (list[i] == "post") {
      posted = list.slice(i + 1).join(";");
      proxy_enqueue_shared_queue(queue, 0, 0);
      return;
    }
    runOne(list[i]);
  }
}

function runOne(name: string): void {
  if (name == "pause" || name == "buffer") answer = 1;
  else if (name == "no-buffer") answer = 3;
  else if (name == "continue-request") report("continue", proxy_continue_stream(0));
  else if (name == "continue-response") report("continue", proxy_continue_stream(1));
  else if (name == "reset") report("close", proxy_close_stream(0));
  else if (name == "reply") reply();
  else if (name == "tag-request") tag(REQUEST_HEADERS);
  else if (name == "tag-response") tag(RESPONSE_HEADERS);
  else if (name == "replace-request-body") replaceBody(REQUEST_BODY);
  else if (name == "replace-response-body") replaceBody(RESPONSE_BODY);
  else if (name == "show-request") log("  path " + header(REQUEST_HEADERS, ":path"));
  else if (name == "show-response") log("  status " + header(RESPONSE_HEADERS, ":status"));
  else if (name != "") log("unknown command " + name);
}

function reply(): void {
  const details = bytesOf("probe details");
  const body = bytesOf("local");
  const status = proxy_send_local_response(
    418,
    pointer(details),
    details.byteLength,
    pointer(body),
    body.byteLength,
    0,
    0,
    NO_GRPC_STATUS,
  );
  report("reply", status);
}

function tag(map: u32): void {
  const name = bytesOf("X-Tag");
  const value = bytesOf("tagged");
  const status = proxy_add_header_map_value(
    map,
    pointer(name),
    name.byteLength,
    pointer(value),
    value.byteLength,
  );
  report("tag", status);
}

function replaceBody(type: u32): void {
  const body = bytesOf("replaced");
  const length = body.byteLength;
  report("replace", proxy_set_buffer_bytes(type, 0, 0x7fffffff, pointer(body), length));
}

function tell(what: string, context: u32, size: u32, end: u32): void {
  const about = " size " + size.toString() + " end " + end.toString();
  log("http " + what + " stream#" + context.toString() + about);
}

export function proxy_on_request_headers(context: u32, _count: u32, end: u32): u32 {
  // Envoy adds headers of its own, so their number says little.
  log("http request headers stream#" + context.toString() + " end " + end.toString());
  stream = context;
  answer = 0;
  onRequestBody = command("x-request-body");
  onRequestTrailers = command("x-request-trailers");
  onResponse = command("x-response");
  onResponseBody = command("x-response-body");
  run(command("x-request"));
  return answer;
}

export function proxy_on_request_body(context: u32, size: u32, end: u32): u32 {
  tell("request body " + read(REQUEST_BODY, size), context, size, end);
  answer = 0;
  run(onRequestBody);
  return answer;
}

export function proxy_on_request_trailers(context: u32, count: u32): u32 {
  tell("request trailers", context, count, 1);
  answer = 0;
  run(onRequestTrailers);
  return answer;
}

export function proxy_on_response_headers(context: u32, _count: u32, end: u32): u32 {
  log("http response headers stream#" + context.toString() + " end " + end.toString());
  answer = 0;
  run(onResponse);
  return answer;
}

export function proxy_on_response_body(context: u32, size: u32, end: u32): u32 {
  tell("response body " + read(RESPONSE_BODY, size), context, size, end);
  answer = 0;
  run(onResponseBody);
  return answer;
}

export function proxy_on_response_trailers(context: u32, count: u32): u32 {
  tell("response trailers", context, count, 1);
  return 0;
}

/** In proxy_on_log: what is known then. */
export function showLogged(): void {
  log("  path " + header(REQUEST_HEADERS, ":path") + " status " + header(RESPONSE_HEADERS, ":status"));
  log("  response trailers " + header(3, "x"));
}

export function isHttp(context: u32): bool {
  return context == stream;
}
