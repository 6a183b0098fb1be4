// Text that is encoded once, at start-up, and handed to the host as it is ever after.
// Host calls take UTF-8 addresses; encoding a string per call would allocate on the data path.
// Allocates: unmanaged heap in the constructor, never freed: make these at start-up, not per stream.

/** UTF-8 bytes that live as long as the VM. */
export class StaticBytes {
  readonly ptr: usize;
  readonly len: u32;

  constructor(text: string) {
    const len = String.UTF8.byteLength(text);
    const ptr = heap.alloc(max(len, 1));
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, ptr);
    this.ptr = ptr;
    this.len = <u32>len;
  }
}
