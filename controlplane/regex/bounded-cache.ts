/** Keeps the values that were used last, as many as there is room for. */
export class BoundedCache<V> {
  /** The most recently used come last. */
  private readonly values = new Map<string, V>();
  private usedBytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly sizeBytes: (key: string, value: V) => number,
  ) {}

  get(key: string, make: () => V): V {
    const cached = this.values.get(key);
    if (cached !== undefined) {
      this.values.delete(key);
      this.values.set(key, cached);
      return cached;
    }
    const value = make();
    this.values.set(key, value);
    this.usedBytes += this.sizeBytes(key, value);
    for (const [oldest, entry] of this.values) {
      if (this.usedBytes <= this.maxBytes) break;
      this.values.delete(oldest);
      this.usedBytes -= this.sizeBytes(oldest, entry);
    }
    return value;
  }
}
