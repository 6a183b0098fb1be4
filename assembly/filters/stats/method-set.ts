// The methods that one configuration tells apart: the first ones that come, as long as they have series.
// Allocates: when a method comes that has none.
import { equalBytes, hashBytes } from "../../wire/bytes";
import { ChainLink, Chains } from "./chains";

const CHAINS: u32 = 64;

@unmanaged
class Method extends ChainLink {
  /** Series of this method. */
  series: u32;
  len: u32;
}

export class MethodSet {
  private readonly chains: Chains = new Chains(CHAINS);
  private count: u32 = 0;

  constructor(private readonly most: u32) {}

  private find(ptr: usize, len: u32, hash: u32): usize {
    let at = this.chains.first(hash);
    while (at != 0) {
      const method = changetype<Method>(at);
      if (method.hash == hash && method.len == len && equalBytes(at + offsetof<Method>(), ptr, len))
        break;
      at = method.chain;
    }
    return at;
  }

  /** Whether there may be series of this method. */
  admits(ptr: usize, len: u32): bool {
    return this.count < this.most || this.find(ptr, len, hashBytes(ptr, len)) != 0;
  }

  /** One more series of it; it has been admitted. */
  retain(ptr: usize, len: u32): void {
    const hash = hashBytes(ptr, len);
    const known = this.find(ptr, len, hash);
    if (known != 0) {
      changetype<Method>(known).series++;
      return;
    }
    const at = heap.alloc(offsetof<Method>() + <usize>len);
    const method = changetype<Method>(at);
    method.hash = hash;
    method.series = 1;
    method.len = len;
    memory.copy(at + offsetof<Method>(), ptr, len);
    this.chains.add(at);
    this.count++;
  }

  /** One series less. */
  release(ptr: usize, len: u32): void {
    const at = this.find(ptr, len, hashBytes(ptr, len));
    if (at == 0 || --changetype<Method>(at).series > 0) return;
    this.chains.remove(at);
    heap.free(at);
    this.count--;
  }
}
