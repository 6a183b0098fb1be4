import { RE2JSException } from "re2js";
import { type Automaton, TooComplex } from "./automaton.js";
import { BoundedCache } from "./bounded-cache.js";
import { determinize } from "./determinize.js";
import { literalPrefix } from "./literal-prefix.js";
import { minimize } from "./minimize.js";
import { compileProgram } from "./program.js";
import { encodeTable, tableSizeBytes } from "./table.js";

const MAX_PATTERN_LENGTH = 65536;
/** Of the table that the module gets. */
const MAX_STATES = 4096;
const MAX_TABLE_BYTES = 1 << 20;
/** Before minimisation. */
const MAX_INTERMEDIATE_STATES = 4 * MAX_STATES;
/** About half a second. Counted, so that a pattern is not accepted on one machine and refused on another. */
const MAX_STEPS = 10_000_000;
const MAX_CACHE_BYTES = 64 << 20;
/** Of an entry besides its table. */
const ENTRY_BYTES = 512;

export type RegexCompilation =
  | {
      /** `metaproto.v1.Regex.dfa`. */
      readonly dfa: Uint8Array<ArrayBuffer>;
      /** `metaproto.v1.Regex.literal_prefix`. */
      readonly literalPrefix: string;
    }
  | { readonly error: string };

const cache = new BoundedCache<RegexCompilation>(MAX_CACHE_BYTES, sizeBytes);

/**
 * Compiles a pattern in RE2 syntax to an automaton over the bytes of UTF-8 that tells whether a whole value matches.
 * Everything that RE2 accepts can be compiled, assertions included. Bytes that are not UTF-8 match
 * nothing, but for what `Utf8Automaton` says.
 *
 * @returns what RE2 says of the pattern as `error` if it refuses it, or that the automaton is too large. The result may
 *   be shared: do not write to `dfa`.
 */
export function compileRegex(pattern: string): RegexCompilation {
  return cache.get(pattern, () => compile(pattern));
}

function sizeBytes(pattern: string, compilation: RegexCompilation): number {
  const table = "error" in compilation ? 0 : compilation.dfa.length;
  return ENTRY_BYTES + 2 * pattern.length + table;
}

function compile(pattern: string): RegexCompilation {
  if (pattern.length > MAX_PATTERN_LENGTH)
    return { error: `the pattern is longer than ${MAX_PATTERN_LENGTH} characters` };
  let automaton: Automaton;
  try {
    automaton = minimize(
      determinize(compileProgram(pattern), {
        maxStates: MAX_INTERMEDIATE_STATES,
        maxSteps: MAX_STEPS,
      }),
    );
  } catch (error) {
    if (error instanceof RE2JSException) return { error: error.message };
    if (error instanceof TooComplex) return tooComplex();
    throw error;
  }
  if (automaton.stateCount > MAX_STATES || tableSizeBytes(automaton) > MAX_TABLE_BYTES)
    return tooComplex();
  return { dfa: encodeTable(automaton), literalPrefix: literalPrefix(automaton) };
}

function tooComplex(): RegexCompilation {
  return {
    error:
      `the pattern is too complex: its automaton has more than ${MAX_STATES} states or ` +
      `${MAX_TABLE_BYTES} bytes; use shorter repetitions or smaller character classes`,
  };
}
