// What was read of peers' metadata, found by the very text that they sent: decoded once, and nobody can say
// anything in the name of another.
//
// Four entries for each of 64 values of the text's hash; the one that has been unused for longest makes room.
//
// Allocates: when a peer is met.
import { filterHost } from "../../filter/filter-host";
import { PeerWorkload } from "../../filter/peer-workload";
import { decodeBase64 } from "../../wire/base64";
import { equalBytes, hashBytes } from "../../wire/bytes";
import { WorkloadTexts } from "./workload-texts";

/** Of the attribute; longer ones say nothing. Those of Istio have a few hundred. */
const MAX_METADATA_BYTES: u32 = 4096;
const SETS: u32 = 64;
const WAYS: u32 = 4;

@unmanaged
export class KnownPeer {
  hash: u32;
  /** Requests that refer to it. */
  references: u32;
  usedMs: u64;
  bytes: u32;
  textLen: u32;

  get text(): usize {
    return changetype<usize>(this) + offsetof<KnownPeer>();
  }

  /** Behind the text, at a multiple of 4. */
  get workload(): PeerWorkload {
    return changetype<PeerWorkload>((this.text + this.textLen + 3) & ~3);
  }
}

export class PeerCache {
  private readonly entries: usize = heap.alloc(<usize>(SETS * WAYS) * sizeof<usize>());
  private readonly decoded: usize = heap.alloc(MAX_METADATA_BYTES);
  private readonly texts: WorkloadTexts = new WorkloadTexts();

  constructor() {
    memory.fill(this.entries, 0, <usize>(SETS * WAYS) * sizeof<usize>());
  }

  /** The peer that says `len` bytes at `ptr` of itself; null: they say nothing, or there is no room. */
  find(ptr: usize, len: u32): KnownPeer | null {
    if (len == 0 || len > MAX_METADATA_BYTES) return null;
    const hash = hashBytes(ptr, len);
    const set = this.entries + <usize>((hash % SETS) * WAYS) * sizeof<usize>();
    for (let way: u32 = 0; way < WAYS; way++) {
      const at = load<usize>(set + <usize>way * sizeof<usize>());
      if (at == 0) continue;
      const peer = changetype<KnownPeer>(at);
      if (peer.hash != hash || peer.textLen != len || !equalBytes(peer.text, ptr, len)) continue;
      peer.usedMs = filterHost().nowMs;
      return peer;
    }
    const decodedLen = decodeBase64(ptr, len, this.decoded);
    if (decodedLen <= 0 || !this.texts.read(this.decoded, decodedLen)) return null;
    this.texts.complete();
    return this.add(set, hash, ptr, len);
  }

  private add(set: usize, hash: u32, ptr: usize, len: u32): KnownPeer | null {
    const slot = slotIn(set);
    if (slot == 0) return null;
    const host = filterHost();
    const former = load<usize>(slot);
    if (former != 0) host.free(former, changetype<KnownPeer>(former).bytes);
    store<usize>(slot, 0);
    const head = ((<u32>offsetof<KnownPeer>() + len + 3) & ~3) + 4;
    const bytes = head + this.texts.recordBytes;
    const at = host.allocate(bytes);
    if (at == 0) return null;
    const peer = changetype<KnownPeer>(at);
    peer.hash = hash;
    peer.references = 0;
    peer.usedMs = host.nowMs;
    peer.bytes = bytes;
    peer.textLen = len;
    memory.copy(peer.text, ptr, len);
    this.texts.writeRecord(peer.workload);
    store<usize>(slot, at);
    return peer;
  }
}

/** The place for one more entry; 0: requests refer to all that are there. */
function slotIn(set: usize): usize {
  let found: usize = 0;
  let usedMs: u64 = u64.MAX_VALUE;
  for (let way: u32 = 0; way < WAYS; way++) {
    const slot = set + <usize>way * sizeof<usize>();
    const at = load<usize>(slot);
    if (at == 0) return slot;
    const peer = changetype<KnownPeer>(at);
    if (peer.references > 0 || peer.usedMs >= usedMs) continue;
    usedMs = peer.usedMs;
    found = slot;
  }
  return found;
}
