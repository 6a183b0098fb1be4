// What is done to the probe (testdata/probe) in the test host and in a real Envoy alike.

import type { Transcript } from "./transcript.js";

export type Step =
  | { readonly send: string }
  | { readonly sendZeros: number }
  | { readonly end: true }
  | { readonly reset: true }
  | { readonly waitMs: number };

export interface Scenario {
  readonly title: string;
  readonly steps: readonly Step[];
}

const send = (text: string): Step => ({ send: text });

/** Dials a server and sends it `greeting` when connected. */
const dialled = (greeting: string): Step => send(`dial:ok;greeting:${greeting}`);

export const SCENARIOS: readonly Scenario[] = [
  { title: "dial, request, response", steps: [dialled("ping")] },
  { title: "reply to the client", steps: [send("replace:reply;continue")] },
  {
    title: "reply twice, in two VM calls",
    steps: [send("append:one;continue;post;append:two;continue")],
  },
  { title: "post", steps: [send("log:before;post;log:posted")] },
  { title: "server ends", steps: [dialled("END")] },
  { title: "server resets", steps: [dialled("RESET")] },
  {
    title: "server bytes are left in the write buffer",
    steps: [send("keep-responses;dial:ok;greeting:hello")],
  },
  { title: "dial of an unknown cluster", steps: [send("dial:unknown;log:after")] },
  { title: "dial without a cluster", steps: [send("dial;log:after")] },
  { title: "dial of a cluster without endpoints", steps: [send("dial:empty;log:after")] },
  { title: "dial that is refused", steps: [send("dial:refused;log:after")] },
  {
    title: "dial beyond the circuit breaker",
    steps: [send("dial:one;greeting:QUIET"), send("dial:one;log:after")],
  },
  { title: "two dials in one VM call", steps: [send("dial:ok;dial:ok;log:after")] },
  {
    title: "a failing dial in a posted call",
    steps: [send("post;dial:empty;log:after")],
  },
  { title: "dial behind a continue", steps: [send("append:reply;continue;dial:ok;log:after")] },
  { title: "dial that times out", steps: [send("dial-short:ok;greeting:QUIET"), { waitMs: 300 }] },
  { title: "close of a connection that is being dialled", steps: [send("dial:ok;close-dialled")] },
  { title: "close of a dialled connection", steps: [dialled("QUIET"), send("close-dialled")] },
  {
    title: "send and close in one VM call",
    steps: [dialled("QUIET"), send("send:QUIET last;close-dialled")],
  },
  {
    title: "close twice, second time of a context that is gone",
    steps: [dialled("QUIET"), send("close-dialled"), send("close-dialled")],
  },
  {
    title: "two sends in one VM call",
    steps: [dialled("QUIET"), send("post;send:QUIET 1;send:QUIET 2")],
  },
  { title: "reply and close in one VM call", steps: [send("replace:reply;continue;close")] },
  { title: "reply, close in a posted call", steps: [send("replace:reply;continue;post;close")] },
  { title: "close", steps: [send("close")] },
  { title: "close of the upstream type", steps: [send("close-upstream-type")] },
  { title: "close, then reply in one VM call", steps: [send("close;replace:late;continue")] },
  { title: "client ends", steps: [{ end: true }] },
  { title: "client resets", steps: [{ reset: true }] },
  { title: "client ends while a server is connected", steps: [dialled("QUIET"), { end: true }] },
  {
    title: "requests left in the read buffer",
    steps: [send("keep-requests"), send("ab"), send("cd")],
  },
  {
    title: "where set_buffer_bytes may write",
    steps: [send("replace:abc;overwrite:x;prepend:>;append:<;continue")],
  },
  {
    title: "properties of a connection",
    steps: [
      send("text:destination/address;text:xds/listener_metadata/filter_metadata/probe/route"),
      send(
        "size:xds/listener_metadata/filter_metadata/probe/count;text:listener_metadata/filter_metadata",
      ),
      send(
        "text:plugin_name;text:xds/node/id;text:node/id;number:xds/listener_direction;text:xds/filter_chain_name",
      ),
      send(
        "size:connection/mtls;size:connection_id;size:connection/id;text:connection/requested_server_name",
      ),
      send(
        "text:xds/listener_name;text:upstream/address;number:response/flags;text:nothing;text:source/nothing",
      ),
    ],
  },
  {
    title: "properties of a root context",
    steps: [send("root-text:xds/node/id;root-text:plugin_name;root-text:source/address")],
  },
  { title: "tick", steps: [send("tick"), { waitMs: 200 }] },
  { title: "http_call to an unknown cluster", steps: [send("http:unknown;log:after")] },
  { title: "http_call to a cluster without endpoints", steps: [send("http:http-empty;log:after")] },
  { title: "http_call that is refused", steps: [send("http:http-refused;log:after")] },
  { title: "gRPC stream to an unknown cluster", steps: [send("grpc:unknown;log:after")] },
  { title: "gRPC stream that is refused", steps: [send("grpc:grpc-refused;log:after")] },
  {
    title: "gRPC stream to a cluster without endpoints",
    steps: [send("grpc:grpc-empty;log:after")],
  },
  {
    title: "gRPC stream that is cancelled",
    steps: [send("grpc:grpc-refused;grpc-cancel;grpc-close;grpc-send:x")],
  },
];

/**
 * Not in the transcripts, because how many reads it takes depends on the kernel: after it the module has
 * seen more than one buffer limit, and nothing more comes.
 */
export const OVERFULL_READ_BUFFER: Scenario = {
  title: "more requests left than the read buffer takes",
  steps: [send("keep-requests"), { sendZeros: 3 * 1024 * 1024 }],
};

/** The most bytes that a `data` line of the scenario's transcript tells of. */
export function mostBytesSeen({ module }: Transcript): number {
  return Math.max(...module.map((line) => Number(/^data \S+ (\d+)/.exec(line)?.[1] ?? 0)));
}

/** What the scenarios' servers do with bytes they read. */
export function serverAction(text: string): "echo" | "end" | "reset" | "nothing" {
  if (text.includes("END")) return "end";
  if (text.includes("RESET")) return "reset";
  return text.includes("QUIET") ? "nothing" : "echo";
}
