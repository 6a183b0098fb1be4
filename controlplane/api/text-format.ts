// Texts with Envoy's operators: `%ROUTE_NAME%`, `%ATTR(method)%`, `%ATTR(method):16%`.
import { checked, type Schema } from "./schema/schema.js";
import { text } from "./schema/scalars.js";
import type { Site } from "./schema/site.js";

// Bounds of modules, which refuse a whole configuration with more.
const MAX_OPERATORS = 64;
const MAX_ATTRIBUTE_NAME_BYTES = 256;
const MAX_TIME_FORMAT_BYTES = 64;
const MAX_VALUE_BYTES = 1024;

/** When a text is made: with the request, with the response of a server, or when all is over. */
const MOMENTS = ["request", "response", "end"] as const;

export type Moment = (typeof MOMENTS)[number];

interface Operator {
  /** The earliest at which it is known. */
  readonly moment: Moment;
  /** What is in parentheses; undefined: nothing is. */
  readonly argument?: "attribute" | "time";
  /** For the documentation. */
  readonly doc: string;
}

export const OPERATORS: Readonly<Record<string, Operator>> = {
  ATTR: { moment: "request", argument: "attribute", doc: "an attribute of the request" },
  BYTES_RECEIVED: { moment: "request", doc: "bytes of the request" },
  BYTES_SENT: { moment: "end", doc: "bytes of the response" },
  DOWNSTREAM_LOCAL_ADDRESS: { moment: "request", doc: "the listener's address and port" },
  DOWNSTREAM_PEER_URI_SAN: {
    moment: "request",
    doc: "the URI of the client's certificate, such as `spiffe://...`",
  },
  DOWNSTREAM_REMOTE_ADDRESS: { moment: "request", doc: "the client's address and port" },
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: { moment: "request", doc: "the client's address" },
  DURATION: { moment: "end", doc: "milliseconds until the response had been sent" },
  PROTOCOL: { moment: "request", doc: "the protocol, such as `dubbo`" },
  RESPONSE_CODE_DETAILS: { moment: "end", doc: "who answered, and why" },
  RESPONSE_FLAGS: { moment: "end", doc: "what was out of the ordinary, as Envoy abbreviates it" },
  RESPONSE_STATUS: {
    moment: "end",
    doc: "`ok`, `business_error` (an exception of the application), `error`",
  },
  ROUTE_NAME: { moment: "request", doc: "the route's `name`" },
  SPAN_ID: {
    moment: "end",
    doc: "of the request's span, 16 hexadecimal digits; without the filter for traces it is absent",
  },
  START_TIME: { moment: "request", argument: "time", doc: "when the request had arrived" },
  TRACE_ID: { moment: "end", doc: "likewise, of the trace: 32 digits" },
  UPSTREAM_CLUSTER: { moment: "request", doc: "the cluster that the route leads to" },
  UPSTREAM_HOST: { moment: "response", doc: "address and port of the endpoint" },
  UPSTREAM_REQUEST_ATTEMPT_COUNT: { moment: "response", doc: "tries" },
};

/** Of strftime, and digits of a second's fraction. */
const TIME_CONVERSION = /%(?:[1-9]f|[%FHMSTYZabdefjmsyz])/g;

const PART = /%%|%([A-Z][A-Z_]*)(\([^)]*\))?(:\d+)?%|%/g;

/**
 * What is wrong with a text.
 * @param loneSigns whether a `%` that begins no operator stands for itself; else it must be written twice.
 */
export function textFormatFault(
  format: string,
  moment: Moment,
  loneSigns = false,
): string | undefined {
  let operators = 0;
  for (const [part, name, argument, length] of format.matchAll(PART)) {
    if (part === "%%") continue;
    if (part === "%") {
      if (loneSigns) continue;
      return "a `%` that begins no operator such as `%ROUTE_NAME%` must be written `%%`";
    }
    const operator = name === undefined ? undefined : OPERATORS[name];
    if (operator === undefined || !isKnownAt(operator, moment))
      return `unknown operator \`${part}\`; there are ${knownAt(moment)}`;
    if (++operators > MAX_OPERATORS) return `must not have more than ${MAX_OPERATORS} operators`;
    const fault = argumentFault(name ?? "", operator, argument) ?? lengthFault(length);
    if (fault !== undefined) return `\`${part}\` ${fault}`;
  }
  return undefined;
}

function argumentFault(
  name: string,
  { argument: kind }: Operator,
  written: string | undefined,
): string | undefined {
  const argument = written?.slice(1, -1);
  const length = Buffer.byteLength(argument ?? "");
  switch (kind) {
    case undefined:
      return argument === undefined ? undefined : "takes nothing in parentheses";
    case "attribute":
      if (length === 0) return `must name an attribute, such as \`%${name}(method)%\``;
      return length > MAX_ATTRIBUTE_NAME_BYTES
        ? `must not name an attribute of more than ${MAX_ATTRIBUTE_NAME_BYTES} bytes`
        : undefined;
    case "time": {
      if (length > MAX_TIME_FORMAT_BYTES)
        return `must not have a format of more than ${MAX_TIME_FORMAT_BYTES} bytes`;
      const conversion = argument?.replaceAll(TIME_CONVERSION, "").match(/%.?/u)?.[0];
      return conversion === undefined ? undefined : `has no conversion \`${conversion}\``;
    }
  }
}

/** `:12`: at most so many bytes of the value. */
function lengthFault(written: string | undefined): string | undefined {
  const length = Number(written?.slice(1) ?? 1);
  if (length >= 1 && length <= MAX_VALUE_BYTES) return undefined;
  return `must have a length from 1 to ${MAX_VALUE_BYTES}`;
}

function isKnownAt(operator: Operator, moment: Moment): boolean {
  return MOMENTS.indexOf(operator.moment) <= MOMENTS.indexOf(moment);
}

function knownAt(moment: Moment): string {
  const known = Object.entries(OPERATORS).filter(([, operator]) => isKnownAt(operator, moment));
  return known.map(([name]) => name).join(", ");
}

/** With every `%` that begins no operator written twice, as the modules expect it. */
export function withoutLoneSigns(format: string): string {
  return format.replaceAll(PART, (part) => (part === "%" ? "%%" : part));
}

/** Whether there is an operator in it. */
export function hasOperators(format: string): boolean {
  return [...format.matchAll(PART)].some(([, name]) => name !== undefined);
}

/** Text about a request that is over. */
export const textFormat: Schema<string> = checked(text, (value, site) => {
  const fault = textFormatFault(value, "end");
  if (fault !== undefined) site.fault(fault);
});

/** Texts that a module reads as one: their operators are counted together. */
export function checkOperatorCount(formats: Readonly<Record<string, string>>, site: Site): void {
  const parts = Object.values(formats).flatMap((format) => [...format.matchAll(PART)]);
  const operators = parts.filter(([, name]) => name !== undefined).length;
  if (operators > MAX_OPERATORS)
    site.fault(`must not have more than ${MAX_OPERATORS} operators together, not ${operators}`);
}
