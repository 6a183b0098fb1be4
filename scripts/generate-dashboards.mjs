// Writes the dashboards of Grafana into the Helm chart. With --check nothing is written: a difference is an error.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = "charts/metaproto/dashboards";
/** Of Grafana 11 and later, which read older ones too. */
const SCHEMA_VERSION = 41;
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
/** Of the grid, whose width is 24. */
const PANEL = { w: 8, h: 8 };

const BY_ROUTE =
  'protocol=~"$protocol",route_configuration=~"$service",route=~"$route",method=~"$method|"';
const OF_PROTOCOL = 'protocol=~"$protocol"';
const OF_RELEASE = 'namespace=~"$namespace"';

const rate = (name, labels) => `rate(${name}{${labels}}[$__rate_interval])`;
const sumBy = (by, name, labels) => `sum by (${by}) (${rate(name, labels)})`;
const quantile = (q, name, by, labels) =>
  `histogram_quantile(${q}, sum by (${[...by, "le"].join(", ")}) (${rate(`${name}_bucket`, labels)}))`;

/** A panel: title, unit, and queries as [expression, legend]. */
const panel = (title, unit, ...queries) => ({ title, unit, queries });

const requests = (by) => [
  panel("Requests", "reqps", [sumBy(by, "metaproto_requests_total", BY_ROUTE), `{{${by}}}`]),
  panel("Errors", "percentunit", [
    `${sumBy(by, "metaproto_responses_total", `${BY_ROUTE},status="error"`)} / ${sumBy(by, "metaproto_responses_total", BY_ROUTE)}`,
    `{{${by}}}`,
  ]),
  panel("99th percentile", "ms", [
    quantile(0.99, "metaproto_request_duration_milliseconds", [by], BY_ROUTE),
    `{{${by}}}`,
  ]),
];

const module = (name) => sumBy("protocol", `metaproto_${name}`, OF_PROTOCOL);

const DATA_PLANE = {
  uid: "metaproto-proxies",
  title: "metaproto / requests",
  description: "Requests through the modules in proxies, by protocol, service, route and method.",
  variables: [
    ["protocol", "Protocol", "label_values(metaproto_downstream_rq_total, protocol)"],
    [
      "service",
      "Service",
      'label_values(metaproto_requests_total{protocol=~"$protocol"}, route_configuration)',
    ],
    [
      "route",
      "Route",
      'label_values(metaproto_requests_total{route_configuration=~"$service"}, route)',
    ],
    [
      "method",
      "Method",
      'label_values(metaproto_requests_total{route_configuration=~"$service"}, method)',
    ],
  ],
  rows: [
    ["By protocol", requests("protocol")],
    ["By service", requests("route_configuration")],
    ["By route", requests("route")],
    ["By method", requests("method")],
    [
      "Latency and size",
      [
        panel(
          "Quantiles",
          "ms",
          ...[0.5, 0.9, 0.99].map((q) => [
            quantile(q, "metaproto_request_duration_milliseconds", [], BY_ROUTE),
            `p${q * 100}`,
          ]),
        ),
        panel(
          "Bytes",
          "Bps",
          [`sum(${rate("metaproto_request_bytes_total", BY_ROUTE)})`, "requests"],
          [`sum(${rate("metaproto_response_bytes_total", BY_ROUTE)})`, "responses"],
        ),
        panel("Under way", "short", [
          `sum by (route_configuration) (metaproto_requests_active{${BY_ROUTE}})`,
          "{{route_configuration}}",
        ]),
      ],
    ],
    [
      "Failures",
      [
        panel("Why requests fail", "reqps", [
          sumBy("response_flag", "metaproto_responses_total", `${BY_ROUTE},status="error"`),
          "{{response_flag}}",
        ]),
        panel("Local replies", "reqps", [
          sumBy("protocol, response_flag", "metaproto_local_reply", OF_PROTOCOL),
          "{{protocol}} {{response_flag}}",
        ]),
        panel(
          "Malformed",
          "cps",
          [module("downstream_decode_error"), "{{protocol}} clients"],
          [module("upstream_decode_error"), "{{protocol}} servers"],
        ),
      ],
    ],
    [
      "Retries and outliers",
      [
        panel(
          "Retries",
          "reqps",
          [module("upstream_rq_retry"), "{{protocol}} sent again"],
          [module("upstream_rq_retry_success"), "{{protocol}} with success"],
          [module("upstream_rq_retry_limit_exceeded"), "{{protocol}} in vain"],
        ),
        panel("Retries by route", "reqps", [
          sumBy("route", "metaproto_retries_total", BY_ROUTE),
          "{{route}}",
        ]),
        panel(
          "Ejections",
          "cps",
          [module("outlier_ejected"), "{{protocol}} ejected"],
          [module("outlier_ejection_overflow"), "{{protocol}} too many"],
        ),
      ],
    ],
    [
      "Limits",
      [
        panel(
          "Local rate limits",
          "reqps",
          [module("local_rate_limit_ok"), "{{protocol}} passed"],
          [module("local_rate_limit_enforced"), "{{protocol}} refused"],
        ),
        panel(
          "Global rate limits",
          "reqps",
          [module("rate_limit_ok"), "{{protocol}} passed"],
          [module("rate_limit_over_limit"), "{{protocol}} refused"],
          [module("rate_limit_error"), "{{protocol}} no answer"],
        ),
        panel(
          "Overflow",
          "reqps",
          [module("downstream_rq_overflow"), "{{protocol}} of a client connection"],
          [module("upstream_rq_overflow"), "{{protocol}} maxRequests"],
          [module("upstream_rq_pending_overflow"), "{{protocol}} maxPendingRequests"],
          [module("upstream_cx_overflow"), "{{protocol}} maxConnections"],
        ),
      ],
    ],
    [
      "Pools and memory",
      [
        panel(
          "Connections",
          "short",
          [
            `sum by (protocol) (metaproto_downstream_cx_active{${OF_PROTOCOL}})`,
            "{{protocol}} of clients",
          ],
          [
            `sum by (protocol) (metaproto_upstream_cx_active{${OF_PROTOCOL}})`,
            "{{protocol}} to servers",
          ],
        ),
        panel(
          "New upstream connections",
          "cps",
          [module("upstream_cx_total"), "{{protocol}} attempted"],
          [module("upstream_cx_connect_fail"), "{{protocol}} failed"],
        ),
        panel(
          "Memory of modules",
          "bytes",
          [`sum by (protocol) (metaproto_memory_bytes{${OF_PROTOCOL}})`, "{{protocol}}"],
          [`sum by (protocol) (metaproto_buffered_bytes{${OF_PROTOCOL}})`, "{{protocol}} waiting"],
        ),
      ],
    ],
  ],
};

