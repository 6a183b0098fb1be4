// How requests go to the endpoint again that has answered before.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

@unmanaged
export class StickySession {
  /** What the codec calls the attribute. */
  attribute: i32;
  /** Lower case. */
  namePtr: usize;
  /** In the letter case of the resource. */
  keyPtr: usize;
  /** Of both. */
  nameLen: u32;
  /** 0: without an end. */
  ttlMs: u32;
  /** An endpoint that is not there is an error. */
  isStrict: bool;
}
