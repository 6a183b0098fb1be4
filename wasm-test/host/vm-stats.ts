/** What a VM has done, for tests that assert cost. Read it, or subtract two snapshots. */
export class VmStats {
  /** Calls out of the module by the name of the host function. */
  readonly hostCalls: Record<string, number> = {};
  /** Bytes the host copied into the VM's memory. */
  bytesIn = 0;
  /** Bytes the host read from the VM's memory. */
  bytesOut = 0;
  /** Most VM calls that were on the stack at once. */
  peakNesting = 0;

  /** Calls out of the module, all names together. */
  get totalHostCalls(): number {
    return Object.values(this.hostCalls).reduce((sum, count) => sum + count, 0);
  }

  /** Sets all counters to 0. */
  reset(): void {
    for (const name of Object.keys(this.hostCalls)) this.hostCalls[name] = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
    this.peakNesting = 0;
  }
}
