// The JSON mapping of OTLP, as a collector writes it, flattened: a record with its resource and scope.
// Spec: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

/** Integers come as bigint. */
export type AttributeValue = string | number | bigint | boolean;

/** By key; an array or map, which nothing here sends, is undefined. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** What spans and log records have in common. */
interface Origin {
  readonly resource: Attributes;
  /** Name of the instrumentation scope. */
  readonly scope: string;
}

/** A span as the collector understood it. Ids are lower case hex; "" is none. */
export interface CollectedSpan extends Origin {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  /** 2 server, 3 client. */
  readonly kind: number;
  /** Nanoseconds since 1970. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  /** 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  readonly statusMessage: string;
}

/** A log record as the collector understood it. */
export interface CollectedLog extends Origin {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly observedNs: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: AttributeValue | undefined;
  readonly attributes: Attributes;
  readonly traceId: string;
  readonly spanId: string;
}

interface JsonValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

type JsonAttributes = readonly { readonly key: string; readonly value?: JsonValue }[];

interface JsonOrigin {
  readonly resource?: { readonly attributes?: JsonAttributes };
}

interface JsonScope {
  readonly scope?: { readonly name?: string };
}

interface JsonSpan {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly attributes?: JsonAttributes;
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface JsonLog {
  readonly timeUnixNano?: string;
  readonly observedTimeUnixNano?: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: JsonValue;
  readonly attributes?: JsonAttributes;
  readonly traceId?: string;
  readonly spanId?: string;
}

interface JsonBatch {
  readonly resourceSpans?: readonly (JsonOrigin & {
    readonly scopeSpans?: readonly (JsonScope & { readonly spans?: readonly JsonSpan[] })[];
  })[];
  readonly resourceLogs?: readonly (JsonOrigin & {
    readonly scopeLogs?: readonly (JsonScope & { readonly logRecords?: readonly JsonLog[] })[];
  })[];
}

/** The spans of one ExportTraceServiceRequest in JSON. */
export function spansOf(batch: unknown): CollectedSpan[] {
  return ((batch as JsonBatch).resourceSpans ?? []).flatMap((resource) =>
    (resource.scopeSpans ?? []).flatMap((scope) =>
      (scope.spans ?? []).map((span) => ({ ...originOf(resource, scope), ...spanOf(span) })),
    ),
  );
}

/** The log records of one ExportLogsServiceRequest in JSON. */
export function logsOf(batch: unknown): CollectedLog[] {
  return ((batch as JsonBatch).resourceLogs ?? []).flatMap((resource) =>
    (resource.scopeLogs ?? []).flatMap((scope) =>
      (scope.logRecords ?? []).map((log) => ({ ...originOf(resource, scope), ...logOf(log) })),
    ),
  );
}

function originOf(resource: JsonOrigin, scope: JsonScope): Origin {
  return {
    resource: attributesOf(resource.resource?.attributes),
    scope: scope.scope?.name ?? "",
  };
}

function spanOf(span: JsonSpan): Omit<CollectedSpan, keyof Origin> {
  return {
    ...idsOf(span),
    parentSpanId: span.parentSpanId ?? "",
    traceState: span.traceState ?? "",
    name: span.name ?? "",
    kind: span.kind ?? 0,
    startNs: BigInt(span.startTimeUnixNano ?? 0),
    endNs: BigInt(span.endTimeUnixNano ?? 0),
    attributes: attributesOf(span.attributes),
    ...statusOf(span),
  };
}

function idsOf(record: JsonSpan | JsonLog): { traceId: string; spanId: string } {
  return { traceId: record.traceId ?? "", spanId: record.spanId ?? "" };
}

function statusOf({ status }: JsonSpan): { statusCode: number; statusMessage: string } {
  return { statusCode: status?.code ?? 0, statusMessage: status?.message ?? "" };
}

function logOf(log: JsonLog): Omit<CollectedLog, keyof Origin> {
  return {
    timeNs: BigInt(log.timeUnixNano ?? 0),
    observedNs: BigInt(log.observedTimeUnixNano ?? 0),
    severityNumber: log.severityNumber ?? 0,
    severityText: log.severityText ?? "",
    body: valueOf(log.body),
    attributes: attributesOf(log.attributes),
    ...idsOf(log),
  };
}

function attributesOf(attributes: JsonAttributes = []): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: JsonValue = {}): AttributeValue | undefined {
  if (value.intValue !== undefined) return BigInt(value.intValue);
  return value.stringValue ?? value.doubleValue ?? value.boolValue;
}
