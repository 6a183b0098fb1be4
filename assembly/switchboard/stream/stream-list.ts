// Doubly linked lists of streams through their own fields.
// Allocates: never.
import { Stream } from "./stream";

/** First in, first out; through `Stream.nextInList` and `Stream.previousInList`. */
export class StreamList {
  head: usize = 0;
  private tail: usize = 0;
  length: u32 = 0;

  push(stream: Stream): void {
    const address = changetype<usize>(stream);
    stream.nextInList = 0;
    stream.previousInList = this.tail;
    if (this.tail == 0) this.head = address;
    else changetype<Stream>(this.tail).nextInList = address;
    this.tail = address;
    this.length++;
  }

  /** The oldest; call only when `length` is not 0. */
  first(): Stream {
    return changetype<Stream>(this.head);
  }

  remove(stream: Stream): void {
    if (stream.previousInList == 0) this.head = stream.nextInList;
    else changetype<Stream>(stream.previousInList).nextInList = stream.nextInList;
    if (stream.nextInList == 0) this.tail = stream.previousInList;
    else changetype<Stream>(stream.nextInList).previousInList = stream.previousInList;
    stream.nextInList = 0;
    stream.previousInList = 0;
    this.length--;
  }
}

/** First in, first out; through `Stream.nextOfDownstream` and `Stream.previousOfDownstream`. */
export class DownstreamStreamList {
  private head: usize = 0;
  private tail: usize = 0;
  length: u32 = 0;

  push(stream: Stream): void {
    const address = changetype<usize>(stream);
    stream.nextOfDownstream = 0;
    stream.previousOfDownstream = this.tail;
    if (this.tail == 0) this.head = address;
    else changetype<Stream>(this.tail).nextOfDownstream = address;
    this.tail = address;
    this.length++;
  }

  /** The oldest; call only when `length` is not 0. */
  first(): Stream {
    return changetype<Stream>(this.head);
  }

  isFirst(stream: Stream): bool {
    return this.head == changetype<usize>(stream);
  }

  remove(stream: Stream): void {
    const next = stream.nextOfDownstream;
    const previous = stream.previousOfDownstream;
    if (previous == 0) this.head = next;
    else changetype<Stream>(previous).nextOfDownstream = next;
    if (next == 0) this.tail = previous;
    else changetype<Stream>(next).previousOfDownstream = previous;
    stream.nextOfDownstream = 0;
    stream.previousOfDownstream = 0;
    this.length--;
  }

  /** Puts `substitute`, which is in no list, in the place of `stream`. */
  replace(stream: Stream, substitute: Stream): void {
    const address = changetype<usize>(substitute);
    const next = stream.nextOfDownstream;
    const previous = stream.previousOfDownstream;
    substitute.nextOfDownstream = next;
    substitute.previousOfDownstream = previous;
    if (previous == 0) this.head = address;
    else changetype<Stream>(previous).nextOfDownstream = address;
    if (next == 0) this.tail = address;
    else changetype<Stream>(next).previousOfDownstream = address;
    stream.nextOfDownstream = 0;
    stream.previousOfDownstream = 0;
  }
}
