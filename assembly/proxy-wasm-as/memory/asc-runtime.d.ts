// For tsc only: what the SDK uses of asc's runtime beyond its public declarations.

/** Root of the allocator's free lists, in std/rt/tlsf.ts; 0 before the first allocation. */
export declare const ROOT: usize;

declare global {
  /** Frees all managed objects that no global reaches; std/rt/tcms.ts. */
  function __collect(): void;
  /** Keeps an object, and what it refers to, from the garbage collector until `__unpin`; returns it. */
  function __pin(ptr: usize): usize;
  function __unpin(ptr: usize): void;
}
