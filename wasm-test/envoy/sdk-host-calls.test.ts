// Host calls of the SDK that no example uses, in a real Envoy: a plugin tries them and counts what was
// right (see wasm-test/units/sdk-envoy-probe.ts); here are its peers and the list of what must be right.

import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type handleUnaryCall,
  type ServerDuplexStream,
} from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { buildWasm } from "../../scripts/build-wasm.mjs";
import { waitUntil } from "./support/deadline.js";
import { Envoy } from "./support/envoy.js";

const PROBE_FILE = await buildWasm("test/sdk-envoy-probe");

const PROBES = [
  "clock",
  "clock_monotonic",
  "clock_monotonic_own_start",
  "foreign_function",
  "foreign_function_not_found",
  "grpc_call",
  "grpc_call_failed",
  "grpc_call_sent",
  "grpc_initial_metadata",
  "grpc_status",
  "grpc_status_message",
  "grpc_stream_closed",
  "grpc_stream_message_1",
  "grpc_stream_message_2",
  "grpc_stream_message_3",
  "grpc_stream_opened",
  "grpc_unknown_cluster",
  "http_call_bad_argument",
  "http_call_body",
  "http_call_header",
  "http_call_pairs",
  "http_call_sent",
  "metric_counter_down",
  "metric_gauge",
  "metric_histogram",
  "property",
  "property_not_found",
  "property_path",
  "queue",
  "queue_empty",
  "queue_not_found",
  "queue_registered",
  "random",
  "random_too_much",
  "shared_data",
  "shared_data_cas",
  "shared_data_cas_mismatch",
  "shared_data_not_found",
  "shared_data_set",
];

let http: HttpServer;
let grpc: Server;
let httpPort = 0;
let grpcPort = 0;

beforeAll(async () => {
  http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.setHeader("x-probe", request.headers["x-a"] === "1" ? "yes" : "no");
      response.end(`pong ${Buffer.concat(chunks).toString()}`);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  httpPort = (http.address() as AddressInfo).port;
  grpc = echoServer();
  grpcPort = await new Promise<number>((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure();
    grpc.bindAsync("127.0.0.1:0", credentials, (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
});

afterAll(async () => {
  grpc.forceShutdown();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

/** probe.Echo with bytes as messages: Stream and Call send back what comes, Fail refuses. */
function echoServer(): Server {
  const server = new Server();
  const bytes = {
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
  };
  const unary = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    ...bytes,
  });
  const call: handleUnaryCall<Buffer, Buffer> = (request, reply) => {
    const isRight = request.metadata.get("x-meta")[0] === "probe";
    reply(isRight ? null : { code: status.INVALID_ARGUMENT }, request.request);
  };
  const fail: handleUnaryCall<Buffer, Buffer> = (_request, reply) => {
    reply({ code: status.PERMISSION_DENIED, details: "not you" });
  };
  server.addService(
    {
      Stream: { ...unary("/probe.Echo/Stream"), requestStream: true, responseStream: true },
      Call: unary("/probe.Echo/Call"),
      Fail: unary("/probe.Echo/Fail"),
    },
    {
      Stream: (stream: ServerDuplexStream<Buffer, Buffer>) => {
        const metadata = new Metadata();
        metadata.set("x-server", "echo");
        stream.sendMetadata(metadata);
        stream.on("data", (message: Buffer) => stream.write(message));
        stream.on("end", () => {
          stream.end();
        });
      },
      Call: call,
      Fail: fail,
    },
  );
  return server;
}

function cluster(name: string, port: number, isHttp2: boolean): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  const http2 = {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
  return {
    name,
    type: "STATIC",
    connect_timeout: "5s",
    ...(isHttp2 ? http2 : {}),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
  };
}

function bootstrap(): object {
  const extensions = "type.googleapis.com/envoy.extensions.filters.network";
  return {
    node: { id: "probe-node", cluster: "probe-cluster" },
    static_resources: {
      clusters: [cluster("http", httpPort, false), cluster("xa", grpcPort, true)],
      listeners: [
        {
          name: "probe",
          address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
          filter_chains: [
            {
              filters: [
                {
                  name: "envoy.filters.network.wasm",
                  typed_config: {
                    "@type": `${extensions}.wasm.v3.Wasm`,
                    config: {
                      name: "sdk_probe",
                      root_id: "sdk_probe",
                      vm_config: {
                        vm_id: "sdk_probe",
                        runtime: "envoy.wasm.runtime.v8",
                        code: { local: { filename: PROBE_FILE } },
                      },
                    },
                  },
                },
                {
                  name: "envoy.filters.network.echo",
                  typed_config: { "@type": `${extensions}.echo.v3.Echo` },
                },
              ],
            },
          ],
        },
      ],
    },
  };
}

describe.each(["1.36.2", undefined])("the SDK's host calls in Envoy %s", (version) => {
  test("all do what they say, on a worker and on the main thread", async () => {
    const envoy = await Envoy.start({
      bootstrap: bootstrap(),
      ...(version === undefined ? {} : { version }),
    });
    try {
      const counts = async () => {
        const stats = await envoy.stats("^wasmcustom\\.sdk_probe\\.");
        return PROBES.map((name) => [name, stats.get(`wasmcustom.sdk_probe.${name}`) ?? 0]);
      };
      // One VM of the main thread and one of the only worker.
      const expected = PROBES.map((name) => [name, 2]);
      const isComplete = (found: unknown) => JSON.stringify(found) === JSON.stringify(expected);
      await waitUntil("all probes", async () => isComplete(await counts()), {
        timeoutMs: 10_000,
      }).catch(() => undefined);
      expect(await counts()).toEqual(expected);
    } finally {
      await envoy.stop();
    }
  });
});
