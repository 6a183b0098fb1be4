// The weight of one endpoint of a cluster.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

@unmanaged
export class EndpointWeight {
  /** `ip:port`. */
  addressPtr: usize;
  addressLen: u32;
  /** At least 1. */
  weight: u32;
}
