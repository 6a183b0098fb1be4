// AssemblyScript entry for a real Envoy: at its first tick the plugin uses the host calls that no example
// uses, and counts in `sdk_probe.<name>` each one that did what the SDK's documentation says.
// Clusters: "http", which answers "pong <body>" with a header x-probe: yes; "xa", a gRPC server that
// sends each message back. The name "xa" is a valid protobuf message, on purpose.

import { BufferType, MapType, MetricType, Status } from "../../assembly/proxy-wasm-as/abi/enums";
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { getBuffer } from "../../assembly/proxy-wasm-as/host/buffers";
import { monotonicNanoseconds, nowNanoseconds } from "../../assembly/proxy-wasm-as/host/clock";
import {
  callForeignFunction,
  ForeignName,
} from "../../assembly/proxy-wasm-as/host/foreign-function";
import * as grpc from "../../assembly/proxy-wasm-as/host/grpc";
import { HeaderPairsReader } from "../../assembly/proxy-wasm-as/host/header-pairs";
import { getHeaderText, readHeaderPairs } from "../../assembly/proxy-wasm-as/host/headers";
import { HttpCallRequest, httpCallToken } from "../../assembly/proxy-wasm-as/host/http-call";
import { callStatusCode, getCallStatus } from "../../assembly/proxy-wasm-as/host/http-response";
import { Metric, metricValue } from "../../assembly/proxy-wasm-as/host/metrics";
import * as properties from "../../assembly/proxy-wasm-as/host/properties";
import { fillRandom, randomU64 } from "../../assembly/proxy-wasm-as/host/random";
import * as data from "../../assembly/proxy-wasm-as/host/shared-data";
import * as queue from "../../assembly/proxy-wasm-as/host/shared-queue";
import { setTickPeriod } from "../../assembly/proxy-wasm-as/host/timer";
import { bytesLen } from "../../assembly/proxy-wasm-as/memory/host-bytes";
import { bytesToString } from "../../assembly/proxy-wasm-as/host/text";
import { StaticBytes } from "../../assembly/proxy-wasm-as/memory/static-bytes";

export * from "../../assembly/proxy-wasm-as/exports";

const SECOND_NS: u64 = 1000000000;
const SCRATCH: usize = memory.data(64, 8);
const PING = new StaticBytes("ping");
const METADATA = ["x-meta", "probe"];
const reader = new HeaderPairsReader();

function passed(name: string): void {
  const metric = new Metric();
  if (metric.define(MetricType.Counter, "sdk_probe." + name) == Status.Ok) metric.increment(1);
}

function check(name: string, isRight: bool): void {
  if (isRight) passed(name);
}

function isText(expected: string): bool {
  return bytesToString() == expected;
}

class ProbePlugin extends PluginContext {
  private isStarted: bool = false;
  private queueToken: u32 = 0;
  private httpToken: u32 = 0;
  private streamToken: u32 = 0;
  private callToken: u32 = 0;
  private failingToken: u32 = 0;
  private streamMessages: u32 = 0;

  override onConfigure(size: u32): bool {
    return setTickPeriod(20) == Status.Ok;
  }

  override onTick(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    probeClocks();
    probeRandom();
    probeSharedData();
    probeProperties();
    probeForeignFunctions();
    probeMetrics();
    this.startQueue();
    this.startHttpCall();
    this.startGrpc();
  }

  private startQueue(): void {
    this.queueToken = queue.registerSharedQueue("probe." + randomU64().toString());
    check("queue_registered", this.queueToken != 0 && queue.sharedQueueStatus == Status.Ok);
    check("queue_empty", queue.dequeueSharedQueue(this.queueToken) == Status.Empty);
    queue.enqueueSharedQueue(this.queueToken, PING.ptr, PING.len);
    const absent = queue.resolveSharedQueue("", "nobody has registered this");
    check("queue_not_found", absent == 0 && queue.sharedQueueStatus == Status.NotFound);
  }

  override onQueueReady(token: u32): void {
    const status = queue.dequeueSharedQueue(token);
    check("queue", token == this.queueToken && status == Status.Ok && isText("ping"));
  }

  private startHttpCall(): void {
    const request = [":method", "POST", ":path", "/probe", ":authority", "probe", "x-a", "1"];
    const status = new HttpCallRequest("http", request, "body").send(5000);
    this.httpToken = httpCallToken;
    check("http_call_sent", status == Status.Ok && httpCallToken != 0);
    const nowhere = new HttpCallRequest("no such cluster", request).send(5000);
    check("http_call_bad_argument", nowhere == Status.BadArgument && httpCallToken == 0);
  }

  override onHttpCallResponse(token: u32, headers: u32, bodySize: u32, trailers: u32): void {
    if (token != this.httpToken) return;
    check("http_call_header", getHeaderText(MapType.HttpCallResponseHeaders, "x-probe") == "yes");
    const status = readHeaderPairs(MapType.HttpCallResponseHeaders, reader);
    check("http_call_pairs", status == Status.Ok && reader.remaining == headers && headers > 0);
    getBuffer(BufferType.HttpCallResponseBody, 0, bodySize);
    check("http_call_body", isText("pong body"));
  }

