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

/** Through `Stream.nextOfDownstream` and `Stream.previousOfDownstream`, in no order. */
export class DownstreamStreamList {
  head: usize = 0;
  length: u32 = 0;

  add(stream: Stream): void {
    const address = changetype<usize>(stream);
    stream.previousOfDownstream = 0;
    stream.nextOfDownstream = this.head;
    if (this.head != 0) changetype<Stream>(this.head).previousOfDownstream = address;
    this.head = address;
    this.length++;
  }

  first(): Stream {
    return changetype<Stream>(this.head);
  }

  remove(stream: Stream): void {
    if (stream.previousOfDownstream == 0) this.head = stream.nextOfDownstream;
    else {
      changetype<Stream>(stream.previousOfDownstream).nextOfDownstream = stream.nextOfDownstream;
    }
    if (stream.nextOfDownstream != 0) {
      changetype<Stream>(stream.nextOfDownstream).previousOfDownstream =
        stream.previousOfDownstream;
    }
    stream.nextOfDownstream = 0;
    stream.previousOfDownstream = 0;
    this.length--;
  }
}
