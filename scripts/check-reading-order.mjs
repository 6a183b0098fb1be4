// Holds docs/life-of-a-request.md and the `// Next: <file>` comments of assembly/ to the files there are.
//
// - Every file of the document's numbered list exists.
// - Every Next names a file that exists, by its path from assembly/.
// - Whoever follows Next from file to file reads the files in the order of the list. The first entries
//   have none: the module's entry file and the SDK know nothing of what comes behind them.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SOURCES = join(ROOT, "assembly");
const DOCUMENT = "docs/life-of-a-request.md";

/** Files below `folder` that may have a Next, by their paths from assembly/. */
function sourceFiles(folder = SOURCES) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== "node_modules")
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sourceFiles(path);
      return entry.name.endsWith(".ts") ? [relative(SOURCES, path)] : [];
    });
}

/** The file that the header comment of `file` names as the next one, if it does. */
function nextOf(file) {
  const header = readFileSync(join(SOURCES, file), "utf8").split(/^(?!\/\/)/m, 1)[0] ?? "";
  return /^\/\/ Next: (\S+)/m.exec(header)?.[1];
}

/** The files of the numbered list, by their paths from assembly/: `3. [path](../assembly/path): ...`. */
function listedFiles() {
  const text = readFileSync(join(ROOT, DOCUMENT), "utf8");
  return [...text.matchAll(/^\d+\. \[([^\]]+)\]\(\.\.\/assembly\/([^)]+)\)/gm)].map(
    ([, label, target]) => {
      if (label !== target) faults.push(`${DOCUMENT}: ${label} leads to ${target}`);
      return target;
    },
  );
}

const faults = [];
const listed = listedFiles();
if (listed.length === 0) faults.push(`${DOCUMENT}: there is no numbered list of files`);
for (const file of listed) {
  if (!existsSync(join(SOURCES, file))) faults.push(`${DOCUMENT}: assembly/${file} does not exist`);
}

const next = new Map();
for (const file of sourceFiles()) {
  const target = nextOf(file);
  if (target === undefined) continue;
  next.set(file, target);
  if (!existsSync(join(SOURCES, target))) {
    faults.push(`assembly/${file}: Next names assembly/${target}, which does not exist`);
  }
}

const first = listed.findIndex((file) => next.has(file));
listed.slice(Math.max(0, first)).forEach((file, index, path) => {
  const expected = path[index + 1];
  if (next.get(file) === expected) return;
  const found = next.get(file) ?? "nothing";
  faults.push(
    expected === undefined
      ? `assembly/${file}: is the last of ${DOCUMENT}, but its Next is ${found}`
      : `assembly/${file}: Next is ${found}; in ${DOCUMENT} it is ${expected}`,
  );
});

for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log(`${listed.length} files in reading order, ${next.size} of them name their next`);
