// Which branches of the sources were reached, by file and by function.
import type { Branch } from "../kit/steps/instrument.js";

export interface FileCoverage {
  /** Path in the repository. */
  readonly file: string;
  readonly reached: number;
  readonly total: number;
  /** Branches that were not reached, of each function that has some. */
  readonly missed: ReadonlyMap<string, readonly Branch["kind"][]>;
}

/** `assembly/wire/bytes/equalBytes` is the function `equalBytes` of the file `assembly/wire/bytes.ts`. */
function splitName(name: string): { file: string; member: string } {
  const plain = name.replace(/<.*>/, "").replace(/\|.*$/, "");
  const at = plain.lastIndexOf("/");
  return { file: `${plain.slice(0, at)}.ts`, member: plain.slice(at + 1) };
}

/** `map`: a byte for each branch. Sorted by file. */
export function coverageByFile(
  branches: readonly Branch[],
  map: Uint8Array,
): readonly FileCoverage[] {
  const files = new Map<
    string,
    { reached: number; total: number; missed: Map<string, Branch["kind"][]> }
  >();
  branches.forEach((branch, index) => {
    const { file, member } = splitName(branch.function);
    const entry = files.get(file) ?? {
      reached: 0,
      total: 0,
      missed: new Map<string, Branch["kind"][]>(),
    };
    files.set(file, entry);
    entry.total++;
    if (map[index] !== 0) {
      entry.reached++;
      return;
    }
    const missed = entry.missed.get(member) ?? [];
    entry.missed.set(member, [...missed, branch.kind]);
  });
  return [...files]
    .map(([file, entry]) => ({ file, ...entry }))
    .sort((a, b) => a.file.localeCompare(b.file));
}

/** One line for a file, and what it misses if that is asked for. */
export function describeCoverage(coverage: readonly FileCoverage[], isDetailed: boolean): string[] {
  const width = Math.max(0, ...coverage.map(({ file }) => file.length));
  const sum = { file: "all", reached: 0, total: 0, missed: new Map<string, Branch["kind"][]>() };
  for (const { reached, total } of coverage) {
    sum.reached += reached;
    sum.total += total;
  }
  return [...coverage, sum].flatMap(({ file, reached, total, missed }) => {
    const percent = total === 0 ? 100 : Math.floor((100 * reached) / total);
    const line = `${file.padEnd(width)}  ${`${reached}/${total}`.padStart(9)}  ${percent} %`;
    const details = [...missed].map(([member, kinds]) => `    ${member}: ${kinds.join(" ")}`);
    return isDetailed ? [line, ...details] : [line];
  });
}
