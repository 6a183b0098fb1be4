// What an ApplicationProtocol says of access logs, traces and statistics.
import { percentageAboveZero } from "./percentage.js";
import {
  list,
  map,
  object,
  optional,
  type Read,
  required,
  withDefault,
} from "./schema/composites.js";
import { checked, constrained, mapped, type Rule } from "./schema/schema.js";
import { boolean, duration, integer, nonEmptyText, number, oneOf, text } from "./schema/scalars.js";
import { checkOperatorCount, textFormat } from "./text-format.js";

const MAX_UINT32 = 2 ** 32 - 1;
/** A gauge of the host is as wide, and nobody asks for more. */
const MAX_METHODS = 1_000;
const MAX_BUCKETS = 64;
/** Of the value of a metric's label. */
/** Of modules: that of names and labels of Kubernetes. */
const MAX_WORKLOAD_TEXT = 63;
const MAX_LABEL_BYTES = 256;
const MAX_ATTRIBUTE_BYTES = 256;

/** Where Envoy has no default, this one has what Envoy's default format tells of a connection. */
export const DEFAULT_ACCESS_LOG_FORMAT =
  '[%START_TIME%] "%PROTOCOL% %ROUTE_NAME%" %RESPONSE_STATUS% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% ' +
  "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %DOWNSTREAM_REMOTE_ADDRESS% %UPSTREAM_HOST% %UPSTREAM_CLUSTER%";

// Bounds of modules, which refuse a whole configuration with more or less.
const MIN_FLUSH_MS = 10;
const MAX_TELEMETRY_MS = 24 * 3_600_000;

const flushInterval = optional(
  duration(MIN_FLUSH_MS, MAX_TELEMETRY_MS),
  "what has gathered is sent after so long at the latest",
  "1 s",
);

const collector = (service: string): string =>
  `cluster of a collector, \`opentelemetry.proto.collector.${service}\`: [clusters](#clusters-of-services)`;

const otlp = mapped(
  object({
    cluster: required(nonEmptyText, collector("logs.v1.LogsService")),
    flushInterval,
    resourceAttributes: withDefault(map(text), {}, "of the OTLP resource"),
  }),
  ({ flushInterval, ...rest }) => ({ ...rest, flushIntervalMs: flushInterval }),
);

const accessLogFilter = mapped(
  object({
    errorsOnly: withDefault(
      boolean,
      false,
      "only requests that were not answered, or with an error",
      "`false`",
    ),
    minDuration: optional(
      duration(0, MAX_TELEMETRY_MS),
      "only requests that took at least so long",
    ),
    percentage: withDefault(
      percentageAboveZero,
      100,
      "only so many of them, drawn at random",
      "100",
    ),
  }),
  ({ minDuration, ...rest }) => ({ ...rest, minDurationMs: minDuration }),
);

const textFormats = checked(map(textFormat), checkOperatorCount);

const CONTROL_CHARACTER = /[\u0000-\u001f]/;

const ONE_FORMAT: Rule = {
  expression: "!has(self.text) || !has(self.json)",
  message: "json must not be there together with text",
};

export const accessLog = mapped(
  checked(
    constrained(
      object(
        {
          text: optional(textFormat, "a line with [operators](#operators-in-texts)", "below"),
          json: optional(
            textFormats,
            "instead of `text`: members of a JSON object, with operators in their values",
          ),
          otlp: optional(otlp, "to a collector, batched, instead of the host's log"),
          filter: optional(accessLogFilter, "each must hold for a request to be logged"),
        },
        { title: "Access logs" },
      ),
      { rules: [ONE_FORMAT] },
    ),
    ({ text, json }, site) => {
      if (text !== undefined && json !== undefined)
        site.field("json").fault("must not be there together with `text`");
      if (text?.trimEnd() === "") site.field("text").fault("must not be empty");
      // Envoy's own formats end with their line break.
      else if (text !== undefined && CONTROL_CHARACTER.test(text.replace(/\n$/, "")))
        site
          .field("text")
          .fault("must be one line, without line breaks and other control characters within it");
      if (json !== undefined && Object.keys(json).length === 0)
        site.field("json").fault("must not be empty");
    },
  ),
  ({ text, json, ...rest }) => ({
    ...rest,
    format:
      json === undefined
        ? { kind: "text" as const, text: text ?? DEFAULT_ACCESS_LOG_FORMAT }
        : { kind: "json" as const, members: json },
  }),
);

export type AccessLog = Read<typeof accessLog>;

const tags = checked(textFormats, (values, site) => {
  if ("" in values) site.field("").fault("the name of a tag must not be empty");
});

