import type { CompileRegex } from "../translate/ir-to-routes/translate-to-routes.js";

/** Remembers the automata of the patterns that were asked for lately. */
export class RegexCache {
  private recent = new Map<string, ReturnType<CompileRegex>>();
  private older: ReadonlyMap<string, ReturnType<CompileRegex>> = new Map();

  constructor(private readonly compileRegex: CompileRegex) {}

  readonly compile: CompileRegex = (pattern) => {
    const known = this.recent.get(pattern) ?? this.older.get(pattern);
    const result = known ?? this.compileRegex(pattern);
    this.recent.set(pattern, result);
    return result;
  };

  /** Forgets the patterns that were not asked for since the sweep before, if others were. */
  sweep(): void {
    if (this.recent.size === 0) return;
    this.older = this.recent;
    this.recent = new Map();
  }
}
