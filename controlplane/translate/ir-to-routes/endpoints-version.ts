import { createHash } from "node:crypto";
import type { Endpoint } from "../../ir/cluster.js";

/**
 * A number that differs whenever the set of endpoints does: their addresses, ports or weights. Their order and what
 * else is known of them do not matter to connections.
 */
export function endpointsVersion(endpoints: readonly Endpoint[]): bigint {
  const lines = endpoints.map(({ address, port, weight }) => `${address} ${port} ${weight}`);
  return createHash("sha256").update(lines.sort().join("\n")).digest().readBigUInt64LE();
}