const ofPod = (name) => `sum by (pod) (${name}{${OF_RELEASE}})`;

const CONTROL_PLANE = {
  uid: "metaproto-control-plane",
  title: "metaproto / control plane",
  description: "The controller: proxies, what they were sent and accepted, and the cluster.",
  variables: [["namespace", "Namespace", "label_values(metaproto_build_info, namespace)"]],
  rows: [
    [
      "Proxies",
      [
        panel("Connected proxies", "short", [ofPod("metaproto_connected_proxies"), "{{pod}}"]),
        panel("Streams", "short", [
          `sum by (role) (metaproto_xds_streams{${OF_RELEASE}})`,
          "{{role}}",
        ]),
        panel("Versions", "short", [
          `count by (version) (metaproto_build_info{${OF_RELEASE}})`,
          "{{version}}",
        ]),
      ],
    ],
    [
      "xDS",
      [
        panel("Pushes", "ops", [
          sumBy("type", "metaproto_xds_responses_total", OF_RELEASE),
          "{{type}}",
        ]),
        panel("Resources sent", "ops", [
          sumBy("type", "metaproto_xds_resources_sent_total", OF_RELEASE),
          "{{type}}",
        ]),
        panel(
          "Accepted and refused",
          "ops",
          [sumBy("type", "metaproto_xds_accepted_total", OF_RELEASE), "{{type}} ACK"],
          [sumBy("type", "metaproto_xds_refused_total", OF_RELEASE), "{{type}} NACK"],
        ),
        panel("Streams that refuse", "short", [
          `sum by (type) (metaproto_xds_refusing_streams{${OF_RELEASE}})`,
          "{{type}}",
        ]),
        panel("Bad requests", "ops", [
          `sum(${rate("metaproto_xds_bad_requests_total", OF_RELEASE)})`,
          "streams ended",
        ]),
        panel("Resources for proxies", "short", [
          `max by (type) (metaproto_snapshot_resources{${OF_RELEASE}})`,
          "{{type}}",
        ]),
      ],
    ],
    [
      "Configuration",
      [
        panel("Resources", "short", [
          `max by (kind) (metaproto_resources{${OF_RELEASE}})`,
          "{{kind}}",
        ]),
        panel(
          "Faults and warnings",
          "short",
          [`max(metaproto_faults{${OF_RELEASE}})`, "faults"],
          [`max(metaproto_warnings{${OF_RELEASE}})`, "warnings"],
          [`max(metaproto_resources_not_in_effect{${OF_RELEASE}})`, "not in effect"],
        ),
        panel("Reloads", "ops", [
          sumBy("result", "metaproto_reloads_total", OF_RELEASE),
          "{{result}}",
        ]),
        panel(
          "From an edit to responses",
          "s",
          ...[0.5, 0.99].map((q) => [
            quantile(q, "metaproto_reload_duration_seconds", [], OF_RELEASE),
            `p${q * 100}`,
          ]),
        ),
        panel("Age of the configuration", "s", [
          `time() - max by (pod) (metaproto_last_reload_timestamp_seconds{${OF_RELEASE}})`,
          "{{pod}}",
        ]),
        panel("Certificates end in", "s", [
          `min by (pod, use) (metaproto_certificate_expiry_timestamp_seconds{${OF_RELEASE}}) - time()`,
          "{{pod}} {{use}}",
        ]),
      ],
    ],
    [
      "Cluster",
      [
        panel(
          "Leader, and kinds that cannot be read",
          "short",
          [ofPod("metaproto_is_leader"), "{{pod}} leads"],
          [ofPod("metaproto_kubernetes_unreadable_kinds"), "{{pod}} unreadable"],
        ),
        panel(
          "Objects",
          "short",
          [`max(metaproto_kubernetes_objects{${OF_RELEASE}})`, "ours"],
          [`max(metaproto_kubernetes_objects_pending{${OF_RELEASE}})`, "pending"],
        ),
        panel(
          "Writes",
          "ops",
          [
            sumBy("verb, result", "metaproto_kubernetes_object_writes_total", OF_RELEASE),
            "{{verb}} {{result}}",
          ],
          [
            sumBy("result", "metaproto_kubernetes_status_writes_total", OF_RELEASE),
            "status {{result}}",
          ],
          [
            sumBy("result", "metaproto_replica_report_writes_total", OF_RELEASE),
            "report {{result}}",
          ],
        ),
        panel("Other replicas that tell of their proxies", "short", [
          ofPod("metaproto_other_replicas"),
          "{{pod}} knows",
        ]),
        panel("What other replicas are told", "bytes", [
          ofPod("metaproto_replica_report_bytes"),
          "{{pod}}",
        ]),
        panel("Webhook", "reqps", [
          sumBy("kind, result", "metaproto_admission_requests_total", OF_RELEASE),
          "{{kind}} {{result}}",
        ]),
        panel("Webhook, 99th percentile", "s", [
          quantile(0.99, "metaproto_admission_duration_seconds", [], OF_RELEASE),
          "p99",
        ]),
      ],
    ],
    [
      "Process",
      [
        panel("Memory", "bytes", [ofPod("process_resident_memory_bytes"), "{{pod}}"]),
        panel("CPU", "short", [sumBy("pod", "process_cpu_seconds_total", OF_RELEASE), "{{pod}}"]),
        panel("Event loop, 99th percentile", "s", [
          ofPod("nodejs_eventloop_lag_p99_seconds"),
          "{{pod}}",
        ]),
      ],
    ],
  ],
};