export const tracing = mapped(
  object(
    {
      cluster: required(nonEmptyText, collector("trace.v1.TraceService")),
      serviceName: required(nonEmptyText, "`service.name` of the OTLP resource"),
      kind: withDefault(
        oneOf("CLIENT", "SERVER"),
        "CLIENT",
        "the side of the request that a span shows, of which there is one for each proxy: `CLIENT` the caller's, `SERVER` the service's",
        "`CLIENT`",
      ),
      randomSamplingPercentage: withDefault(
        number({ min: 0, max: 100 }),
        1,
        "of traces that begin here; a request that comes with a context says itself",
        "1",
      ),
      tags: withDefault(
        tags,
        {},
        "attributes of the span, with [operators](#operators-in-texts) in their values",
      ),
      b3: withDefault(
        boolean,
        false,
        "write B3 besides W3C's `traceparent`; both are read",
        "`false`",
      ),
      flushInterval,
    },
    { title: "Traces" },
  ),
  ({ flushInterval, ...rest }) => ({ ...rest, flushIntervalMs: flushInterval }),
);

export type Tracing = Read<typeof tracing>;

const buckets = checked(list(integer(1, MAX_UINT32)), (bounds, site) => {
  if (bounds.length > MAX_BUCKETS)
    site.fault(`must not be more than ${MAX_BUCKETS}, not ${bounds.length}`);
  bounds.forEach((bound, index) => {
    if (index > 0 && bound <= (bounds[index - 1] ?? 0))
      site.item(index).fault("must be larger than the one before");
  });
});

/** Labels of Istio's standard metrics that a configuration may give; the modules know the same ones. */
export const ISTIO_LABELS: readonly string[] = [
  "source_workload",
  "source_workload_namespace",
  "source_principal",
  "source_app",
  "source_version",
  "source_cluster",
  "source_canonical_service",
  "source_canonical_revision",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_app",
  "destination_version",
  "destination_cluster",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "request_protocol",
  "connection_security_policy",
];

const istioLabels = checked(map(text), (labels, site) => {
  for (const [name, value] of Object.entries(labels)) {
    if (!ISTIO_LABELS.includes(name)) site.field(name).fault("is no label of Istio's metrics");
    else if (Buffer.byteLength(value) > MAX_LABEL_BYTES)
      site.field(name).fault(`must not be longer than ${MAX_LABEL_BYTES} bytes`);
  }
});

const workloadText = checked(text, (value, site) => {
  if (Buffer.byteLength(value) > MAX_WORKLOAD_TEXT)
    site.fault(`must not be longer than ${MAX_WORKLOAD_TEXT} bytes`);
});

const OF_NODE = "of Envoy's node";

export const peerMetadata = object(
  {
    side: withDefault(
      oneOf("OUTBOUND", "INBOUND"),
      "OUTBOUND",
      "`OUTBOUND` the caller's proxy, `INBOUND` the service's",
      "`OUTBOUND`",
    ),
    propagate: withDefault(
      boolean,
      false,
      "tell the other side; a server without a proxy would see it",
      "`false`: only read and remove",
    ),
    workload: optional(
      object({
        workload: optional(workloadText, "name of the workload", `\`WORKLOAD_NAME\` ${OF_NODE}`),
        namespace: optional(workloadText, "its namespace", `\`NAMESPACE\` ${OF_NODE}`),
        cluster: optional(workloadText, "its cluster", `\`CLUSTER_ID\` ${OF_NODE}`),
        app: optional(workloadText, "its app", `label \`app\` ${OF_NODE}`),
        version: optional(workloadText, "its version", `label \`version\` ${OF_NODE}`),
        canonicalService: optional(
          workloadText,
          "what it is counted as",
          `label \`service.istio.io/canonical-name\` ${OF_NODE}, else the app or the workload`,
        ),
        canonicalRevision: optional(
          workloadText,
          "of that",
          `label \`service.istio.io/canonical-revision\` ${OF_NODE}, else the version or \`latest\``,
        ),
      }),
      "what this proxy says of itself",
    ),
  },
  { title: "Peer metadata" },
);

export type PeerMetadata = Read<typeof peerMetadata>;

const methodAttribute = checked(text, (value, site) => {
  if (Buffer.byteLength(value) > MAX_ATTRIBUTE_BYTES)
    site.fault(`must not be longer than ${MAX_ATTRIBUTE_BYTES} bytes`);
});

export const stats = object(
  {
    methodAttribute: withDefault(
      methodAttribute,
      "",
      "attribute that tells methods apart, such as `method`",
      "they are not told apart",
    ),
    maxMethods: optional(integer(1, MAX_METHODS), "further methods count as `other`", "100"),
    durationBucketsMs: withDefault(
      buckets,
      [],
      "upper ends of the buckets of durations, in milliseconds",
      "Istio's",
    ),
    istio: optional(
      object({
        reporter: withDefault(oneOf("SOURCE", "DESTINATION"), "SOURCE", "its label", "`SOURCE`"),
        labels: withDefault(
          istioLabels,
          {},
          "what does not depend on the request, such as `source_workload`",
          "`destination_service`, `_name` and `_namespace`",
        ),
      }),
      "also the standard metrics of Istio",
    ),
  },
  { title: "Statistics" },
);

export type Stats = Read<typeof stats>;
