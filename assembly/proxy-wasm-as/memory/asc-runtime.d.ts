// For tsc only: what the SDK uses of asc's runtime beyond its public declarations.

/** Root of the allocator's free lists, in std/rt/tlsf.ts; 0 before the first allocation. */
export declare const ROOT: usize;

declare global {
  /** Frees all managed objects that no global reaches; std/rt/tcms.ts. */
  function __collect(): void;
}
