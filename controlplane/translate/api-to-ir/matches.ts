import type { AttributeMatches } from "../../api/attribute-match.js";
import type { AttributeMatch } from "../../ir/attribute-match.js";

export function matchOf(matches: AttributeMatches, invert = false): readonly AttributeMatch[] {
  return Object.entries(matches).map(([name, specifier]) => ({ name, specifier, invert }));
}
