// What RedisService and RedisDestination have in common.
import { isObject, object, optional, type Read, required } from "./schema/composites.js";
import { checked, mapped, type Schema } from "./schema/schema.js";
import { anything, nonEmptyText, text } from "./schema/scalars.js";
import type { Site } from "./schema/site.js";

export interface RedisCredentials {
  /** Empty: Redis' default user. */
  readonly username: string;
  readonly password: string;
}

/** As `schema`; a fault does not tell what was written. */
function unseen<T>(schema: Schema<T>, isReadable: (value: unknown) => boolean, fault: string) {
  return {
    ...schema,
    read(value: unknown, site: Site): T {
      if (isReadable(value)) return schema.read(value, site);
      site.fault(fault);
      return schema.fallback;
    },
  };
}

const isText = (value: unknown): boolean => typeof value === "string";

const plain = unseen(
  object({
    username: optional(text, "who", "Redis' default user"),
    password: required(
      unseen(nonEmptyText, isText, "must be a string; put it in quotes"),
      "of the user",
    ),
  }),
  isObject,
  "must be an object with `username` and `password`",
);

/** Undefined: what is written is a fault. */
export const redisAuth: Schema<RedisCredentials | undefined> = mapped(
  checked(
    object({
      plain: optional(plain, "user and password as they are"),
      secret: optional(anything, "a fault: a Secret of Kubernetes is not read"),
    }),
    (
      value: { readonly plain?: Read<typeof plain> | undefined; readonly secret?: unknown },
      site,
    ) => {
      if (value.secret !== undefined)
        site
          .field("secret")
          .fault(
            "is not read, since proxies are told the password as it is, where others may see it: give `plain`",
          );
      else if (value.plain === undefined) site.fault("`plain` is required");
    },
  ),
  ({ plain: credentials }) =>
    credentials && { username: credentials.username ?? "", password: credentials.password },
);
