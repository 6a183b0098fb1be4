// AssemblyScript: where inputs lie, and where what is written for them goes.
//
//   | heap, static memory ... | room: guard, bytes, guard | ... | input |  end of memory
//
// An input ends where the memory ends: a read behind it traps. In another place, the bytes before
// and behind it are noise that must not matter.

const PAGE: usize = 65536;
const INPUT_PAGES: u32 = 2;
const GUARD_BYTES: u32 = 64;
const GUARD: u64 = 0xa5a5a5a5a5a5a5a5;

const room = memory.data(131072, 16);
const ROOM_BYTES: u32 = 131072 - 2 * GUARD_BYTES;
const elsewhere = memory.data(65536, 16);
let pages: i32 = 0;

/**
 * Takes the end of memory for inputs. The heap gets `heapBytes` before that: needing more shows as
 * memory that has grown.
 */
export function openRoom(heapBytes: u32): void {
  heap.free(heap.alloc(heapBytes));
  if (memory.grow(INPUT_PAGES) < 0) abort("no memory for inputs");
  pages = memory.size();
}

/** Fails when the heap needed more than it was given. */
export function checkMemory(): void {
  if (memory.size() != pages) abort("allocated more than the documented bound");
}

/** What lies below belongs to the module. */
export function inputsBegin(): usize {
  return (<usize>pages - INPUT_PAGES) * PAGE;
}

/** Copies an input to the very end of memory. */
export function placeAtEnd(ptr: usize, len: u32): usize {
  const place = <usize>memory.size() * PAGE - len;
  memory.copy(place, ptr, len);
  return place;
}

/** Copies an input among `noise` bytes. */
export function placeElsewhere(ptr: usize, len: u32, noise: u8): usize {
  memory.fill(elsewhere, noise, 64);
  const place = elsewhere + 33;
  memory.copy(place, ptr, len);
  memory.fill(place + len, noise, 64);
  return place;
}

/** Room for `bytes`, between guards. */
export function openOutput(bytes: u32): usize {
  if (bytes > ROOM_BYTES) abort("an output bound beyond all reason");
  const out = room + GUARD_BYTES;
  fillGuard(room);
  fillGuard(out + bytes);
  return out;
}

/** Fails when more than `bytes` were written at `out`, or anything outside of them. */
export function checkOutput(out: usize, bytes: u32, written: u32): void {
  if (written > bytes) abort("wrote more than the bound");
  checkGuard(room);
  checkGuard(out + bytes);
}

function fillGuard(at: usize): void {
  for (let i: usize = 0; i < GUARD_BYTES; i += 8) store<u64>(at + i, GUARD);
}

function checkGuard(at: usize): void {
  for (let i: usize = 0; i < GUARD_BYTES; i += 8) {
    if (load<u64>(at + i) != GUARD) abort("wrote outside of the room it was given");
  }
}

export function isEqual(a: usize, b: usize, len: u32): bool {
  return memory.compare(a, b, len) == 0;
}
