// Retries of a route, as in Istio's VirtualService where that has them.
import { moduleDuration } from "./module-duration.js";
import { object, optional, type Read, required, withDefault } from "./schema/composites.js";
import { checked, constrained, mapped, type Rule, type Schema } from "./schema/schema.js";
import { boolean, integer, text } from "./schema/scalars.js";

const MAX_INT32 = 2 ** 31 - 1;
/** A frame lies in one block of a module's memory. */
const MAX_REQUEST_BYTES = 2 ** 29;

/** Why a request is sent again. */
export type RetryReason =
  | "connectFailure"
  | "reset"
  | "perTryTimeout"
  | "overloaded"
  | "serverError"
  | "businessError"
  | "badResponse";

const GATEWAY_ERRORS: readonly RetryReason[] = [
  "connectFailure",
  "reset",
  "perTryTimeout",
  "overloaded",
  "badResponse",
];

interface RetryOn {
  readonly reasons: readonly RetryReason[];
  /** For the documentation. */
  readonly doc: string;
}

/** By the names of Istio and Envoy, with what these stand for there. */
export const RETRY_ON: Readonly<Record<string, RetryOn>> = {
  "connect-failure": {
    reasons: ["connectFailure"],
    doc: "no connection could be established, or there is no healthy endpoint",
  },
  overloaded: { reasons: ["overloaded"], doc: "a bound of the cluster was reached" },
  reset: { reasons: ["reset"], doc: "the connection ended before the response" },
  "per-try-timeout": {
    reasons: ["perTryTimeout"],
    doc: "the try took longer than `perTryTimeout`",
  },
  "bad-response": { reasons: ["badResponse"], doc: "the response cannot be understood" },
  "gateway-error": { reasons: GATEWAY_ERRORS, doc: "all of the above" },
  "server-error": {
    reasons: ["serverError"],
    doc: "the server's framework answered with an error",
  },
  "5xx": {
    reasons: [...GATEWAY_ERRORS, "serverError"],
    doc: "all of the above",
  },
  "business-error": {
    reasons: ["businessError"],
    doc: "the server's application answered with an exception that its interface knows of",
  },
};

/** Of a request that never reached a server nothing can have been done twice. */
const NEVER_SENT = "connect-failure,overloaded";

const retryOn: Schema<readonly RetryReason[]> = {
  shape: text.shape,
  fallback: [],
  read(value, site) {
    const reasons = new Set<RetryReason>();
    for (const name of text
      .read(value, site)
      .split(",")
      .map((part) => part.trim())) {
      const known = Object.hasOwn(RETRY_ON, name) ? RETRY_ON[name]?.reasons : undefined;
      if (known === undefined && name !== "")
        site.fault(`\`${name}\` is none of ${Object.keys(RETRY_ON).join(", ")}`);
      known?.forEach((reason) => reasons.add(reason));
    }
    if (reasons.size === 0 && value === "") site.fault("must not be empty");
    return [...reasons];
  },
};

const DEFAULT_RETRY_ON: readonly RetryReason[] = ["connectFailure", "overloaded"];

const written = object(
  {
    attempts: required(integer(0, MAX_INT32), "tries after the first one; 0: none"),
    perTryTimeout: optional(
      moduleDuration(0),
      "for each try; `0s`: none but the route's",
      "the route's `timeout`",
    ),
    retryOn: withDefault(
      retryOn,
      DEFAULT_RETRY_ON,
      "names separated by commas: [reasons](#reasons-to-retry)",
      `\`${NEVER_SENT}\``,
    ),
    backoff: optional(
      moduleDuration(1),
      "base of the time before a retry: the n-th waits for a random time of up to base × (2ⁿ − 1)",
      "25 ms",
    ),
    maxInterval: optional(
      moduleDuration(1),
      "no retry waits longer; not in Istio",
      "10 × `backoff`",
    ),
    retryOneway: withDefault(
      boolean,
      false,
      "also requests that have no response, which may then arrive more than once; not in Istio",
      "`false`",
    ),
    retryBudget: optional(
      object({
        percent: withDefault(
          integer(1, 100),
          20,
          "of a cluster's outstanding requests that may be retries, per worker; of Istio's DestinationRule",
          "20",
        ),
        minRetryConcurrency: withDefault(
          integer(1, MAX_INT32),
          3,
          "so many retries may always be outstanding",
          "3",
        ),
      }),
      "",
    ),
    maxRequestBytes: optional(
      integer(1, MAX_REQUEST_BYTES),
      "larger requests are not kept, and so not sent again; not in Istio",
      "64 KiB",
    ),
  },
  { title: "Retries" },
);

const INTERVAL_RULE: Rule = {
  expression:
    "!has(self.maxInterval) || duration(self.maxInterval) >= duration(has(self.backoff) ? self.backoff : '25ms')",
  message: "maxInterval must not be shorter than backoff",
};

export const retries = mapped(
  checked(
    constrained(written, { rules: [INTERVAL_RULE] }),
    ({ perTryTimeout = 0, retryOn, backoff = 25, maxInterval }, site) => {
      if (perTryTimeout > 0 && !retryOn.includes("perTryTimeout"))
        site
          .field("perTryTimeout")
          .warning("a try that takes longer is given up: retryOn has no `per-try-timeout`");
      if (maxInterval !== undefined && maxInterval < backoff)
        site.field("maxInterval").fault(`must not be shorter than backoff, ${backoff}ms`);
    },
  ),
  ({ perTryTimeout, backoff, maxInterval, ...rest }) => ({
    ...rest,
    perTryTimeoutMs: perTryTimeout,
    backoffMs: backoff,
    maxIntervalMs: maxInterval,
  }),
);

export type Retries = Read<typeof retries>;
