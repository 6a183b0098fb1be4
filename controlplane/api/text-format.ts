// Texts with Envoy's operators: `%ROUTE_NAME%`, `%ATTR(method)%`, `%ATTR(method):16%`.
import { checked, type Schema } from "./schema/schema.js";
import { text } from "./schema/scalars.js";

/** Known before the request is sent. */
const OF_REQUESTS = [
  "ATTR",
  "DOWNSTREAM_LOCAL_ADDRESS",
  "DOWNSTREAM_REMOTE_ADDRESS",
  "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
  "PROTOCOL",
  "ROUTE_NAME",
  "START_TIME",
  "UPSTREAM_CLUSTER",
] as const;

const OF_ANSWERS = [
  "BYTES_RECEIVED",
  "BYTES_SENT",
  "DURATION",
  "RESPONSE_ATTR",
  "RESPONSE_CODE",
  "RESPONSE_CODE_DETAILS",
  "RESPONSE_FLAGS",
  "TRACE_ID",
  "UPSTREAM_HOST",
  "UPSTREAM_REQUEST_ATTEMPT_COUNT",
] as const;

/** When a text is made: with the request, or when all is over. */
type Moment = "request" | "end";

const OPERATORS: Readonly<Record<Moment, readonly string[]>> = {
  request: OF_REQUESTS,
  end: [...OF_REQUESTS, ...OF_ANSWERS].sort(),
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
    if (name === undefined || !OPERATORS[moment].includes(name))
      return `unknown operator \`${part}\`; there are ${OPERATORS[moment].join(", ")}`;
    const needsArgument = name === "ATTR" || name === "RESPONSE_ATTR";
    if (needsArgument && (argument ?? "()") === "()")
      return `\`${part}\` must name an attribute, such as \`%${name}(method)%\``;
  }
  return undefined;
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
