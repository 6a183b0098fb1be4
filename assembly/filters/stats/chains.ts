// Records that are found by a hash: as many chains as are made at first. A record begins
// with ChainLink and belongs to whoever adds it.
// Allocates: at construction only.

@unmanaged
export class ChainLink {
  /** The next record of the chain. */
  chain: usize;
  hash: u32;
}

export class Chains {
  private readonly heads: StaticArray<usize>;

  /** `size` is a power of two. */
  constructor(private readonly size: u32) {
    this.heads = new StaticArray<usize>(<i32>size);
  }

  /** The first of the records among which those with this hash are; 0: none. */
  first(hash: u32): usize {
    return load<usize>(this.headOf(hash));
  }

  private headOf(hash: u32): usize {
    return changetype<usize>(this.heads) + <usize>(hash & (this.size - 1)) * sizeof<usize>();
  }

  /** `record.hash` is set. */
  add(record: usize): void {
    const link = changetype<ChainLink>(record);
    const head = this.headOf(link.hash);
    link.chain = load<usize>(head);
    store<usize>(head, record);
  }

  remove(record: usize): void {
    const link = changetype<ChainLink>(record);
    let at = this.headOf(link.hash);
    while (load<usize>(at) != record) at = load<usize>(at);
    store<usize>(at, link.chain);
  }
}
