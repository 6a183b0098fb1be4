// What the control plane says of the weights of a cluster's endpoints. The host knows them too, and tells nobody.
// Allocates: when a table says something else of the cluster.
import { equalBytes } from "../../wire/bytes";
import { RouteCluster } from "../route/cluster";
import { EndpointWeight } from "../route/endpoint-weight";

/** More dials are not made in search of an endpoint of little weight; it is met later. */
const MAX_SPREAD: u64 = 256;

export class EndpointWeights {
  /** EndpointWeight records, and behind them the addresses that they point to. */
  private block: usize = 0;
  private count: u32 = 0;

  /** Takes over what a table says, which may be gone soon. */
  copy(route: RouteCluster): void {
    this.free();
    const count = route.weightCount;
    if (count == 0) return;
    const records = <usize>count * offsetof<EndpointWeight>();
    let bytes = records;
    for (let i: u32 = 0; i < count; i++) bytes += recordAt(route.weights, i).addressLen;
    this.block = heap.alloc(bytes);
    this.count = count;
    memory.copy(this.block, route.weights, records);
    let address = this.block + records;
    for (let i: u32 = 0; i < count; i++) {
      const record = recordAt(this.block, i);
      memory.copy(address, record.addressPtr, record.addressLen);
      record.addressPtr = address;
      address += record.addressLen;
    }
  }

  /** Of the endpoint with this address: 1 where nothing else is said. */
  of(address: ArrayBuffer): u32 {
    const ptr = changetype<usize>(address);
    const len = <u32>address.byteLength;
    for (let i: u32 = 0; i < this.count; i++) {
      const record = recordAt(this.block, i);
      if (record.addressLen == len && equalBytes(record.addressPtr, ptr, len)) return record.weight;
    }
    return 1;
  }

  /** Dials by weight after which each of `known` endpoints should have been met; 0 where all weigh the same. */
  spread(known: u32): u32 {
    if (this.count == 0) return 0;
    let total: u64 = known > this.count ? known - this.count : 0;
    let least: u32 = total > 0 ? 1 : u32.MAX_VALUE;
    for (let i: u32 = 0; i < this.count; i++) {
      const weight = recordAt(this.block, i).weight;
      total += weight;
      if (weight < least) least = weight;
    }
    return <u32>min<u64>(total / <u64>least, MAX_SPREAD);
  }

  free(): void {
    if (this.block != 0) heap.free(this.block);
    this.block = 0;
    this.count = 0;
  }
}

function recordAt(first: usize, index: u32): EndpointWeight {
  return changetype<EndpointWeight>(first + <usize>index * offsetof<EndpointWeight>());
}
