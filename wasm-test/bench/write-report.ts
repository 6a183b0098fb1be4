// Writes a report into docs/bench: the generated part of README.md, the plots, results.json.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { plotFiles, type PlotFile } from "./plots.js";
import type { About, Report } from "./report.js";
import { resultsJson } from "./results-file.js";
import { sections, type Section } from "./tables.js";
import { faultsOf } from "./targets.js";

const MARK_BEGIN = "<!-- bench:begin -->";
const MARK_END = "<!-- bench:end -->";

/** How a report was made, in a sentence or two. */
export function aboutText(about: About): string {
  const { date, envoy, cpu, cores, kernel, rounds, closedSeconds, openSeconds, loadBefore } = about;
  const how = rounds === 1 ? "one round" : `medians of ${rounds} interleaved rounds`;
  return (
    `Envoy ${envoy}, one worker unless a load says otherwise; ${cores} cores of ${cpu}, ${kernel}, ` +
    `shared with generator and server, load average before it began ${loadBefore}; ` +
    `${how} of ${closedSeconds} s (open loop: ${openSeconds} s), ` +
    `lowest and highest in parentheses; ${date}.`
  );
}

/** The plots of a section stand above its table. */
function sectionText({ title, text, table }: Section, plots: readonly PlotFile[]): string {
  const images = plots.map((plot) => `![${plot.title}](${plot.file})`);
  return [`## ${title}`, text, ...images, table].filter((part) => part !== "").join("\n\n");
}

const PLOTS_OF: Readonly<Record<string, readonly string[]>> = {
  "CPU and throughput": ["cpu.svg", "throughput.svg"],
  Latency: ["latency.svg"],
  "Memory of connections": ["memory.svg"],
};

export function reportMarkdown(report: Report): string {
  const plots = plotFiles(report);
  const parts = sections(report).map((section) => {
    const files = PLOTS_OF[section.title] ?? [];
    return sectionText(
      section,
      plots.filter(({ file }) => files.includes(file)),
    );
  });
  const faults = faultsOf(report).map((fault) => `- **Fault:** ${fault}`);
  return [aboutText(report.about), faults.join("\n"), ...parts]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** Writes a file as the project formats it. */
async function writeFormatted(file: string, text: string): Promise<void> {
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}

/** @param folder with a README.md that has the two marks. @throws Error when it has not. */
export async function writeReport(report: Report, folder: string): Promise<void> {
  const readme = join(folder, "README.md");
  const text = readFileSync(readme, "utf8");
  const [begin, end] = [text.indexOf(MARK_BEGIN), text.indexOf(MARK_END)];
  if (begin === -1 || end < begin)
    throw new Error(`${readme} has no ${MARK_BEGIN} ... ${MARK_END}`);
  const head = text.slice(0, begin + MARK_BEGIN.length);
  const page = `${head}\n\n${reportMarkdown(report)}\n\n${text.slice(end)}`;
  await writeFormatted(readme, page);
  await writeFormatted(join(folder, "results.json"), JSON.stringify(resultsJson(report)));
  for (const file of Object.values(PLOTS_OF).flat()) rmSync(join(folder, file), { force: true });
  for (const { file, svg } of plotFiles(report)) writeFileSync(join(folder, file), svg);
}
