// Keeps what went out of use for a while, for those who still use it.

export interface RetirementOptions<T> {
  /** Identity of an item. */
  readonly key: (item: T) => string;
  /** Milliseconds that an item stays after it went out of use. */
  readonly maxAgeMs: number;
  /** Items of a group beyond this number go at once, the oldest first; default: no bound. */
  readonly maxPerGroup?: number;
  readonly group?: (item: T) => string;
}

interface Retired<T> {
  readonly item: T;
  readonly sinceMs: number;
}

export class Retirement<T> {
  private current: ReadonlyMap<string, T> = new Map();
  /** In the order in which they went out of use. */
  private past = new Map<string, Retired<T>>();

  constructor(private readonly options: RetirementOptions<T>) {}

  /**
   * @param items what is in use now.
   * @param isWorthless tells of an item that goes out of use whether it is not to be kept.
   * @returns what is not in use any more but has to be kept, the latest first.
   */
  update(items: readonly T[], nowMs: number, isWorthless: (item: T) => boolean = () => false): T[] {
    const { key, maxAgeMs } = this.options;
    const current = new Map(items.map((item) => [key(item), item]));
    for (const [id, item] of this.current) {
      if (!current.has(id) && !isWorthless(item)) this.past.set(id, { item, sinceMs: nowMs });
    }
    this.current = current;
    for (const [id, { sinceMs }] of [...this.past]) {
      if (current.has(id) || nowMs - sinceMs >= maxAgeMs) this.past.delete(id);
    }
    this.dropSurplus();
    return [...this.past.values()].map(({ item }) => item).reverse();
  }

  /** When the next item is to go, in milliseconds since the Unix epoch; undefined: none is kept. */
  get nextExpiryMs(): number | undefined {
    const [oldest] = this.past.values();
    return oldest && oldest.sinceMs + this.options.maxAgeMs;
  }

  private dropSurplus(): void {
    const { maxPerGroup = Infinity, group = () => "" } = this.options;
    const counts = new Map<string, number>();
    for (const [id, { item }] of [...this.past].reverse()) {
      const count = (counts.get(group(item)) ?? 0) + 1;
      counts.set(group(item), count);
      if (count > maxPerGroup) this.past.delete(id);
    }
  }
}
