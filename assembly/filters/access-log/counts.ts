// What the filter counts.
// Allocates: at configuration.

import { Counter, counterOf } from "../../filter/counter";

class Counts {
  private writtenCounter: Counter | null = null;
  private droppedCounter: Counter | null = null;

  define(): void {
    this.writtenCounter = counterOf("access_log_written");
    this.droppedCounter = counterOf("access_log_dropped");
  }

  /** A line or a record. */
  write(): void {
    const counter = this.writtenCounter;
    if (counter !== null) counter.value++;
  }

  /** Records that do not reach their collector, or a line that is too long. */
  drop(count: u32): void {
    const counter = this.droppedCounter;
    if (counter !== null) counter.value += count;
  }
}

export const counts = new Counts();
