import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AttributeMatchSchema } from "../../gen/metaproto/v1/route_pb.js";
import type { AttributeMatch } from "../../ir/attribute-match.js";

/** Compiles a pattern in RE2 syntax to the automaton of metaproto.v1.Regex. */
export type CompileRegex = (
  pattern: string,
) => { readonly dfa: Uint8Array; readonly literalPrefix: string } | { readonly error: string };

export type MatchInit = MessageInitShape<typeof AttributeMatchSchema>;

/** Translates matches; what cannot be compiled is reported to `refuse`. */
export type TranslateMatches = (matches: readonly AttributeMatch[]) => MatchInit[];

export function matchTranslator(
  compileRegex: CompileRegex,
  refuse: (message: string) => void,
): TranslateMatches {
  return (matches) => matches.map((match) => attributeMatch(match, compileRegex, refuse));
}

function attributeMatch(
  from: AttributeMatch,
  compileRegex: CompileRegex,
  refuse: (message: string) => void,
): MatchInit {
  const { name, invert, specifier } = from;
  switch (specifier.kind) {
    case "exact":
    case "prefix":
      return { name, invert, specifier: { case: specifier.kind, value: specifier.value } };
    case "present":
      return { name, invert, specifier: { case: "present", value: true } };
    case "regex": {
      const { pattern } = specifier;
      const compiled = compileRegex(pattern);
      if ("error" in compiled) {
        refuse(`match on ${name}: regex ${JSON.stringify(pattern)}: ${compiled.error}`);
        return { name, invert };
      }
      return { name, invert, specifier: { case: "regex", value: { pattern, ...compiled } } };
    }
  }
}
