// What the demo shows: one screen that is painted anew on a terminal, plain lines elsewhere.
import type { TrafficTally } from "../envoy/support/peer-client.js";

export interface ViewRow {
  readonly client: string;
  /** The last full second; undefined before it. */
  readonly tally: TrafficTally | undefined;
}

const CLEAR_SCREEN = "\u001b[H\u001b[2J";
const BAR_WIDTH = 20;

function shares(tally: TrafficTally): Map<string, number> {
  const sums = new Map<string, number>();
  for (const versions of Object.values(tally.counts)) {
    for (const [version, count] of Object.entries(versions)) {
      sums.set(version, (sums.get(version) ?? 0) + count);
    }
  }
  return sums;
}

function percent(part: number, whole: number): string {
  return `${((part * 100) / Math.max(1, whole)).toFixed(0)}%`;
}

function bar(part: number, whole: number): string {
  const filled = Math.round((part * BAR_WIDTH) / Math.max(1, whole));
  return "#".repeat(filled) + ".".repeat(BAR_WIDTH - filled);
}

function rowLines({ client, tally }: ViewRow): string[] {
  if (tally === undefined) return [`${client.padEnd(14)} starting`];
  const sums = [...shares(tally)].sort(([a], [b]) => a.localeCompare(b));
  const total = sums.reduce((sum, [, count]) => sum + count, 0);
  const v2 = sums.find(([version]) => version === "v2")?.[1] ?? 0;
  const versions = sums.map(([version, count]) => `${version} ${percent(count, total)}`).join("  ");
  const head =
    `${client.padEnd(14)} ${String(tally.requests).padStart(6)} requests/s  ` +
    `v1 [${bar(v2, total)}] v2  ${versions.padEnd(16)} p50 ${tally.p50Ms.toFixed(1)} ms  ` +
    `p99 ${tally.p99Ms.toFixed(1)} ms  errors ${String(tally.failed)}`;
  const methods = Object.entries(tally.counts).map(([method, counts]) => {
    const answers = Object.entries(counts)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([version, count]) => `${version}:${String(count)}`);
    return `${method} ${answers.join(" ")}`;
  });
  return [head, `${" ".repeat(15)}${methods.join("   ")}`];
}

export class View {
  readonly #isTerminal = process.stdout.isTTY;
  #title = "";
  readonly #notes: string[] = [];

  /** The step that is being shown. */
  title(text: string): void {
    this.#title = text;
    if (!this.#isTerminal) console.log(`\n== ${text}`);
  }

  /** A line that stays. */
  note(text: string): void {
    this.#notes.push(text);
    if (!this.#isTerminal) console.log(`   ${text}`);
  }

  paint(rows: readonly ViewRow[]): void {
    const lines = rows.flatMap(rowLines);
    if (!this.#isTerminal) return;
    const screen = ["metaproto demo", "", `== ${this.#title}`, "", ...lines, "", ...this.#notes];
    process.stdout.write(CLEAR_SCREEN + screen.join("\n") + "\n");
  }

  /** The rows once, as lines, where there is no screen to look at. */
  print(rows: readonly ViewRow[]): void {
    if (this.#isTerminal) return;
    for (const line of rows.flatMap(rowLines)) console.log(`   ${line}`);
  }
}
