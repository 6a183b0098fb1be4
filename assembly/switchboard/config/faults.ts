// What is wrong with a configuration: all of it, each fault with the path of its field.
// Allocates: on a fault; cold path only.

/** Collects faults while decoders walk through a configuration. */
export class Faults {
  /** How many were found; `text` shows the first of them. */
  count: u32 = 0;

  /** All faults, one a line, bounded in length. Empty: none. */
  text(): string {
    return "";
  }
}
