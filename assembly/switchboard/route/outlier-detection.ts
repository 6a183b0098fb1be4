// Which endpoints of a cluster get no requests for a while, because of what they answer.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

@unmanaged
export class OutlierDetection {
  /** 0: an endpoint is not ejected for errors in a row. */
  consecutiveErrors: u32;
  intervalMs: u32;
  baseEjectionMs: u32;
  maxEjectionMs: u32;
  maxEjectionPercent: u32;
  /** 0: ejected endpoints are never used all the same. */
  panicPercent: u32;
  /** In thousandths; 0: success rates are not compared. */
  stdevFactor: u32;
  minimumHosts: u32;
  requestVolume: u32;
  countBusinessErrors: bool;
}
