// Listeners of Redis services: Envoy's own filter for it.
import { create } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Listener as XdsListener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import {
  type Filter,
  FilterSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import {
  RedisProxy_ConnPoolSettings_ReadPolicy as ReadPolicy,
  RedisProxy_RedisFault_RedisFaultType as FaultType,
  RedisProxySchema,
  type RedisProxy,
} from "../../gen/envoy/extensions/filters/network/redis_proxy/v3/redis_proxy_pb.js";
import { FractionalPercent_DenominatorType as Denominator } from "../../gen/envoy/type/v3/percent_pb.js";
import type { RedisListener } from "../../ir/mesh.js";
import type { RedisRoute } from "../../ir/redis.js";
import type { PeerTimeouts } from "./peer-timeouts.js";
import { statPrefixOf, stockListener } from "./stock-listener.js";

function share(perMillion: number) {
  return { defaultValue: { numerator: perMillion, denominator: Denominator.MILLION } };
}

function route({ prefix, removePrefix, cluster, mirrors }: RedisRoute) {
  return {
    prefix,
    removePrefix,
    cluster,
    requestMirrorPolicy: mirrors.map((mirror) => ({
      cluster: mirror.cluster,
      runtimeFraction: share(mirror.perMillion),
      excludeReadCommands: mirror.excludeReadCommands,
    })),
  };
}

function inline(text: string) {
  return { specifier: { case: "inlineString" as const, value: text } };
}

function settings({ settings: from }: RedisListener) {
  const { maxUpstreamUnknownConnections, bufferFlushTimeoutMs } = from;
  return {
    opTimeout: durationFromMs(from.opTimeoutMs),
    enableHashtagging: from.enableHashtagging,
    enableRedirection: from.enableRedirection,
    enableCommandStats: from.enableCommandStats,
    maxBufferSizeBeforeFlush: from.maxBufferSizeBeforeFlush ?? 0,
    ...(bufferFlushTimeoutMs === undefined
      ? {}
      : { bufferFlushTimeout: durationFromMs(bufferFlushTimeoutMs) }),
    ...(maxUpstreamUnknownConnections === undefined ? {} : { maxUpstreamUnknownConnections }),
    readPolicy: ReadPolicy[from.readPolicy],
  };
}

function redisProxy(from: RedisListener): RedisProxy {
  const { auth, caseInsensitive } = from.settings;
  return create(RedisProxySchema, {
    statPrefix: statPrefixOf(from),
    settings: settings(from),
    prefixRoutes: {
      routes: from.routes.map(route),
      caseInsensitive,
      ...(from.catchAll === undefined ? {} : { catchAllRoute: route(from.catchAll) }),
    },
    faults: from.faults.map(({ type, perMillion, delayMs, commands }) => ({
      faultType: FaultType[type],
      faultEnabled: share(perMillion),
      ...(delayMs === undefined ? {} : { delay: durationFromMs(delayMs) }),
      commands: [...commands],
    })),
    ...(auth === undefined ? {} : { downstreamAuthPasswords: [inline(auth.password)] }),
    ...(auth === undefined || auth.username === ""
      ? {}
      : { downstreamAuthUsername: inline(auth.username) }),
  });
}

export function redisFilter(from: RedisListener): Filter {
  return create(FilterSchema, {
    name: "envoy.filters.network.redis_proxy",
    configType: { case: "typedConfig", value: anyPack(RedisProxySchema, redisProxy(from)) },
  });
}

/** @param address IP address to bind. */
export function redisListener(
  from: RedisListener,
  address: string,
  timeouts: PeerTimeouts,
): XdsListener {
  return stockListener(from, { address, timeouts, filters: [redisFilter(from)] });
}
