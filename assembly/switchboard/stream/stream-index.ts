// Open streams by the client's connection and the id that the client gave them.
//
// A hash table with linear probing; a removal moves up what stands behind, so that there are no
// tombstones and a lookup stays short however long a worker lives.
// Allocates: on growth.
import { Stream } from "./stream";

const LEAST_SLOTS: u32 = 64;
const SLOT_BYTES: usize = sizeof<usize>();
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;

export class StreamIndex {
  private slots: usize = 0;
  private capacity: u32 = 0;
  length: u32 = 0;

  /** The stream `id` of the connection object `source`, or null. */
  find(source: usize, id: u64): Stream | null {
    if (this.length == 0) return null;
    let at = this.home(source, id);
    while (true) {
      const address = load<usize>(this.slot(at));
      if (address == 0) return null;
      const stream = changetype<Stream>(address);
      if (stream.id == id && stream.downstream == source) return stream;
      at = this.next(at);
    }
  }

  /** False: the connection has a stream of this id already. */
  add(stream: Stream): bool {
    if (this.find(stream.downstream, stream.id) !== null) return false;
    if (this.length * 2 >= this.capacity) this.grow();
    this.put(stream);
    this.length++;
    return true;
  }

  remove(stream: Stream): void {
    if (this.length == 0) return;
    let at = this.home(stream.downstream, stream.id);
    while (load<usize>(this.slot(at)) != changetype<usize>(stream)) {
      if (load<usize>(this.slot(at)) == 0) return;
      at = this.next(at);
    }
    this.length--;
    this.close(at);
  }

  /** Fills the gap at `gap` with what would not be found behind it any more. */
  private close(gap: u32): void {
    store<usize>(this.slot(gap), 0);
    for (let at = this.next(gap); load<usize>(this.slot(at)) != 0; at = this.next(at)) {
      const stream = load<Stream>(this.slot(at));
      const home = this.home(stream.downstream, stream.id);
      const mask = this.capacity - 1;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      store<Stream>(this.slot(gap), stream);
      store<usize>(this.slot(at), 0);
      gap = at;
    }
  }

  private put(stream: Stream): void {
    let at = this.home(stream.downstream, stream.id);
    while (load<usize>(this.slot(at)) != 0) at = this.next(at);
    store<Stream>(this.slot(at), stream);
  }

  private grow(): void {
    const old = this.slots;
    const oldCapacity = this.capacity;
    const capacity = oldCapacity == 0 ? LEAST_SLOTS : oldCapacity * 2;
    this.slots = heap.alloc(<usize>capacity * SLOT_BYTES);
    memory.fill(this.slots, 0, <usize>capacity * SLOT_BYTES);
    this.capacity = capacity;
    for (let i: u32 = 0; i < oldCapacity; i++) {
      const address = load<usize>(old + <usize>i * SLOT_BYTES);
      if (address != 0) this.put(changetype<Stream>(address));
    }
    if (old != 0) heap.free(old);
  }

  private home(source: usize, id: u64): u32 {
    const mixed = (id ^ ((<u64>source) << 29)) * MULTIPLIER;
    return (<u32>(mixed >> 32)) & (this.capacity - 1);
  }

  private next(at: u32): u32 {
    return (at + 1) & (this.capacity - 1);
  }

  private slot(at: u32): usize {
    return this.slots + <usize>at * SLOT_BYTES;
  }
}

export const openStreams = new StreamIndex();
