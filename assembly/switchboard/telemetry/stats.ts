// Counters of one worker, kept in memory and handed to the host once a second: a host call for each
// event would cost more than the event.
//
// They appear as `wasmcustom.metaproto.<protocol>.<name>`.
// Allocates: at `define` only.
import { MetricType } from "../../proxy-wasm-as/abi/enums";
import { Metric } from "../../proxy-wasm-as/host/metrics";

export class Stats {
  downstreamCxTotal: u64 = 0;
  downstreamCxActive: u64 = 0;
  downstreamRqTotal: u64 = 0;
  downstreamRqOneway: u64 = 0;
  downstreamRqActive: u64 = 0;
  /** Bytes that are not the protocol's, or frames beyond the limit. */
  downstreamDecodeError: u64 = 0;
  /** Frames that took too long. */
  downstreamFrameTimeout: u64 = 0;
  // Requests beyond a bound: of their connection, of all of the worker, and of those without routes.
  downstreamRqOverflow: u64 = 0;
  downstreamRqTableOverflow: u64 = 0;
  downstreamRqAwaitingOverflow: u64 = 0;
  /** Times that a connection was not read any further before one of its requests had been answered. */
  downstreamCxPaused: u64 = 0;
  heartbeatTotal: u64 = 0;
  /** Frames of clients that belong to no open stream. */
  downstreamStreamUnmatched: u64 = 0;
  /** Frames of clients that are no requests, where no server is theirs alone. */
  downstreamPushDropped: u64 = 0;
  upstreamCxTotal: u64 = 0;
  upstreamCxActive: u64 = 0;
  upstreamCxConnectFail: u64 = 0;
  upstreamCxConnectTimeout: u64 = 0;
  upstreamCxIdleTimeout: u64 = 0;
  upstreamCxProbeTimeout: u64 = 0;
  /** Times that a shared connection had as many requests as it may have. */
  upstreamCxFull: u64 = 0;
  /** Connections with too many requests that were given up. */
  upstreamCxAbandoned: u64 = 0;
  /** Requests that wait although no further connection may be opened. */
  upstreamCxOverflow: u64 = 0;
  // Requests beyond a bound of their cluster.
  upstreamRqOverflow: u64 = 0;
  upstreamRqPendingOverflow: u64 = 0;
  upstreamRqCompleted: u64 = 0;
  /** Responses after the client had given up or been answered. */
  upstreamRqLate: u64 = 0;
  /** Requests that were sent again, and what became of that. */
  upstreamRqRetry: u64 = 0;
  upstreamRqRetrySuccess: u64 = 0;
  upstreamRqRetryLimitExceeded: u64 = 0;
  /** Requests that were not sent again, because too many others are. */
  upstreamRqRetryOverflow: u64 = 0;
  upstreamRqPerTryTimeout: u64 = 0;
  /** Copies of requests for mirrors. */
  mirrorRqTotal: u64 = 0;
  mirrorRqFailed: u64 = 0;
  mirrorRqOverflow: u64 = 0;
  outlierEjected: u64 = 0;
  /** Endpoints that were not ejected, because enough others are. */
  outlierOverflow: u64 = 0;
  /** Responses to no request. */
  upstreamRqUnmatched: u64 = 0;
  /** What servers have sent of their own accord, and was passed on. */
  upstreamPush: u64 = 0;
  upstreamDecodeError: u64 = 0;
  upstreamFrameTimeout: u64 = 0;
  /** Times that there was no memory for what has to wait. */
  bufferOverflow: u64 = 0;
  /** Mutations that the frame could not carry. */
  mutationSkipped: u64 = 0;
  routeTableUpdate: u64 = 0;
  routeTableRejected: u64 = 0;
  // Local replies by response flag.
  localReplyNr: u64 = 0;
  localReplyNc: u64 = 0;
  localReplyUh: u64 = 0;
  localReplyUf: u64 = 0;
  localReplyUc: u64 = 0;
  localReplyUo: u64 = 0;
  localReplyUt: u64 = 0;
  localReplyDpe: u64 = 0;
  localReplyUpe: u64 = 0;
  localReplyRl: u64 = 0;
  localReplyUaex: u64 = 0;
  localReplyFi: u64 = 0;
  // Taken when they are handed over.
  memoryBytes: u64 = 0;
  bufferedBytes: u64 = 0;
  timersActive: u64 = 0;
}

const GAUGES: string[] = [
  "downstream_cx_active",
  "downstream_rq_active",
  "upstream_cx_active",
  "memory_bytes",
  "buffered_bytes",
  "timers_active",
];

/** In the order of the fields of Stats. */
const NAMES: string[] = [
  "downstream_cx_total",
  "downstream_cx_active",
  "downstream_rq_total",
  "downstream_rq_oneway",
  "downstream_rq_active",
  "downstream_decode_error",
  "downstream_frame_timeout",
  "downstream_rq_overflow",
  "downstream_rq_table_overflow",
  "downstream_rq_awaiting_overflow",
  "downstream_cx_paused",
  "heartbeat_total",
  "downstream_stream_unmatched",
  "downstream_push_dropped",
  "upstream_cx_total",
  "upstream_cx_active",
  "upstream_cx_connect_fail",
  "upstream_cx_connect_timeout",
  "upstream_cx_idle_timeout",
  "upstream_cx_probe_timeout",
  "upstream_cx_full",
  "upstream_cx_abandoned",
  "upstream_cx_overflow",
  "upstream_rq_overflow",
  "upstream_rq_pending_overflow",
  "upstream_rq_completed",
  "upstream_rq_late",
  "upstream_rq_retry",
  "upstream_rq_retry_success",
  "upstream_rq_retry_limit_exceeded",
  "upstream_rq_retry_overflow",
  "upstream_rq_per_try_timeout",
  "mirror_rq_total",
  "mirror_rq_failed",
  "mirror_rq_overflow",
  "outlier_ejected",
  "outlier_ejection_overflow",
  "upstream_rq_unmatched",
  "upstream_push",
  "upstream_decode_error",
  "upstream_frame_timeout",
  "buffer_overflow",
  "mutation_skipped",
  "route_table_update",
  "route_table_rejected",
  "local_reply_nr",
  "local_reply_nc",
  "local_reply_uh",
  "local_reply_uf",
  "local_reply_uc",
  "local_reply_uo",
  "local_reply_ut",
  "local_reply_dpe",
  "local_reply_upe",
  "local_reply_rl",
  "local_reply_uaex",
  "local_reply_fi",
  "memory_bytes",
  "buffered_bytes",
  "timers_active",
];

export const stats = new Stats();

const metrics: Metric[] = [];
const flushed: StaticArray<u64> = new StaticArray<u64>(NAMES.length);

export function defineStats(protocol: string): void {
  if (metrics.length > 0) return;
  for (let i = 0; i < NAMES.length; i++) {
    const metric = new Metric();
    const type = GAUGES.includes(NAMES[i]) ? MetricType.Gauge : MetricType.Counter;
    metric.define(type, "metaproto." + protocol + "." + NAMES[i]);
    metrics.push(metric);
  }
}

/** Hands what has changed to the host. Workers share a metric: differences, not values, are sent. */
export function flushStats(): void {
  const base = changetype<usize>(stats);
  for (let i = 0; i < metrics.length; i++) {
    const value = load<u64>(base + ((<usize>i) << 3));
    const change = value - unchecked(flushed[i]);
    if (change == 0) continue;
    unchecked((flushed[i] = value));
    unchecked(metrics[i]).increment(<i64>change);
  }
}
