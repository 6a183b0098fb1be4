// `spec.frame` of an ApplicationProtocol: a protocol described by the headers of its messages.
import {
  list,
  nonEmptyList,
  object,
  optional,
  type Read,
  required,
  withDefault,
} from "../schema/composites.js";
import { nonEmptyText, oneOf } from "../schema/scalars.js";
import { conditions } from "./condition.js";
import { field } from "./field.js";
import { byteOrder } from "./numbers.js";
import { errorReply, parts } from "./reply.js";

const MAX_LAYOUTS = 16;
const MAX_FIELDS = 64;
const MAX_RULES = 32;

const from = optional(oneOf("CLIENT", "SERVER"), "who sends it", "both");

const kind = object(
  {
    kind: required(
      oneOf(
        ...(["REQUEST", "RESPONSE", "ONEWAY", "HEARTBEAT", "HEARTBEAT_RESPONSE"] as const),
        ...(["EVENT", "GO_AWAY", "PUSH"] as const),
      ),
      "[kinds of messages](#kinds-of-messages)",
    ),
    from,
    when: withDefault(conditions, {}, "[conditions](#conditions) that must all hold", "always"),
  },
  { title: "Kinds" },
);

const result = object(
  {
    result: required(
      oneOf("ERROR", "BUSINESS_ERROR"),
      "`ERROR`: of the server or its framework, which may be retried elsewhere; `BUSINESS_ERROR`: of the application",
    ),
    when: withDefault(conditions, {}, "[conditions](#conditions) that must all hold", "always"),
  },
  { title: "Results" },
);

const layout = object(
  {
    name: optional(nonEmptyText, "for those who read it"),
    from,
    when: withDefault(
      conditions,
      {},
      "[conditions](#conditions) on fields among the first 16 bytes, besides the constants",
    ),
    fields: required(
      nonEmptyList(field, "needs at least one field", { maxItems: MAX_FIELDS }),
      "[fields](#fields) in the order of the wire",
    ),
    requestId: optional(nonEmptyText, "the field with the id by which responses find requests"),
    kinds: withDefault(
      list(kind, MAX_RULES),
      [],
      "[what kind of message it is](#kinds-of-messages): the first that holds",
      "`REQUEST` from clients, `RESPONSE` from servers",
    ),
    results: withDefault(
      list(result, MAX_RULES),
      [],
      "[of responses, how the request went](#results): the first that holds",
      "well",
    ),
    timeout: optional(
      object({
        field: required(nonEmptyText, "a number; 0 and below: the client does not say"),
        unit: withDefault(oneOf("us", "ms", "s"), "ms", "`us`, `ms` or `s`", "`ms`"),
      }),
      "how long the client waits for the response",
    ),
    mutations: optional(
      nonEmptyText,
      "the field (`pairs`, or `protobuf` with a `map`) whose entries mutations change",
      "none: mutations are not applied",
    ),
    checksum: optional(
      nonEmptyText,
      "a `u32`: CRC-32 of all bytes before it, as in zip; put right whenever a byte is changed",
    ),
    errorReplies: withDefault(
      list(errorReply, 16),
      [],
      "how a request of this form is answered with an error: the first that is `for` its kind",
      "not at all",
    ),
    heartbeatReply: optional(parts, "how a `HEARTBEAT` of this form is answered, in 64 bytes"),
    heartbeat: optional(parts, "a `HEARTBEAT` of our own, to probe servers, in 64 bytes"),
  },
  { title: "Layouts" },
);

export const frameDescription = object(
  {
    byteOrder: withDefault(
      byteOrder,
      "BIG_ENDIAN",
      "of numbers: `BIG_ENDIAN` or `LITTLE_ENDIAN`",
      "`BIG_ENDIAN`",
    ),
    layouts: required(
      nonEmptyList(layout, "needs at least one layout", { maxItems: MAX_LAYOUTS }),
      "[forms of messages](#layouts); the first that fits the first bytes is what they are",
    ),
  },
  { title: "Frames" },
);

export type FrameDescription = Read<typeof frameDescription>;
export type LayoutDescription = FrameDescription["layouts"][number];
