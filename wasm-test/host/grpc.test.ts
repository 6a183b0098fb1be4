import { beforeEach, describe, expect, test } from "vitest";

import { GrpcServer, type GrpcServerStream } from "./grpc-server.js";
import { ProbeHost } from "./testing/probe-host.js";

let server: GrpcServer;
let probe: ProbeHost;

beforeEach(() => {
  server = new GrpcServer();
  probe = ProbeHost.start({ clusters: { xds: { grpc: server } } });
});

/** The stream that the probe has opened last. */
function lastStream(): GrpcServerStream {
  const stream = server.streams[server.streams.length - 1];
  if (stream === undefined) throw new Error("no stream");
  return stream;
}

function settle(): string[] {
  probe.host.runUntilIdle();
  return probe.takeLog();
}

const textsOf = (messages: readonly Uint8Array[]) =>
  messages.map((message) => Buffer.from(message).toString());

test("a stream carries messages both ways, each in an event of its own", () => {
  const client = probe.connect();
  expect(probe.run("grpc:xds;grpc-send:one;grpc-send:two", client)).toEqual([
    "  grpc_stream -> 0 token#6",
    "  grpc_send -> 0",
    "  grpc_send -> 0",
  ]);
  const stream = lastStream();
  expect(stream.target).toMatchObject({ cluster: "xds", service: "service", method: "service" });
  expect(textsOf(stream.takeMessages())).toEqual(["one", "two"]);
  stream.send(Buffer.from("three"));
  stream.send(Buffer.from("four"));
  expect(settle()).toEqual([
    "grpc initial metadata token#6 count 2",
    "grpc message token#6 three",
    "grpc message token#6 four",
  ]);
  probe.run("grpc-send:five", client);
  expect(textsOf(stream.messages)).toEqual(["five"]);
});

test("a server ends a stream with a status", () => {
  probe.run("grpc:xds");
  lastStream().close(8, "too much");
  expect(settle()).toEqual([
    "grpc initial metadata token#6 count 2",
    "grpc trailing metadata token#6 count 1",
    "grpc close token#6 code 8 status 8",
    "  grpc_close -> 0",
  ]);
});

test("the module ends its side, and the server still can send", () => {
  const client = probe.connect();
  probe.run("grpc:xds;grpc-close", client);
  expect(lastStream().halfClosed).toBe(true);
  lastStream().send(Buffer.from("late"));
  expect(settle()).toContain("grpc message token#6 late");
});

test("nothing comes of a stream that the module has cancelled", () => {
  const client = probe.connect();
  probe.run("grpc:xds", client);
  const stream = lastStream();
  stream.send(Buffer.from("on its way"));
  expect(probe.run("grpc-cancel;grpc-send:x", client).slice(-2)).toEqual([
    "  grpc_cancel -> 0",
    "  grpc_send -> 1",
  ]);
  expect(stream.cancelled).toBe(true);
  stream.send(Buffer.from("too late"));
  expect(settle()).toEqual([]);
});

describe("a server that", () => {
  test("is killed ends its streams and refuses new ones, until it is up again", () => {
    const client = probe.connect();
    probe.run("grpc:xds", client);
    server.kill();
    expect(settle()).toContain("grpc close token#6 code 14 status 14");
    expect(probe.run("grpc:xds", client)).toContain("grpc close token#10 code 14 status 14");
    server.reachability = "up";
    expect(probe.run("grpc:xds", client)).toEqual(["  grpc_stream -> 0 token#14"]);
    expect(server.openStreams).toHaveLength(1);
  });

  test("answers at once is heard after the host call has returned", () => {
    const answering = new GrpcServer({
      onMessage: (stream, message) => {
        stream.send(message);
      },
    });
    probe.host.upstreams.set("xds", { grpc: answering });
    expect(probe.run("grpc:xds;grpc-send:ping;log:returned")).toEqual([
      "  grpc_stream -> 0 token#6",
      "  grpc_send -> 0",
      "-- returned",
      "grpc initial metadata token#6 count 2",
      "grpc message token#6 ping",
    ]);
  });
});
