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
