import { moduleDuration } from "./module-duration.js";
import { object, optional, type Read, required, withDefault } from "./schema/composites.js";
import { mapped } from "./schema/schema.js";
import { boolean, nonEmptyText } from "./schema/scalars.js";

/** Responses say which endpoint they are from, and requests that say so go there again. */
export const stickySession = mapped(
  object({
    attribute: required(nonEmptyText, "of responses and of requests; what names the endpoint"),
    ttl: optional(
      moduleDuration(0),
      "for how long a response's word holds; `0s`: without an end",
      "`0s`",
    ),
    strict: withDefault(
      boolean,
      false,
      "requests to an endpoint that is not there any more are answered with an error, as with Envoy's stateful session",
      "`false`: they go to another, and their response says so",
    ),
  }),
  ({ attribute, ttl = 0, strict }) => ({ attribute, ttlMs: ttl, strict }),
);

export type StickySession = Read<typeof stickySession>;
