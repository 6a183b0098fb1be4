// Texts with Envoy's operators: `%ROUTE_NAME%`, `%ATTR(method)%`, `%ATTR(method):16%`.
import { checked, type Schema } from "./schema/schema.js";
import { text } from "./schema/scalars.js";

/** When a text is made: with the request, or when all is over. */
type Moment = "request" | "end";

interface Operator {
  /** The earliest at which it is known. */
  readonly moment: Moment;
  readonly takesAttribute?: boolean;
  /** For the documentation. */
  readonly doc: string;
}

export const OPERATORS: Readonly<Record<string, Operator>> = {
  ATTR: { moment: "request", takesAttribute: true, doc: "an attribute of the request" },
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
  START_TIME: { moment: "request", doc: "when the request had arrived" },
  UPSTREAM_CLUSTER: { moment: "request", doc: "the cluster that the route leads to" },
  UPSTREAM_HOST: { moment: "end", doc: "address and port of the endpoint" },
  UPSTREAM_REQUEST_ATTEMPT_COUNT: { moment: "end", doc: "tries" },
};

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
  for (const [part, name, argument] of format.matchAll(PART)) {
    if (part === "%%") continue;
    if (part === "%") {
      if (loneSigns) continue;
      return "a `%` that begins no operator such as `%ROUTE_NAME%` must be written `%%`";
    }
    const operator = name === undefined ? undefined : OPERATORS[name];
    const isKnown = operator !== undefined && (moment === "end" || operator.moment === moment);
    if (!isKnown) return `unknown operator \`${part}\`; there are ${knownAt(moment)}`;
    if (operator.takesAttribute === true && (argument ?? "()") === "()")
      return `\`${part}\` must name an attribute, such as \`%${name ?? ""}(method)%\``;
  }
  return undefined;
}

function knownAt(moment: Moment): string {
  const known = Object.entries(OPERATORS).filter(
    ([, operator]) => moment === "end" || operator.moment === moment,
  );
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
