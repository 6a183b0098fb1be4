// A growable array of addresses without the garbage collector's knowledge: what it points to is
// kept alive by somebody else.
// Allocates: on growth.

const FIRST_CAPACITY: u32 = 4;

export class PointerVector {
  private data: usize = 0;
  private capacity: u32 = 0;
  length: u32 = 0;

  at(index: u32): usize {
    return load<usize>(this.data + <usize>index * sizeof<usize>());
  }

  push(pointer: usize): void {
    if (this.length == this.capacity) {
      const capacity = this.capacity == 0 ? FIRST_CAPACITY : this.capacity * 2;
      const data = heap.alloc(<usize>capacity * sizeof<usize>());
      memory.copy(data, this.data, <usize>this.length * sizeof<usize>());
      if (this.data != 0) heap.free(this.data);
      this.data = data;
      this.capacity = capacity;
    }
    store<usize>(this.data + <usize>this.length * sizeof<usize>(), pointer);
    this.length++;
  }

  /** The last pointer; call only when `length` is not 0. */
  pop(): usize {
    this.length--;
    return this.at(this.length);
  }

  /** Removes `pointer` by moving the last one to its place; false when it is not here. */
  remove(pointer: usize): bool {
    for (let i: u32 = 0; i < this.length; i++) {
      if (this.at(i) == pointer) {
        this.removeAt(i);
        return true;
      }
    }
    return false;
  }

  removeAt(index: u32): void {
    this.length--;
    store<usize>(this.data + <usize>index * sizeof<usize>(), this.at(this.length));
  }

  /** Gives the memory back; the vector is empty and usable. */
  free(): void {
    if (this.data != 0) heap.free(this.data);
    this.data = 0;
    this.capacity = 0;
    this.length = 0;
  }
}