  private startGrpc(): void {
    const status = grpc.grpcStream("xa", "probe.Echo", "Stream");
    this.streamToken = grpc.grpcToken;
    check("grpc_stream_opened", status == Status.Ok && grpc.grpcToken != 0);
    grpc.grpcSend(this.streamToken, PING.ptr, PING.len, false);
    const call = new grpc.GrpcMethod("xa", "probe.Echo", "Call", METADATA);
    check("grpc_call_sent", grpc.grpcCall(call, PING.ptr, PING.len, 5000) == Status.Ok);
    this.callToken = grpc.grpcToken;
    const failing = new grpc.GrpcMethod("xa", "probe.Echo", "Fail", METADATA);
    grpc.grpcCall(failing, PING.ptr, PING.len, 5000);
    this.failingToken = grpc.grpcToken;
    const nowhere = grpc.grpcStream("no such cluster", "probe.Echo", "Stream");
    check("grpc_unknown_cluster", nowhere != Status.Ok && grpc.grpcToken == 0);
  }

  override onGrpcReceiveInitialMetadata(token: u32, count: u32): void {
    if (token != this.streamToken) return;
    const value = getHeaderText(MapType.GrpcCallInitialMetadata, "x-server");
    check("grpc_initial_metadata", value == "echo");
  }

  override onGrpcReceive(token: u32, size: u32): void {
    const status = getBuffer(BufferType.GrpcCallMessage, 0, size);
    const isPing = status == Status.Ok && isText("ping");
    if (token == this.callToken) check("grpc_call", isPing);
    if (token != this.streamToken) return;
    this.streamMessages++;
    check(`grpc_stream_message_${this.streamMessages}`, isPing);
    const isLast = this.streamMessages == 2;
    grpc.grpcSend(this.streamToken, PING.ptr, PING.len, isLast);
  }

  override onGrpcClose(token: u32, status: u32): void {
    if (token == this.streamToken) check("grpc_stream_closed", status == 0);
    if (token != this.failingToken) return;
    check("grpc_call_failed", status == 7);
    const read = getCallStatus();
    check("grpc_status", read == Status.Ok && callStatusCode == 7);
    // As grpc-message came on the wire, percent-encoded, and with its origin in braces behind it.
    check("grpc_status_message", bytesToString().startsWith("not%20you{"));
  }
}

function probeClocks(): void {
  const now = nowNanoseconds();
  check("clock", now > 1700000000 * SECOND_NS);
  const first = monotonicNanoseconds();
  const second = monotonicNanoseconds();
  check("clock_monotonic", first > 0 && second >= first && second - first < SECOND_NS);
  // The two clocks count from different starts; the same value would be the same clock.
  check("clock_monotonic_own_start", first < now - SECOND_NS || first > now + SECOND_NS);
}

function probeRandom(): void {
  check("random", fillRandom(SCRATCH, 64) == Status.Ok && randomU64() != randomU64());
  check("random_too_much", fillRandom(SCRATCH, 65537) == Status.BadArgument);
}

function probeSharedData(): void {
  const key = new StaticBytes("key." + randomU64().toString());
  check("shared_data_not_found", data.getSharedData(key) == Status.NotFound);
  check("shared_data_set", data.setSharedData(key, PING.ptr, PING.len, 0) == Status.Ok);
  check("shared_data", data.getSharedData(key) == Status.Ok && isText("ping"));
  const cas = data.sharedDataCas;
  check("shared_data_cas", data.setSharedData(key, PING.ptr, 2, cas) == Status.Ok);
  const stale = data.setSharedData(key, PING.ptr, 1, cas);
  check("shared_data_cas_mismatch", stale == Status.CasMismatch);
}

function probeProperties(): void {
  const name = new properties.PropertyPath(["plugin_name"]);
  check("property", properties.getPropertyString(name) == "sdk_probe");
  const node = new properties.PropertyPath(["xds", "node", "id"]);
  check("property_path", properties.getPropertyString(node) == "probe-node");
  const absent = new properties.PropertyPath(["no", "such", "property"]);
  check("property_not_found", properties.getProperty(absent) == Status.NotFound && bytesLen == 0);
}

function probeForeignFunctions(): void {
  const text = new StaticBytes("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  const compress = new ForeignName("compress");
  const status = callForeignFunction(compress, text.ptr, text.len);
  check("foreign_function", status == Status.Ok && bytesLen > 0 && bytesLen < text.len);
  const nothing = new ForeignName("no such function");
  const unknown = callForeignFunction(nothing, text.ptr, text.len);
  check("foreign_function_not_found", unknown == Status.NotFound && bytesLen == 0);
}

function probeMetrics(): void {
  const gauge = new Metric();
  gauge.define(MetricType.Gauge, "sdk_probe_gauge." + randomU64().toString());
  const isSet = gauge.record(5) == Status.Ok && gauge.increment(-2) == Status.Ok;
  check("metric_gauge", isSet && gauge.get() == Status.Ok && metricValue == 3);
  const histogram = new Metric();
  histogram.define(MetricType.Histogram, "sdk_probe_histogram");
  check("metric_histogram", histogram.record(7) == Status.Ok);
  const counter = new Metric();
  counter.define(MetricType.Counter, "sdk_probe_counter");
  check("metric_counter_down", counter.increment(-1) == Status.BadArgument);
}

registerPlugin((id: u32): PluginContext => new ProbePlugin());
