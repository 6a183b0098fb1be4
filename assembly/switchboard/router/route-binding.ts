// A route configuration by its name, and the requests that wait for it.
import { RouteSubscription } from "../config/discovery-transport";
import { RouteTable } from "../route/table";
import { StreamList } from "../stream/stream-list";

export class RouteBinding {
  /** Streams in state AwaitingRoutes. */
  readonly waiting: StreamList = new StreamList();

  constructor(readonly subscription: RouteSubscription) {}

  get table(): RouteTable | null {
    return this.subscription.table;
  }
}
