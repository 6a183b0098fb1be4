// What streams refer to by its address, out of the garbage collector's sight.
// Allocates: never.

export class Retained {
  /** Streams that refer to it. */
  private users: u32 = 0;

  /** It stays where it is until each stream has released it, whoever else has forgotten it by then. */
  retain(): void {
    if (this.users++ == 0) __pin(changetype<usize>(this));
  }

  release(): void {
    if (--this.users == 0) __unpin(changetype<usize>(this));
  }
}
