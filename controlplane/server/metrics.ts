// What the control plane counts, in the format of Prometheus.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { RESOURCE_TYPES } from "../xds/resource-type.js";

type Labels = "type" | "kind" | "role" | "result" | "version";

/** Gauges of the process whose names end as those of counters do; the sum of the one without `_total` says the same. */
const MISNAMED = ["nodejs_active_handles", "nodejs_active_requests", "nodejs_active_resources"];

export class Metrics {
  readonly registry = new Registry();
  readonly connectedProxies = this.gauge("connected_proxies", "Proxies with at least one stream");
  readonly streams = this.gauge("xds_streams", "Open ADS streams", ["role"]);
  readonly responses = this.counter("xds_responses_total", "Responses sent", ["type"]);
  readonly resourcesSent = this.counter("xds_resources_sent_total", "Resources sent", ["type"]);
  readonly accepted = this.counter("xds_accepted_total", "Responses accepted (ACK)", ["type"]);
  readonly refused = this.counter("xds_refused_total", "Responses refused (NACK)", ["type"]);
  readonly refusing = this.gauge(
    "xds_refusing_streams",
    "Streams that refuse the newest version of something",
    ["type"],
  );
  readonly badRequests = this.counter("xds_bad_requests_total", "Streams ended for a bad request");
  readonly resources = this.gauge("resources", "Resources read, by kind", ["kind"]);
  readonly faults = this.gauge("faults", "Faults in resources and modules at this moment");
  readonly warnings = this.gauge("warnings", "Warnings about resources at this moment");
  readonly notInEffect = this.gauge(
    "resources_not_in_effect",
    "Resources and files with a fault of which no version was good since the start",
  );
  readonly snapshotResources = this.gauge("snapshot_resources", "Resources for proxies", ["type"]);
  readonly reloads = this.counter("reloads_total", "Configurations processed", ["result"]);
  readonly reloadDuration = new Histogram({
    name: "metaproto_reload_duration_seconds",
    help: "Time from a read configuration to responses written",
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [this.registry],
  });
  readonly lastReload = this.gauge(
    "last_reload_timestamp_seconds",
    "When the last configuration was processed without an error, since the Unix epoch",
  );

  /** @param version of this package. */
  constructor(version: string) {
    collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED) this.registry.removeSingleMetric(`${name}_total`);
    this.gauge("build_info", "Always 1; the version is in the label", ["version"]).set(
      { version },
      1,
    );
    for (const { name } of RESOURCE_TYPES) {
      for (const counter of [this.responses, this.resourcesSent, this.accepted, this.refused]) {
        counter.inc({ type: name }, 0);
      }
    }
    for (const role of ["proxy", "module"]) this.streams.set({ role }, 0);
    for (const result of ["ok", "error"]) this.reloads.inc({ result }, 0);
  }

  private gauge(name: string, help: string, labelNames: Labels[] = []): Gauge<Labels> {
    return new Gauge({ name: `metaproto_${name}`, help, labelNames, registers: [this.registry] });
  }

  private counter(name: string, help: string, labelNames: Labels[] = []): Counter<Labels> {
    return new Counter({ name: `metaproto_${name}`, help, labelNames, registers: [this.registry] });
  }
}
