// The destinations of a route and the choice among them.
// Allocates: never.
// Next: switchboard/filter/filter-chain.ts

/** A destination; a route's records are contiguous, in the order of the configuration. */
@unmanaged
export class WeightedCluster {
  /** Sum of the weights up to and including this one. */
  cumulativeWeight: u32;
  /** Index for `RouteTable.cluster`. */
  cluster: u32;
}

/**
 * The cluster index for `random`: over any `totalWeight` consecutive values of it, each
 * destination is chosen exactly as often as its weight says.
 *
 * `destinations` is the address of `count` >= 1 records whose last cumulative weight is
 * `totalWeight` >= 1 (proven when the table is built).
 */
export function pickWeightedCluster(
  destinations: usize,
  count: u32,
  totalWeight: u32,
  random: u32,
): u32 {
  if (count == 1) return changetype<WeightedCluster>(destinations).cluster;
  const point = random % totalWeight;
  let low: u32 = 0;
  let high: u32 = count - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (destination(destinations, middle).cumulativeWeight > point) high = middle;
    else low = middle + 1;
  }
  return destination(destinations, low).cluster;
}

function destination(destinations: usize, index: u32): WeightedCluster {
  return changetype<WeightedCluster>(destinations + <usize>index * offsetof<WeightedCluster>());
}
