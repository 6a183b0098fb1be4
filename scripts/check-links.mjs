// Every relative link of a Markdown file leads to a file that exists, and to a heading that it has; and a
// block of code behind `<!-- excerpt: path -->` stands in that file, line by line.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
const EXCERPT = /<!-- excerpt: (\S+) -->\s*```\w*\n([\s\S]*?)```/g;

/** Folders of what is installed or built. */
const LEFT_OUT = ["node_modules", "dist", "build", "target"];

function markdownFiles(folder = ROOT) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".") || LEFT_OUT.includes(entry.name)) return [];
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith(".md") ? [relative(ROOT, path)] : [];
  });
}

/** The anchors of a file's headings, as GitHub makes them. */
function anchorsOf(path) {
  const text = readFileSync(path, "utf8").replaceAll(/^```[\s\S]*?^```/gm, "");
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    (title ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function linkFault(file, target) {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [path = "", anchor] = target.split("#", 2);
  const absolute = path === "" ? join(ROOT, file) : resolve(ROOT, dirname(file), path);
  if (relative(ROOT, absolute).startsWith("..")) return `${target} leads out of the project`;
  if (!existsSync(absolute)) return `${target} leads to nothing`;
  if (anchor === undefined || !statSync(absolute).isFile() || !absolute.endsWith(".md")) {
    return undefined;
  }
  return anchorsOf(absolute).includes(anchor) ? undefined : `${target}: there is no such heading`;
}

/** The lines of the excerpt must follow each other in the file; "// ..." stands for any lines. */
function excerptFault(source, text) {
  const path = join(ROOT, source);
  if (!existsSync(path)) return `excerpt of ${source}, which does not exist`;
  const lines = (all) => all.split("\n").map((line) => line.trim());
  const whole = lines(readFileSync(path, "utf8"));
  let from = 0;
  for (const part of text.split(/^\s*\/\/ \.\.\.$/m)) {
    const wanted = lines(part).filter((line) => line !== "");
    const starts = whole.map((_, index) => index).slice(from);
    const start = starts.find((at) => {
      const found = whole.slice(at).filter((line) => line !== "");
      return whole[at] !== "" && wanted.every((line, index) => found[index] === line);
    });
    if (wanted.length > 0 && start === undefined) {
      return `the excerpt of ${source} is not in it from "${wanted[0]}" on`;
    }
    from = (start ?? from) + wanted.length;
  }
  return undefined;
}

const faults = [];
let links = 0;
let excerpts = 0;
for (const file of markdownFiles()) {
  const text = readFileSync(join(ROOT, file), "utf8");
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
  for (const [, target] of prose.matchAll(LINK)) {
    links++;
    const fault = linkFault(file, target);
    if (fault !== undefined) faults.push(`${file}: ${fault}`);
  }
  for (const [, source, code] of text.matchAll(EXCERPT)) {
    excerpts++;
    const fault = excerptFault(source, code);
    if (fault !== undefined) faults.push(`${file}: ${fault}`);
  }
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log(`${links} links and ${excerpts} excerpts`);
