// Faults on purpose, as Istio's HTTPFaultInjection.
import { moduleDuration } from "./module-duration.js";
import { percentage } from "./percentage.js";
import { object, optional, type Read } from "./schema/composites.js";
import { checked, constrained, mapped, type Rule } from "./schema/schema.js";
import { integer, nonEmptyText, oneOf } from "./schema/scalars.js";

const MAX_UINT32 = 2 ** 32 - 1;

const ATTRIBUTE_DOC = "only requests that have this attribute";

const PERCENTAGE_RULE: Rule = {
  expression: "has(self.percentage) || has(self.attribute)",
  message: "percentage is required, unless there is an attribute",
};

const DELAY_RULES: readonly Rule[] = [
  {
    expression: "has(self.fixedDelay) != has(self.attribute)",
    message: "exactly one of fixedDelay and attribute is required",
  },
  { expression: "!has(self.max) || has(self.attribute)", message: "max needs attribute" },
  PERCENTAGE_RULE,
];

const ABORT_RULES: readonly Rule[] = [
  {
    expression: "!has(self.kind) || !has(self.code)",
    message: "code must not be there together with kind",
  },
  {
    expression: "has(self.kind) || has(self.code) || has(self.attribute)",
    message: "one of kind, code and attribute is required",
  },
  PERCENTAGE_RULE,
];

const delay = mapped(
  checked(
    constrained(
      object({
        fixedDelay: optional(moduleDuration(1), "how long"),
        attribute: optional(
          nonEmptyText,
          `instead of \`fixedDelay\`: ${ATTRIBUTE_DOC}, which says how long in milliseconds; not in Istio`,
        ),
        max: optional(moduleDuration(1), "no request with `attribute` is delayed longer", "60 s"),
        percentage: optional(percentage, "of requests", "required; 100 with `attribute`"),
      }),
      { rules: DELAY_RULES },
    ),
    ({ fixedDelay, attribute, max, percentage }, site) => {
      if ((fixedDelay === undefined) === (attribute === undefined))
        site.fault("exactly one of fixedDelay and attribute is required");
      if (max !== undefined && attribute === undefined)
        site.field("max").fault("needs `attribute`");
      if (percentage === undefined && attribute === undefined)
        site.field("percentage").fault("is required");
    },
  ),
  ({ fixedDelay, attribute, max, percentage }) => ({
    duration:
      attribute === undefined
        ? { kind: "fixed" as const, ms: fixedDelay ?? 0 }
        : { kind: "attribute" as const, name: attribute.toLowerCase() },
    maxMs: max,
    percentage: percentage ?? 100,
  }),
);

const abort = mapped(
  checked(
    constrained(
      object({
        kind: optional(
          oneOf(
            "NO_ROUTE",
            "UNAVAILABLE",
            "OVERLOADED",
            "TIMEOUT",
            "RESET",
            "PERMISSION_DENIED",
            "INTERNAL",
          ),
          "the error, which every protocol has its own [reply](error-replies.md) for",
          "`UNAVAILABLE` with `attribute`",
        ),
        code: optional(
          integer(1, MAX_UINT32),
          "instead of `kind`: the protocol's own code, such as the status of a Dubbo response",
        ),
        attribute: optional(
          nonEmptyText,
          `${ATTRIBUTE_DOC}; it says the code if it is a number; not in Istio`,
        ),
        percentage: optional(percentage, "of requests", "required; 100 with `attribute`"),
      }),
      { rules: ABORT_RULES },
    ),
    ({ kind, code, attribute, percentage }, site) => {
      if (kind !== undefined && code !== undefined)
        site.field("code").fault("must not be there together with `kind`");
      if (kind === undefined && code === undefined && attribute === undefined)
        site.fault("one of kind, code and attribute is required");
      if (percentage === undefined && attribute === undefined)
        site.field("percentage").fault("is required");
    },
  ),
  ({ kind, code, attribute, percentage }) => ({
    reply:
      code === undefined
        ? { kind: "error" as const, error: kind ?? ("UNAVAILABLE" as const) }
        : { kind: "code" as const, code },
    attribute: attribute?.toLowerCase(),
    percentage: percentage ?? 100,
  }),
);

const HAS_FAULT: Rule = {
  expression: "has(self.delay) || has(self.abort)",
  message: "one of delay and abort is required",
};

export const routeFault = checked(
  constrained(
    object(
      {
        delay: optional(delay, "the request is held before anything else is done with it"),
        abort: optional(abort, "the request is answered with an error, after the delay"),
        maxActiveDelays: optional(
          integer(1, MAX_UINT32),
          "requests that are delayed at a time, per worker; not in Istio",
          "4096",
        ),
      },
      { title: "Faults on purpose" },
    ),
    { rules: [HAS_FAULT] },
  ),
  ({ delay, abort }, site) => {
    if (delay === undefined && abort === undefined)
      site.fault("one of delay and abort is required");
  },
);

export type RouteFault = Read<typeof routeFault>;
