// Where copies of a route's requests go.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

@unmanaged
export class Mirror {
  /** Index for `RouteTable.cluster`. */
  cluster: u32;
  /** Requests of a million that are copied. */
  perMillion: u32;
}
