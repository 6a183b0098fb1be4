// What a downstream connection needs of the engine around it.
import { RouteBinding } from "../router/route-binding";
import { RequestSource } from "../router/request-source";

export abstract class ConnectionRegistry {
  /** Ticks come seldom: `wake` is to be called before a client's bytes are worked on. */
  isResting: bool = false;
  /** Brings the clock up to date, and lets ticks come often again. */
  abstract wake(): void;
  /** The routes of a listener whose metadata has this name (empty: none), or null: there are none. */
  abstract bind(namePtr: usize, nameLen: u32): RouteBinding | null;
  /** `DownstreamConnection.endLateFrame` is to be called now and then. */
  abstract watch(connection: RequestSource): void;
  /** `DownstreamConnection.endLinger` is to be called now and then. */
  abstract linger(connection: RequestSource): void;
  /** The host is done with the connection: the object may serve another one. */
  abstract give(connection: RequestSource): void;
}
