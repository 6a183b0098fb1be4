// A module that logs every callback and does what a client tells it to, so that the same scenario can be
// run in the test host and in a real Envoy, and what both do can be compared line by line.
//
// A client sends commands, "name:argument" separated by ";". They run in on_downstream_data; what stands
// behind "post" runs in on_queue_ready. See run() for the commands.

import {
  proxy_dequeue_shared_queue,
  proxy_enqueue_shared_queue,
  proxy_get_header_map_size,
  proxy_get_header_map_value,
  proxy_get_status,
  proxy_grpc_cancel,
  proxy_grpc_close,
  proxy_grpc_send,
  proxy_grpc_stream,
  proxy_set_buffer_bytes,
  proxy_set_effective_context,
  proxy_set_tick_period_milliseconds,
} from "../../../../assembly/proxy-wasm-as/abi/env";
import {
  ALL,
  DOWNSTREAM_DATA,
  OUT,
  UPSTREAM_DATA,
  bytesOf,
  closeStream,
  continueStream,
  httpCall,
  log,
  pointer,
  read,
  registerQueue,
  report,
  result,
  setBuffer,
  setFilterState,
  show,
  showProperty,
} from "./host";

import { isHttp, postHttpTo, runPostedHttp, showLogged } from "./http";

export { proxy_on_memory_allocate } from "./host";
export {
  proxy_on_request_body,
  proxy_on_request_headers,
  proxy_on_request_trailers,
  proxy_on_response_body,
  proxy_on_response_headers,
  proxy_on_response_trailers,
} from "./http";

const CONTINUE: u32 = 0;
const STOP: u32 = 1;
const FOREVER: u32 = 0x7fffffff;
const SHORT_MS: u32 = 300;

let root: u32 = 0;
let queue: u32 = 0;
const upstreams = new Set<u32>();
let lastDownstream: u32 = 0;
let lastUpstream: u32 = 0;
let lastToken: u32 = 0;

/** Where the dial that is under way goes; null when none is. */
let dialled: string | null = null;
let posted = "";
/** Later client bytes are left in the read buffer, and are no commands. */
let keepsRequests = false;
/** Server bytes are left in the write buffer. */
let keepsResponses = false;
/** Sent to the server as soon as the connection to it is ready. */
let greeting = "";

function nameOf(context: u32): string {
  if (context == root) return "root#" + context.toString();
  if (isHttp(context)) return "stream#" + context.toString();
  return (upstreams.has(context) ? "upstream#" : "downstream#") + context.toString();
}

function dial(cluster: string, via: string, timeoutMs: u32): void {
  dialled = cluster;
  const status = httpCall(via, timeoutMs);
  dialled = null;
  lastToken = load<u32>(OUT);
  log("  http_call -> " + status.toString() + (status == 0 ? " token#" + lastToken.toString() : ""));
}

function openGrpc(cluster: string): void {
  const name = bytesOf(cluster);
  const service = bytesOf("service");
  const size = service.byteLength;
  const at = pointer(service);
  const status = proxy_grpc_stream(pointer(name), name.byteLength, at, size, at, size, 0, 0, OUT);
  lastToken = status == 0 ? load<u32>(OUT) : 0;
  log("  grpc_stream -> " + status.toString() + (status == 0 ? " token#" + lastToken.toString() : ""));
}

/** Runs commands; the rest of them is posted at the command "post". */
function run(commands: string): void {
  const list = commands.split(";");
  for (let i = 0; i < list.length; i++) {
    const colon = list[i].indexOf(":");
    const name = colon < 0 ? list[i] : list[i].substring(0, colon);
    const argument = colon < 0 ? "" : list[i].substring(colon + 1);
    if (name == "post") {
      posted = list.slice(i + 1).join(";");
      proxy_enqueue_shared_queue(queue, 0, 0);
      return;
    }
    const known =
      runDownstream(name, argument) ||
      runUpstream(name, argument) ||
      runGrpc(name, argument) ||
      runOther(name, argument);
    if (!known) log("unknown command " + name);
  }
}

