// The series of one kind: found by their key, bounded in number. One that nobody has used for a day is given
// up; where there is no room, for it or for its method, the one that has been unused for longest is, after ten
// minutes.
//
// A series whose route is gone cannot be told from one whose route is idle. To give up one that comes back
// costs the host a new id for each of its metrics, which it keeps as long as the VM lives: hence a day.
//
// Allocates: when a series begins.
import { ChainLink, Chains } from "./chains";
import { Series, SeriesKey } from "./series";

const CHAINS: u32 = 1024;
const UNUSED_MS: u64 = 24 * 60 * 60 * 1000;
const REPLACED_MS: u64 = 10 * 60 * 1000;
/** Between two searches for one that may be replaced, while there is none. */
const SEARCH_MS: u64 = 1000;

export class SeriesTable {
  private readonly chains: Chains = new Chains(CHAINS);
  /** Of the list of all; 0: there is none. */
  first: usize = 0;
  count: u32 = 0;
  private searchMs: u64 = 0;

  constructor(private readonly most: u32) {}

  /** `key` is sealed; 0: there is none. */
  find(key: SeriesKey, hash: u32): usize {
    let at = this.chains.first(hash);
    while (at != 0) {
      if (key.equals(changetype<Series>(at))) break;
      at = changetype<ChainLink>(at).chain;
    }
    return at;
  }

  /** Whether one more series has room; if not, `unused` may have one to give up. */
  get hasRoom(): bool {
    return this.count < this.most;
  }

  add(series: Series): void {
    const at = changetype<usize>(series);
    this.chains.add(at);
    series.next = this.first;
    if (this.first != 0) changetype<Series>(this.first).previous = at;
    this.first = at;
    this.count++;
  }

  /** The caller frees it. */
  remove(series: Series): void {
    this.chains.remove(changetype<usize>(series));
    if (series.next != 0) changetype<Series>(series.next).previous = series.previous;
    if (series.previous != 0) changetype<Series>(series.previous).next = series.next;
    else this.first = series.next;
    this.count--;
  }

  /** One that makes room, of the route configuration of `sibling` if there is one; 0: all are in use. */
  replaceable(nowMs: u64, sibling: SeriesKey | null): usize {
    if (nowMs < this.searchMs) return 0;
    const found = this.unused(nowMs, REPLACED_MS, sibling);
    if (found == 0) this.searchMs = nowMs + SEARCH_MS;
    return found;
  }

  /** One that nobody has used for a day; 0: there is none. */
  outdated(nowMs: u64): usize {
    return this.unused(nowMs, UNUSED_MS, null);
  }

  private unused(nowMs: u64, forMs: u64, sibling: SeriesKey | null): usize {
    let found: usize = 0;
    let usedMs: u64 = nowMs < forMs ? 0 : nowMs - forMs;
    for (let at = this.first; at != 0; at = changetype<Series>(at).next) {
      const series = changetype<Series>(at);
      // What it has counted has been told, or would be lost.
      if (series.active > 0 || series.isChanged || series.usedMs >= usedMs) continue;
      if (sibling !== null && !sibling.isSibling(series)) continue;
      usedMs = series.usedMs;
      found = at;
    }
    return found;
  }
}
