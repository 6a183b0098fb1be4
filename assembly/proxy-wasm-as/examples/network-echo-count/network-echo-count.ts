// A network filter that counts the bytes of each connection and logs them once, when it closes.
// Every byte passes untouched: put it before any terminal filter, here before Envoy's echo.
// Allocates: one context per connection, collected every COLLECT_PERIOD_MS.

import { Action, LogLevel, MetricType, PeerType, Status } from "../../abi/enums";
import { registerPlugin } from "../../context/callbacks-lifecycle";
import { PluginContext } from "../../context/plugin-context";
import { StreamContext } from "../../context/stream-context";
import { log } from "../../host/log";
import { Metric } from "../../host/metrics";
import { setTickPeriod } from "../../host/timer";
import { collectGarbageAfterTick } from "../../memory/collect";

export {
  proxy_abi_version_0_2_1,
  proxy_on_configure,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_downstream_connection_close,
  proxy_on_downstream_data,
  proxy_on_memory_allocate,
  proxy_on_new_connection,
  proxy_on_tick,
  proxy_on_upstream_data,
  proxy_on_vm_start,
} from "../../exports";

const COLLECT_PERIOD_MS: u32 = 10000;

const connections = new Metric();
const activeConnections = new Metric();
const receivedBytes = new Metric();
const sentBytes = new Metric();

class EchoCountPlugin extends PluginContext {
  override onConfigure(size: u32): bool {
    return (
      connections.define(MetricType.Counter, "echo_count.downstream_cx_total") == Status.Ok &&
      activeConnections.define(MetricType.Gauge, "echo_count.downstream_cx_active") == Status.Ok &&
      receivedBytes.define(MetricType.Counter, "echo_count.downstream_rx_bytes_total") ==
        Status.Ok &&
      sentBytes.define(MetricType.Counter, "echo_count.downstream_tx_bytes_total") == Status.Ok &&
      setTickPeriod(COLLECT_PERIOD_MS) == Status.Ok
    );
  }

  override onTick(): void {
    collectGarbageAfterTick();
  }

  override createStreamContext(id: u32): StreamContext | null {
    return new EchoCountStream();
  }
}

class EchoCountStream extends StreamContext {
  private received: u64 = 0;
  private sent: u64 = 0;

  override onNewConnection(): Action {
    connections.increment(1);
    activeConnections.increment(1);
    return Action.Continue;
  }

  override onDownstreamData(size: u32, endOfStream: bool): Action {
    this.received += size;
    receivedBytes.increment(size);
    return Action.Continue;
  }

  override onUpstreamData(size: u32, endOfStream: bool): Action {
    this.sent += size;
    sentBytes.increment(size);
    return Action.Continue;
  }

  override onDownstreamClose(peer: PeerType): void {
    activeConnections.increment(-1);
    log(LogLevel.Info, `connection ${this.id}: ${this.received} bytes in, ${this.sent} bytes out`);
  }
}

registerPlugin((id: u32): PluginContext => new EchoCountPlugin());
