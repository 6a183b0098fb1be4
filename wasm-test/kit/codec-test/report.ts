// What the kit says: one line for each check.
import type { Failure } from "./failure.js";
import type { Mode } from "./subject.js";

export type Outcome = "passed" | "failed" | "not applicable";

export interface CheckResult {
  readonly name: string;
  readonly outcome: Outcome;
  /** How much was done; of what is not applicable: why. */
  readonly detail: string;
  /** Of a check that failed: the first of each frame. */
  readonly failures: readonly Failure[];
  readonly milliseconds: number;
}

export interface Report {
  readonly module: string;
  readonly captures: string;
  /** Frames that were read. */
  readonly frames: number;
  /** Recorded files that were left out, with the reason. */
  readonly unused: readonly string[];
  /** Undefined: the module forwards no request. */
  readonly mode: Mode | undefined;
  readonly checks: readonly CheckResult[];
  readonly isPassed: boolean;
}

const SHOWN_FAILURES = 5;

/** For people; without an end of line at its end. */
export function formatReport(report: Report): string {
  const { module, frames, captures, mode, unused, checks } = report;
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = [
    `${module}: ${frames} frames of ${captures}${mode === undefined ? "" : `, ${mode}`}`,
    ...(unused.length === 0 ? [] : [`${unused.length} files left out`]),
    "",
  ];
  for (const { name, outcome, detail, failures } of checks) {
    lines.push(`${name.padEnd(width)}  ${outcome.padEnd(14)}  ${detail}`.trimEnd());
    for (const failure of failures.slice(0, SHOWN_FAILURES)) lines.push(...formatFailure(failure));
    if (failures.length > SHOWN_FAILURES)
      lines.push(`    and ${failures.length - SHOWN_FAILURES} more`);
  }
  const count = (outcome: Outcome): number =>
    checks.filter((check) => check.outcome === outcome).length;
  const counts = `${count("passed")} passed, ${count("failed")} failed`;
  return [...lines, "", `${counts}, ${count("not applicable")} not applicable`].join("\n");
}

function formatFailure({ frame, offset, expected, seen }: Failure): string[] {
  const place = offset === undefined ? frame : `${frame}, byte ${offset}`;
  return [`    ${place}`, `      expected  ${expected}`, `      seen      ${seen}`];
}
