import type { CompileRegex } from "../translate/ir-to-routes/translate-to-routes.js";

/**
 * Compiles each pattern once as long as it is in use: a pattern that was not asked for between two calls of
 * `sweep` is forgotten.
 */
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

  sweep(): void {
    this.older = this.recent;
    this.recent = new Map();
  }
}
