// Which of an endpoint's connections a request takes, and which of a pool's gives way.
// Allocates: never.
import { PointerVector } from "../../containers/pointer-vector";
import { Endpoint } from "./endpoint";
import { UpstreamConnection, UpstreamState } from "./upstream-connection";

/** The most recently freed one where each carries one request, else the least busy one; there is one. */
export function leastBusyOf(endpoint: Endpoint, maxRequestsPerConnection: u32): UpstreamConnection {
  const list = endpoint.available;
  let best = changetype<UpstreamConnection>(list.at(list.length - 1));
  if (maxRequestsPerConnection == 1) return best;
  for (let i: u32 = 0; i + 1 < list.length; i++) {
    const connection = changetype<UpstreamConnection>(list.at(i));
    if (connection.inFlight.length < best.inFlight.length) best = connection;
  }
  return best;
}

/** One that no request is in flight on, and none was that its server could still have an answer to. */
export function idleOf(endpoint: Endpoint): UpstreamConnection | null {
  const list = endpoint.available;
  for (let i: u32 = 0; i < list.length; i++) {
    const connection = changetype<UpstreamConnection>(list.at(i));
    if (connection.inFlight.length == 0) return connection;
  }
  return null;
}

/** Its endpoint has another one. */
export function isSpare(connection: UpstreamConnection): bool {
  const endpoint = connection.endpoint;
  return endpoint !== null && endpoint.connectionCount > 1;
}

/** Of those that are ready and nobody's own; null: there is none. */
export function oldestOf(connections: PointerVector, isSpareOnly: bool): UpstreamConnection | null {
  let oldest: UpstreamConnection | null = null;
  for (let i: u32 = 0; i < connections.length; i++) {
    const connection = changetype<UpstreamConnection>(connections.at(i));
    if (connection.state != UpstreamState.Ready || connection.dedicatedTo != 0) continue;
    if (isSpareOnly && !isSpare(connection)) continue;
    if (oldest === null || connection.dialedMs < oldest.dialedMs) oldest = connection;
  }
  return oldest;
}
