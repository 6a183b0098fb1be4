// Doubly linked lists of streams through their own fields.
// Allocates: never.
import { Stream } from "./stream";

/** First in, first out; through `Stream.next` and `Stream.previous`. */
export class StreamList {
  head: usize = 0;
  private tail: usize = 0;
  length: u32 = 0;

  push(stream: Stream): void {
    const address = changetype<usize>(stream);
    stream.next = 0;
    stream.previous = this.tail;
    if (this.tail == 0) this.head = address;
    else changetype<Stream>(this.tail).next = address;
    this.tail = address;
    this.length++;
  }

  /** The oldest; call only when `length` is not 0. */
  first(): Stream {
    return changetype<Stream>(this.head);
  }

  remove(stream: Stream): void {
    if (stream.previous == 0) this.head = stream.next;
    else changetype<Stream>(stream.previous).next = stream.next;
    if (stream.next == 0) this.tail = stream.previous;
    else changetype<Stream>(stream.next).previous = stream.previous;
    stream.next = 0;
    stream.previous = 0;
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
