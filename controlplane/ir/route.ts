// Routes of one listener, in order; the first whose matches all hold is taken.

export interface Route {
  readonly name: string;
  /** All must hold; empty: every request. */
  readonly match: readonly AttributeMatch[];
  /** At least one. */
  readonly destinations: readonly WeightedDestination[];
  /** Undefined: the module's default; 0: none. */
  readonly timeoutMs: number | undefined;
  readonly requestMutation: readonly Mutation[];
  readonly responseMutation: readonly Mutation[];
}

export interface AttributeMatch {
  /** Lower case. */
  readonly name: string;
  readonly specifier:
    | { readonly kind: "exact"; readonly value: string }
    | { readonly kind: "prefix"; readonly value: string }
    /** RE2 syntax, full match. */
    | { readonly kind: "regex"; readonly pattern: string }
    | { readonly kind: "present" };
  readonly invert: boolean;
}

export interface WeightedDestination {
  /** `outbound|<port>|<subset>|<host>`. */
  readonly cluster: string;
  readonly weight: number;
}

export interface Mutation {
  readonly operation: "set" | "addIfAbsent" | "remove";
  readonly key: string;
  readonly value: string;
}