function dashboard({ uid, title, description, variables, rows }) {
  return {
    uid,
    title,
    description,
    tags: ["metaproto"],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    templating: { list: [DATASOURCE_VARIABLE, ...variables.map(variable)] },
    panels: placed(rows),
  };
}

const DATASOURCE_VARIABLE = {
  name: "datasource",
  label: "Data source",
  type: "datasource",
  query: "prometheus",
};

function variable([name, label, query]) {
  return {
    name,
    label,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  };
}

/** Rows of panels, one below the other. */
function placed(rows) {
  const panels = [];
  let y = 0;
  let id = 1;
  for (const [title, members] of rows) {
    panels.push({ id: id++, type: "row", title, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] });
    y++;
    members.forEach((member, index) => {
      const [column, line] = [index % 3, Math.floor(index / 3)];
      const gridPos = { x: column * PANEL.w, y: y + line * PANEL.h, ...PANEL };
      panels.push({ id: id++, gridPos, ...timeSeries(member) });
    });
    y += Math.ceil(members.length / 3) * PANEL.h;
  }
  return panels;
}

function timeSeries({ title, unit, queries }) {
  return {
    type: "timeseries",
    title,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: {
      legend: { displayMode: "list", placement: "bottom" },
      tooltip: { mode: "multi", sort: "desc" },
    },
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat,
    })),
  };
}

for (const spec of [DATA_PLANE, CONTROL_PLANE]) {
  const file = `${FOLDER}/${spec.uid}.json`;
  const target = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const text = `${JSON.stringify(dashboard(spec), undefined, 2)}\n`;
  if (!process.argv.includes("--check")) writeFileSync(target, text);
  else if (readFileSync(target, "utf8") !== text) {
    console.error(`${file} is not what its generator makes: run \`npm run gen\``);
    process.exitCode = 1;
  }
}
