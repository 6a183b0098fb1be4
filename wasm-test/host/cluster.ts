// An upstream cluster: endpoints, a balancer and a circuit breaker for connections.

import { seededRandom } from "./random.js";
import type { TcpServer } from "./tcp-server.js";

/** What a connection asks of the balancer. */
export interface Choice {
  /** Filter state envoy.hashable_string. */
  readonly hashKey: string | undefined;
  /** Filter state envoy.network.transport_socket.original_dst_address. */
  readonly originalDestination: string | undefined;
}

/** A balancer of the test's own: picks one of the healthy endpoints. */
export type ScriptedBalancer = (
  endpoints: readonly TcpServer[],
  choice: Choice,
) => TcpServer | undefined;

export type Balancer = "round_robin" | "random" | "ring_hash" | "original_dst" | ScriptedBalancer;

export interface TcpClusterOptions {
  readonly endpoints: readonly TcpServer[];
  /** Default: round_robin, from the first endpoint on. */
  readonly lb?: Balancer;
  /** Circuit breaker. Default: 1024, as Envoy's. */
  readonly maxConnections?: number;
  /** Milliseconds. Default: 5000, as Envoy's connect_timeout. */
  readonly connectTimeoutMs?: number;
  /** For "random". Default: 1. */
  readonly seed?: number;
}

export class TcpCluster {
  readonly name: string;
  /** May be changed at any time: EDS. */
  endpoints: TcpServer[];
  maxConnections: number;
  readonly connectTimeoutMs: number;
  /** Connections that are open or being opened. */
  activeConnections = 0;
  readonly #lb: Balancer;
  readonly #random: () => number;
  #next = 0;

  constructor(name: string, options: TcpClusterOptions) {
    this.name = name;
    this.endpoints = [...options.endpoints];
    this.maxConnections = options.maxConnections ?? 1024;
    this.connectTimeoutMs = options.connectTimeoutMs ?? 5000;
    this.#lb = options.lb ?? "round_robin";
    this.#random = seededRandom(options.seed ?? 1);
  }

  /** The endpoint for one connection, or undefined when none is healthy. */
  choose(choice: Choice): TcpServer | undefined {
    if (this.#lb === "original_dst") {
      return this.endpoints.find(({ address }) => address === choice.originalDestination);
    }
    const healthy = this.endpoints.filter((endpoint) => endpoint.healthy);
    if (typeof this.#lb === "function") return this.#lb(healthy, choice);
    if (healthy.length === 0) return undefined;
    return this.#pick(this.#lb, healthy, choice);
  }

  #pick(lb: Exclude<Balancer, ScriptedBalancer>, healthy: TcpServer[], choice: Choice) {
    if (lb === "ring_hash" && choice.hashKey !== undefined) {
      return highestScore(healthy, choice.hashKey);
    }
    if (lb === "round_robin") return healthy[this.#next++ % healthy.length];
    return healthy[Math.floor(this.#random() * healthy.length)];
  }
}

/** Rendezvous hashing: same key, same endpoint, and few keys move when endpoints come and go. */
function highestScore(endpoints: readonly TcpServer[], key: string): TcpServer | undefined {
  let best: TcpServer | undefined;
  let bestScore = -1;
  for (const endpoint of endpoints) {
    const score = fnv1a(`${key}\0${endpoint.address}`);
    if (score > bestScore) {
      best = endpoint;
      bestScore = score;
    }
  }
  return best;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x45d9f3b);
  return (hash ^ (hash >>> 16)) >>> 0;
}
