// How much of a long piece of work one VM call does. A worker serves nobody while it is in a call, so
// what may take longer than a few requests do is done in slices.
// Allocates: never.

/** In units of about 100 ns: a record read, indexed or written. */
export class WorkBudget {
  private left: u32;

  constructor(units: u32) {
    this.left = units;
  }

  /** For the next slice. */
  refill(units: u32): void {
    this.left = units;
  }

  /** Before so much is done; false: not now, the slice is over. The last one may exceed the budget. */
  spend(units: u32): bool {
    if (this.left == 0) return false;
    this.left -= min(this.left, units);
    return true;
  }
}

/** For work that is not sliced. */
export const WHOLE: u32 = u32.MAX_VALUE;
