// The requests of a pool that wait for a connection, and how many connections they want.
// Allocates: never after construction.
import { Stream } from "../stream/stream";
import { StreamList } from "../stream/stream-list";

export class PendingRequests {
  readonly shared: StreamList = new StreamList();
  /** Of those that want a connection of their own. */
  readonly own: StreamList = new StreamList();
  /** Dials that may still be spent on requests that wait for a certain endpoint: where one leads, Envoy decides. */
  searches: u32 = 0;
  /** How many of each wait for a certain endpoint. */
  private directed: u32 = 0;
  private directedOwn: u32 = 0;

  get isEmpty(): bool {
    return this.shared.length == 0 && this.own.length == 0;
  }

  /** Some wait for a certain endpoint. */
  get isAnyDirected(): bool {
    return this.directed + this.directedOwn > 0;
  }

  listOf(stream: Stream): StreamList {
    return stream.needsOwn ? this.own : this.shared;
  }

  add(stream: Stream): void {
    this.listOf(stream).push(stream);
    this.countDirected(stream, 1);
  }

  remove(stream: Stream): void {
    this.listOf(stream).remove(stream);
    this.countDirected(stream, -1);
    stream.awaitedEndpoint = 0;
  }

  /** Before and after `stream.awaitedEndpoint` changes: -1, 1. */
  countDirected(stream: Stream, change: i32): void {
    if (stream.awaitedEndpoint == 0) return;
    if (stream.needsOwn) this.directedOwn += change;
    else this.directed += change;
  }

  onDialing(): void {
    if (this.isAnyDirected && this.searches > 0) this.searches--;
  }

  /** Connections to be dialled for them, each with room for `perConnection` requests. */
  wanted(perConnection: u32): u32 {
    const searches = this.searches;
    const shared = this.shared.length - this.directed + min(this.directed, searches);
    const own = this.own.length - this.directedOwn + min(this.directedOwn, searches);
    if (shared == 0 || perConnection == 1) return shared + own;
    return 1 + shared / perConnection + own;
  }
}
