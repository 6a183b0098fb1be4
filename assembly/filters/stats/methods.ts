// The methods that are told apart: of each route configuration the first ones that come, as long as they have
// series.
// Allocates: when a method comes that has none.
import { Slice } from "../../codec/message";
import { equalBytes, hashBytes } from "../../wire/bytes";
import { ChainLink, Chains } from "./chains";

const CHAINS: u32 = 256;

/** A route configuration, whose owner is a StatsConfig, or one of its methods, whose owner it is. */
@unmanaged
class Name extends ChainLink {
  owner: usize;
  /** Methods of a route configuration; series of a method. */
  count: u32;
  len: u32;
}

export class Methods {
  private readonly chains: Chains = new Chains(CHAINS);

  private find(owner: usize, name: Slice): usize {
    const hash = hashOf(owner, name);
    let at = this.chains.first(hash);
    while (at != 0) {
      const known = changetype<Name>(at);
      const isOwners = known.hash == hash && known.owner == owner && known.len == name.len;
      if (isOwners && equalBytes(at + offsetof<Name>(), name.ptr, name.len)) break;
      at = known.chain;
    }
    return at;
  }

  /** Whether there may be series of this method, with `most` methods of a route configuration. */
  admits(config: usize, table: Slice, method: Slice, most: u32): bool {
    const owner = this.find(config, table);
    if (owner == 0 || changetype<Name>(owner).count < most) return true;
    return this.find(owner, method) != 0;
  }

  /** One more series of a method that has been admitted. */
  retain(config: usize, table: Slice, method: Slice): void {
    let owner = this.find(config, table);
    if (owner == 0) owner = this.add(config, table);
    let at = this.find(owner, method);
    if (at == 0) {
      at = this.add(owner, method);
      changetype<Name>(owner).count++;
    }
    changetype<Name>(at).count++;
  }

  /** One series less; nothing happens if the method was never admitted. */
  release(config: usize, table: Slice, method: Slice): void {
    const owner = this.find(config, table);
    if (owner == 0) return;
    const at = this.find(owner, method);
    if (at == 0 || --changetype<Name>(at).count > 0) return;
    this.remove(at);
    if (--changetype<Name>(owner).count == 0) this.remove(owner);
  }

  private add(owner: usize, name: Slice): usize {
    const at = heap.alloc(offsetof<Name>() + <usize>name.len);
    const added = changetype<Name>(at);
    added.hash = hashOf(owner, name);
    added.owner = owner;
    added.count = 0;
    added.len = name.len;
    memory.copy(at + offsetof<Name>(), name.ptr, name.len);
    this.chains.add(at);
    return at;
  }

  private remove(at: usize): void {
    this.chains.remove(at);
    heap.free(at);
  }
}

function hashOf(owner: usize, name: Slice): u32 {
  return hashBytes(name.ptr, name.len) ^ (<u32>owner * 0x9e3779b1);
}
