// What the documentation says, held to the code: examples that a reader would copy, and the names of
// stats, bounds, error texts and commands.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../controlplane/cli/testing/run-command.js";
import { pluginBytes } from "../../controlplane/modules/testing/plugin-bytes.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

function pages(folder = "docs"): string[] {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return pages(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

/** Files of TypeScript below a folder. */
function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`);
}

/** The blocks of code of a language. */
function blocks(text: string, language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...text.matchAll(pattern)].map(([, code = ""]) => code);
}

function allMatches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name = ""]) => name);
}

/** The names in code style of the first column of the tables below a heading. */
function firstColumn(page: string, heading: string): string[] {
  const section = read(page)
    .split(/^## /m)
    .find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`${page} has no heading ${heading}`);
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.flatMap((line) => allMatches(line.split("|")[1] ?? "", /`([^`]+)`/g));
}

describe("examples of resources", () => {
  const examples = ["README.md", ...pages()]
    .map((page) => {
      const yaml = blocks(read(page), "yaml").filter((block) => /^apiVersion:/m.test(block));
      return { page, yaml };
    })
    .filter(({ yaml }) => yaml.length > 0);
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "metaproto-docs-"));
    // A protocol owner's module, which a page refers to.
    writeFileSync(join(folder, "line.wasm"), pluginBytes(1));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("are there", () => {
    expect(examples.map(({ page }) => page)).toContain("README.md");
    expect(examples.length).toBeGreaterThan(3);
  });

  test.each(examples)("of $page are valid, together", async ({ yaml }) => {
    const config = mkdtempSync(join(folder, "config-"));
    writeFileSync(join(config, "example.yaml"), yaml.join("---\n"));
    const { code, stdout } = await runCommand("validate", config, "--modules", folder);
    expect(stdout).toMatch(/: 0 faults, 0 warnings\n$/);
    expect(code).toBe(0);
  });
});

describe("names", () => {
  test("stats of modules: all of them, and no others", () => {
    const source = read("assembly/switchboard/telemetry/stats.ts");
    const list = /const NAMES: string\[\] = \[([^\]]*)\]/.exec(source)?.[1] ?? "";
    const names = allMatches(list, /"([a-z_]+)"/g);
    expect(names.length).toBeGreaterThan(20);
    expect(firstColumn("docs/operators/stats.md", "Of modules")).toEqual(names);
  });

  test("stats of filters: all that have a name of their own", () => {
    const names = sources("assembly/filters").flatMap((file) =>
      allMatches(read(file), /counterOf\("([a-z_]+)"/g),
    );
    expect(names).toContain("local_rate_limit_ok");
    const documented = firstColumn("docs/operators/stats.md", "Of filters");
    expect(names.filter((name) => !documented.includes(name))).toEqual([]);
  });

  test("metrics of the control plane: all of them, and no others", () => {
    const source = read("controlplane/server/metrics.ts");
    const names = [
      ...allMatches(source, /this\.(?:gauge|counter)\(\s*"([a-z_]+)"/g).map(
        (name) => `metaproto_${name}`,
      ),
      ...allMatches(source, /name: "([a-z_]+)"/g),
    ];
    expect(names.length).toBeGreaterThan(10);
    const documented = firstColumn("docs/operators/stats.md", "Of the control plane");
    expect(documented.sort()).toEqual(names.sort());
  });

  test("metrics of a controller: all of them, and no others", () => {
    const source = ["kubernetes-metrics", "admission-webhook", "certificate-expiry"]
      .map((name) => read(`controlplane/server/${name}.ts`))
      .join("\n");
    const names = allMatches(source, /"(metaproto_[a-z_]+)"/g);
    const documented = firstColumn("docs/operators/stats.md", "Of a controller");
    expect(documented.filter((name) => name.startsWith("metaproto_")).sort()).toEqual(names.sort());
  });

  test("bounds: every field of Limits, with its default", () => {
    const source = read("assembly/switchboard/config/plugin-limits.ts");
    const names = allMatches(source, /^ {2}"(max\w+)",$/gm);
    expect(names.length).toBe(8);
    expect(firstColumn("docs/operators/bounds.md", "Of a module")).toEqual(names);
    const page = read("docs/operators/bounds.md");
    const defaults = [...source.matchAll(/^ {2}(max\w+): u32 = (\d+)( << 20)?;$/gm)];
    // The one that depends on the mode is a sentence.
    expect(defaults.length).toBe(7);
    for (const [, name = "", number = "", isMiB] of defaults) {
      const value = isMiB === undefined ? number : `${number} MiB`;
      expect(page, name).toMatch(new RegExp(`^\\| \`${name}\` +\\| ${value} +\\|`, "m"));
    }
  });

  test("durations: every one of the plugin configuration", () => {
    const source = read("proto/metaproto/v1/plugin.proto");
    const names = allMatches(source, /google\.protobuf\.Duration (\w+) =/g).map((name) =>
      name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    );
    expect(names.length).toBeGreaterThan(4);
    expect(firstColumn("docs/operators/bounds.md", "In time").sort()).toEqual(names.sort());
  });

  test("texts of error replies: every part of a sentence is on the page", () => {
    const source = read("assembly/switchboard/router/reply-text.ts");
    const parts = allMatches(source, /new StaticBytes\("([^"]+)"\)/g);
    expect(parts.length).toBeGreaterThan(10);
    const page = read("docs/operators/error-replies.md");
    for (const part of parts) expect(page).toContain(part.trim());
  });

  /** The commands below this one, but `help`. */
  async function commandsOf(...path: readonly string[]): Promise<string[]> {
    const { stdout } = await runCommand(...path, "--help");
    const names = allMatches(stdout.split("Commands:")[1] ?? "", /^ {2}([a-z]+)/gm);
    return names.filter((name) => name !== "help");
  }

  test("commands: all of them, and no others", async () => {
    const page = "docs/operators/getting-started.md";
    const documented = firstColumn(page, "Commands").flatMap((text) =>
      allMatches(text, /^metaproto ([a-z]+(?: [a-z]+)?)/g),
    );
    const groups = new Set(documented.flatMap((name) => allMatches(name, /^(\w+) /g)));
    const commands: string[] = [];
    for (const name of await commandsOf()) {
      if (!groups.has(name)) commands.push(name);
      else commands.push(...(await commandsOf(name)).map((below) => `${name} ${below}`));
    }
    expect(documented.sort()).toEqual(commands.sort());
  });

  test("options of serve and bootstrap: all of them, and no others", async () => {
    const documented = firstColumn("docs/operators/getting-started.md", "Commands")
      .filter((text) => text.startsWith("--"))
      .map((text) => text.split(" ")[0]);
    const options: string[] = [];
    for (const command of ["serve", "bootstrap"]) {
      const { stdout } = await runCommand(command, "--help");
      options.push(...allMatches(stdout, /^ {2}(--[a-z-]+)/gm));
    }
    expect(documented.sort()).toEqual(options.sort());
  });
});
