// From the host's context ids to the plugin's context objects; the only global state of the SDK.
// Open addressing with linear probing, at most half full; removal moves later entries back, so there
// are no tombstones and a table in which contexts come and go for days stays as fast as on its first.
// Ids are handed out in sequence and clients decide which ones stay: Fibonacci hashing keeps any
// pattern of survivors spread.
// Allocates: on growth only; it never shrinks. The old arrays go at the next collection.

import { canHeapAllocate } from "../memory/heap-limit";
import { HttpContext } from "./http-context";
import { PluginContext } from "./plugin-context";
import { StreamContext } from "./stream-context";

/** 2^32 / golden ratio, odd. */
const HASH_MULTIPLIER: u32 = 0x9e3779b1;
const INITIAL_BITS: u32 = 6;
const MAX_BITS: u32 = 26;
/** Id 0 is the VM's own context, of which no plugin has an object. */
const NO_ID: u32 = 0;
/** Per slot: a key and a reference. Twice the header of an array. */
const SLOT_BYTES: usize = 8;
const ARRAYS_OVERHEAD_BYTES: usize = 64;

@final
export class ContextTable<T> {
  private bits: u32 = INITIAL_BITS;
  private ids: StaticArray<u32> = new StaticArray<u32>(1 << INITIAL_BITS);
  private contexts: StaticArray<T | null> = new StaticArray<T | null>(1 << INITIAL_BITS);
  /** Contexts in the table. */
  count: i32 = 0;

  /** The context with this id, or null. */
  get(id: u32): T | null {
    if (id == NO_ID) return null;
    const mask = (1 << this.bits) - 1;
    let slot = this.home(id);
    // SAFETY: slot <= mask, and the table is at most half full, so a free slot ends the loop.
    while (true) {
      const found = unchecked(this.ids[slot]);
      if (found == id) return unchecked(this.contexts[slot]);
      if (found == NO_ID) return null;
      slot = (slot + 1) & mask;
    }
  }

  /** Adds or replaces; false when memory does not suffice (or for id 0), and then nothing has changed. */
  set(id: u32, context: T): bool {
    if (id == NO_ID) return false;
    if (2 * (this.count + 1) > 1 << this.bits && !this.grow()) return false;
    this.put(id, context);
    return true;
  }

  /** Removes the context with this id, if there is one. */
  remove(id: u32): void {
    if (id == NO_ID) return;
    const mask = (1 << this.bits) - 1;
    let hole = this.home(id);
    while (true) {
      const found = unchecked(this.ids[hole]);
      if (found == NO_ID) return;
      if (found == id) break;
      hole = (hole + 1) & mask;
    }
    this.count--;
    let slot = hole;
    while (true) {
      slot = (slot + 1) & mask;
      const moved = unchecked(this.ids[slot]);
      if (moved == NO_ID) break;
      // An entry may fill the hole unless that lies before its home, counted around the ring.
      if (((slot - this.home(moved)) & mask) < ((slot - hole) & mask)) continue;
      unchecked((this.ids[hole] = moved));
      unchecked((this.contexts[hole] = this.contexts[slot]));
      hole = slot;
    }
    unchecked((this.ids[hole] = NO_ID));
    unchecked((this.contexts[hole] = null));
  }

  private home(id: u32): i32 {
    return <i32>((id * HASH_MULTIPLIER) >>> (32 - this.bits));
  }

  private put(id: u32, context: T | null): void {
    const mask = (1 << this.bits) - 1;
    let slot = this.home(id);
    while (true) {
      const found = unchecked(this.ids[slot]);
      if (found == NO_ID) break;
      if (found == id) {
        unchecked((this.contexts[slot] = context));
        return;
      }
      slot = (slot + 1) & mask;
    }
    unchecked((this.ids[slot] = id));
    unchecked((this.contexts[slot] = context));
    this.count++;
  }

  private grow(): bool {
    const bits = this.bits + 1;
    if (bits > MAX_BITS || !canHeapAllocate((SLOT_BYTES << bits) + ARRAYS_OVERHEAD_BYTES)) {
      return false;
    }
    const ids = this.ids;
    const contexts = this.contexts;
    this.bits = bits;
    this.ids = new StaticArray<u32>(1 << bits);
    this.contexts = new StaticArray<T | null>(1 << bits);
    this.count = 0;
    for (let i = 0; i < ids.length; i++) {
      const id = unchecked(ids[i]);
      if (id != NO_ID) this.put(id, unchecked(contexts[i]));
    }
    return true;
  }
}

export const pluginContexts = new ContextTable<PluginContext>();
export const streamContexts = new ContextTable<StreamContext>();
export const httpContexts = new ContextTable<HttpContext>();