/** On the connection the commands came from. */
function runDownstream(name: string, argument: string): bool {
  if (name == "replace") setBuffer(lastDownstream, 0, ALL, argument);
  else if (name == "append") setBuffer(lastDownstream, ALL, 0, argument);
  else if (name == "prepend") setBuffer(lastDownstream, 0, 0, argument);
  else if (name == "overwrite") setBuffer(lastDownstream, 2, 1, argument);
  else if (name == "continue") continueStream(lastDownstream);
  else if (name == "close") closeStream(lastDownstream, 2);
  else if (name == "close-upstream-type") closeStream(lastDownstream, 3);
  else if (name == "text") showProperty("downstream", lastDownstream, argument, "text");
  else if (name == "number") showProperty("downstream", lastDownstream, argument, "number");
  else if (name == "size") showProperty("downstream", lastDownstream, argument, "size");
  else return false;
  return true;
}

/** On the connection that was dialled last. */
function runUpstream(name: string, argument: string): bool {
  if (name == "dial") dial(argument, "carrier", FOREVER);
  else if (name == "dial-short") dial(argument, "carrier", SHORT_MS);
  else if (name == "http") dial("", argument, SHORT_MS);
  else if (name == "greeting") greeting = argument;
  else if (name == "send") {
    setBuffer(lastUpstream, ALL, 0, argument);
    continueStream(lastUpstream);
  } else if (name == "close-dialled") closeStream(lastUpstream, 2);
  else if (name == "keep-responses") keepsResponses = true;
  else return false;
  return true;
}

function runGrpc(name: string, argument: string): bool {
  const message = bytesOf(argument);
  if (name == "grpc") openGrpc(argument);
  else if (name == "grpc-send") {
    const length = message.byteLength;
    report("grpc_send", proxy_grpc_send(lastToken, pointer(message), length, 0));
  } else if (name == "grpc-close") report("grpc_close", proxy_grpc_close(lastToken));
  else if (name == "grpc-cancel") report("grpc_cancel", proxy_grpc_cancel(lastToken));
  else return false;
  return true;
}

function runOther(name: string, argument: string): bool {
  if (name == "root-text") showProperty("root", root, argument, "text");
  else if (name == "keep-requests") keepsRequests = true;
  else if (name == "log") log("-- " + argument);
  else if (name == "tick") {
    proxy_set_effective_context(root);
    proxy_set_tick_period_milliseconds(100);
  } else return name == "";
  return true;
}

// Lifecycle

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_vm_start(_root: u32, _size: u32): u32 {
  return 1;
}

export function proxy_on_configure(rootContext: u32, size: u32): u32 {
  root = rootContext;
  queue = registerQueue();
  postHttpTo(queue);
  log("configure " + read(7, size));
  return 1;
}

export function proxy_on_context_create(context: u32, parent: u32): void {
  if (parent == 0) return;
  if (dialled !== null) {
    upstreams.add(context);
    lastUpstream = context;
  }
  log("create " + nameOf(context));
}

export function proxy_on_done(context: u32): u32 {
  log("done " + nameOf(context));
  return 1;
}

export function proxy_on_log(context: u32): void {
  log("log " + nameOf(context));
  if (isHttp(context)) showLogged();
}

export function proxy_on_delete(context: u32): void {
  log("delete " + nameOf(context));
}

export function proxy_on_tick(_root: u32): void {
  log("tick");
  proxy_set_tick_period_milliseconds(0);
}

export function proxy_on_queue_ready(_root: u32, token: u32): void {
  log("posted " + proxy_dequeue_shared_queue(token, OUT, OUT + 4).toString());
  if (!runPostedHttp()) run(posted);
}

// Connections

