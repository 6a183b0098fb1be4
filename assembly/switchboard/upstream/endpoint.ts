// One address of a cluster, as connections to it have found it.
// Allocates: on growth.
import { PointerVector } from "../../containers/pointer-vector";
import { equalBytes, hashBytes } from "../../wire/bytes";
import { Retained } from "../stream/retained";

const NOT_AVAILABLE: u32 = u32.MAX_VALUE;

export class Endpoint extends Retained {
  /** Connections that are ready, whatever they carry. */
  connectionCount: u32 = 0;
  /** UpstreamConnections that can take a request. */
  readonly available: PointerVector = new PointerVector();
  /** Position in the pool's list of endpoints that can take a request. */
  availableIndex: u32 = NOT_AVAILABLE;
  /** Requests in flight. */
  outstanding: u32 = 0;
  /** Turn of the request it was last chosen for. */
  lastChosen: u64 = 0;
  /** Relative to the other endpoints, at least 1. */
  weight: u32 = 1;
  /** When its next turn is, where weights decide; 0: it had none yet. */
  dueTime: f64 = 0;

  /** What it answers decides whether it gets requests. */
  isWatched: bool = false;
  /** For `rank`. */
  readonly hash: u32;
  /** It gets no requests; 0: it does. */
  ejectedUntilMs: u64 = 0;
  /** How often it was ejected lately. */
  ejections: u32 = 0;
  errorsInARow: u32 = 0;
  /** Since success rates were compared last. */
  responses: u32 = 0;
  errors: u32 = 0;

  /** `address`: "ip:port". */
  constructor(readonly address: ArrayBuffer) {
    super();
    this.hash = hashBytes(changetype<usize>(address), <u32>address.byteLength);
  }

  get isEjected(): bool {
    return this.ejectedUntilMs != 0;
  }

  hasAddress(ptr: usize, len: u32): bool {
    return (
      <u32>this.address.byteLength == len && equalBytes(changetype<usize>(this.address), ptr, len)
    );
  }

  get isAvailable(): bool {
    return this.availableIndex != NOT_AVAILABLE;
  }

  markUnavailable(): void {
    this.availableIndex = NOT_AVAILABLE;
  }

  /** Gives back what the garbage collector does not know of; connections that drain may stay. */
  free(): void {
    this.available.free();
  }
}
