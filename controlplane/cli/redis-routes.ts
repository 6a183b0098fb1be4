// What `metaproto routes` shows of a service of Redis.
import type { RedisListener } from "../ir/mesh.js";
import type { RedisFault, RedisRoute } from "../ir/redis.js";
import { table } from "./table.js";

export function redisListenerText(listener: RedisListener): string {
  const { routes, catchAll, faults } = listener;
  // The longest prefix decides, so that is the order in which they are tried.
  const ordered = [...routes].sort((a, b) => b.prefix.length - a.prefix.length);
  const rows = [...ordered, ...(catchAll === undefined ? [] : [catchAll])].map(rowOf);
  const all = faults.length === 0 ? "" : `, all commands: ${faults.map(faultText).join(", ")}`;
  return `${listener.name} (redis_proxy)${all}\n${table(["KEYS", "DESTINATION", "MIRRORS"], rows)}`;
}

function rowOf({ prefix, removePrefix, cluster, mirrors }: RedisRoute): string[] {
  const keys = prefix === "" ? "any" : `${JSON.stringify(prefix)}...`;
  return [
    removePrefix ? `${keys}, sent without it` : keys,
    cluster,
    mirrors
      .map(
        (mirror) =>
          `${mirror.perMillion / 10_000}% ${mirror.cluster}${mirror.excludeReadCommands ? ", writes only" : ""}`,
      )
      .join("; ") || "-",
  ];
}

function faultText({ type, perMillion, delayMs, commands }: RedisFault): string {
  const delay = delayMs === undefined ? "" : ` after ${delayMs} ms`;
  const what = type === "ERROR" ? `error${delay}` : `delay${delay.replace("after", "of")}`;
  const which = commands.length === 0 ? "" : ` for ${commands.join(", ")}`;
  return `${what} in ${perMillion / 10_000}%${which}`;
}
