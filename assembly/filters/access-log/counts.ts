// What the filter counts of lines; of records the exporters do, under the same names.
// Allocates: at configuration.

import { Counter, counterOf } from "../../filter/counter";

class Counts {
  private writtenCounter: Counter | null = null;
  private droppedCounter: Counter | null = null;

  define(): void {
    this.writtenCounter = counterOf("access_log_written");
    this.droppedCounter = counterOf("access_log_dropped");
  }

  write(): void {
    const counter = this.writtenCounter;
    if (counter !== null) counter.value++;
  }

  /** One that is too long, or for which there is no memory. */
  drop(): void {
    const counter = this.droppedCounter;
    if (counter !== null) counter.value++;
  }
}

export const counts = new Counts();
