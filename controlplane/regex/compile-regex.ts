export type RegexCompilation =
  | {
      /** `metaproto.v1.Regex.dfa`. */
      readonly dfa: Uint8Array<ArrayBuffer>;
      /** `metaproto.v1.Regex.literal_prefix`. */
      readonly literalPrefix: string;
    }
  | { readonly error: string };

/** Compiles a pattern in RE2 syntax to an automaton that tells whether a whole value matches. */
export function compileRegex(pattern: string): RegexCompilation {
  return { error: `not yet: ${pattern}` };
}
