// Names of objects and of what they put into proxies.
import { createHash } from "node:crypto";
import type { Component } from "./kubernetes-object.js";

/** Of Kubernetes, for what has to be part of a host's name. */
const MAX_LABEL = 63;
const HASH_LENGTH = 8;

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, HASH_LENGTH);
}

/** `metaproto-<component>-<what it is for>-<hash>`: a DNS label, another one for whatever else is named. */
export function objectName(component: Component, ...parts: readonly (string | number)[]): string {
  const suffix = hash(JSON.stringify(parts));
  const words = parts
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-");
  const text = `metaproto-${component}-${words}`.slice(0, MAX_LABEL - HASH_LENGTH - 1);
  return `${text.replace(/-+$/, "")}-${suffix}`;
}

/**
 * What stands for the protocol in the names of the plugin of a service's own workloads: it has a configuration of its
 * own, and so must have an internal listener of its own.
 */
export function inboundPluginKey(protocol: string, host: string): string {
  return `${protocol}.inbound.${hash(host)}`;
}

/** Of the plugin that canaries have in the place of `name`, also while there is no canary. */
export function canaryPlugin(name: string): string {
  return `${name}.canary`;
}

/** Of the inbound listeners of a host; the module puts in the port that a client's connection came to. */
export function inboundRouteTemplate(host: string): string {
  return `inbound|%DESTINATION_PORT%||${host}`;
}

/** What stands for the protocol in the names of the plugin of waypoints, whose listener is that of all services. */
export function waypointPluginKey(protocol: string): string {
  return `${protocol}.waypoint`;
}

/** Of listeners at waypoints; the module puts in the name of Istio's filter chain, which is theirs. */
export const WAYPOINT_ROUTE_TEMPLATE = "%FILTER_CHAIN_NAME%";
