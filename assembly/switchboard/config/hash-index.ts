// A growing hash table of references, in the layout that a route table looks up in
// (route/hash-slots.ts), so that a finished one is copied as it is. What a reference means, and
// whether two entries with one hash are equal, is the caller's business:
//
//   for (let slot = index.start(hash); index.reference(slot) != 0; slot = index.next(slot)) {
//     if (index.hash(slot) == hash && <equal>) return index.reference(slot);
//   }
//
// Allocates: on growth; cold path only.

import { firstSlot, SLOT_BYTES, SLOT_REFERENCE } from "../route/hash-slots";

const LEAST_BITS: u32 = 2;

export class HashIndex {
  private slots: usize = 0;
  private bits: u32 = 0;
  private count: u32 = 0;

  constructor() {
    this.allocate(LEAST_BITS);
  }

  /** For `firstSlot`. */
  get shift(): u32 {
    return 32 - this.bits;
  }

  get slotCount(): u32 {
    return 1 << this.bits;
  }

  /** A slot is a number below `slotCount`. */
  start(hash: u32): u32 {
    return firstSlot(hash, this.shift);
  }

  next(slot: u32): u32 {
    return (slot + 1) & (this.slotCount - 1);
  }

  hash(slot: u32): u32 {
    return load<u32>(this.slots + <usize>slot * SLOT_BYTES);
  }

  /** 0: the slot is empty. */
  reference(slot: u32): u32 {
    return load<u32>(this.slots + <usize>slot * SLOT_BYTES, SLOT_REFERENCE);
  }

  setReference(slot: u32, reference: u32): void {
    store<u32>(this.slots + <usize>slot * SLOT_BYTES, reference, SLOT_REFERENCE);
  }

  /** Adds an entry that is known to be absent; `reference` is not 0. */
  insert(hash: u32, reference: u32): void {
    if ((this.count + 1) << 1 > this.slotCount) this.grow();
    this.count++;
    this.place(hash, reference);
  }

  free(): void {
    if (this.slots != 0) heap.free(this.slots);
    this.slots = 0;
    this.bits = 0;
    this.count = 0;
  }

  private place(hash: u32, reference: u32): void {
    let slot = this.start(hash);
    while (this.reference(slot) != 0) slot = this.next(slot);
    const address = this.slots + <usize>slot * SLOT_BYTES;
    store<u32>(address, hash);
    store<u32>(address, reference, SLOT_REFERENCE);
  }

  private allocate(bits: u32): void {
    const bytes = SLOT_BYTES << bits;
    this.slots = heap.alloc(bytes);
    this.bits = bits;
    memory.fill(this.slots, 0, bytes);
  }

  private grow(): void {
    const old = this.slots;
    const end = old + <usize>this.slotCount * SLOT_BYTES;
    this.allocate(this.bits + 1);
    for (let slot = old; slot < end; slot += SLOT_BYTES) {
      const reference = load<u32>(slot, SLOT_REFERENCE);
      if (reference != 0) this.place(load<u32>(slot), reference);
    }
    heap.free(old);
  }
}