export function proxy_on_new_connection(context: u32): u32 {
  log("new " + nameOf(context));
  if (!upstreams.has(context)) {
    keepsRequests = false;
    keepsResponses = false;
    greeting = "";
    setBuffer(context, ALL, 0, "too early");
    return CONTINUE;
  }
  const cluster = dialled;
  if (cluster !== null && cluster != "") setFilterState(context, "envoy.tcp_proxy.cluster", cluster);
  return CONTINUE;
}

export function proxy_on_downstream_data(context: u32, size: u32, end: u32): u32 {
  const about = " " + size.toString() + " end " + end.toString() + " ";
  log("data " + nameOf(context) + about + show(DOWNSTREAM_DATA, size));
  if (upstreams.has(context)) {
    onDialled(context, size);
    return STOP;
  }
  lastDownstream = context;
  if (keepsRequests) return STOP;
  const commands = read(DOWNSTREAM_DATA, size);
  setBuffer(context, 0, ALL, "");
  run(commands);
  return STOP;
}

/** The head of the HTTP request: tcp_proxy is connected. */
function onDialled(context: u32, size: u32): void {
  if (size != 0) setBuffer(context, 0, size, "");
  showProperty(nameOf(context), context, "upstream/address", "text");
  showProperty(nameOf(context), context, "response/flags", "number");
  if (greeting == "") return;
  const text = greeting;
  greeting = "";
  run("send:" + text);
}

export function proxy_on_upstream_data(context: u32, size: u32, end: u32): u32 {
  const about = " " + size.toString() + " end " + end.toString() + " ";
  log("write " + nameOf(context) + about + show(UPSTREAM_DATA, size));
  if (upstreams.has(context) && size != 0 && !keepsResponses) {
    proxy_set_effective_context(context);
    proxy_set_buffer_bytes(UPSTREAM_DATA, 0, size, 0, 0);
  }
  return CONTINUE;
}

export function proxy_on_downstream_connection_close(context: u32, type: u32): void {
  log("close " + nameOf(context) + " type " + type.toString());
  showProperty(nameOf(context), context, "response/flags", "number");
  if (!upstreams.has(context)) return;
  showProperty(nameOf(context), context, "upstream/address", "text");
}

export function proxy_on_upstream_connection_close(context: u32, type: u32): void {
  log("upstream close " + nameOf(context) + " type " + type.toString());
}

// Callouts

export function proxy_on_http_call_response(
  _root: u32,
  token: u32,
  headers: u32,
  bodySize: u32,
  trailers: u32,
): void {
  const key = bytesOf(":status");
  const found = proxy_get_header_map_value(6, pointer(key), key.byteLength, OUT, OUT + 4) == 0;
  const status = found ? result() : "none";
  const sizeStatus = proxy_get_header_map_size(6, OUT);
  const counts = " headers " + headers.toString() + " trailers " + trailers.toString();
  log("response token#" + token.toString() + counts + " status " + status);
  report("header map size", sizeStatus);
  log("  body " + read(4, bodySize));
}

export function proxy_on_grpc_receive_initial_metadata(_root: u32, token: u32, count: u32): void {
  log("grpc initial metadata token#" + token.toString() + " count " + count.toString());
}

export function proxy_on_grpc_receive_trailing_metadata(_root: u32, token: u32, count: u32): void {
  log("grpc trailing metadata token#" + token.toString() + " count " + count.toString());
}

export function proxy_on_grpc_receive(_root: u32, token: u32, size: u32): void {
  log("grpc message token#" + token.toString() + " " + show(5, size));
}

export function proxy_on_grpc_close(_root: u32, token: u32, code: u32): void {
  proxy_get_status(OUT + 8, OUT, OUT + 4);
  const status = load<u32>(OUT, 8).toString();
  log("grpc close token#" + token.toString() + " code " + code.toString() + " status " + status);
  report("grpc_close", proxy_grpc_close(token));
}
