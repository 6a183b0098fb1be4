import { join, relative, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { PROJECT_CODECS, type ProjectCodec } from "../scaffold/filter-project.js";
import { codecNameFault } from "../scaffold/codec-project.js";
import { packageSources, type PackageSources } from "../scaffold/package-sources.js";
import { projectNameFault } from "../scaffold/project-name.js";
import { packageRoot, packageVersion } from "./package-root.js";

interface NewProjectOptions {
  readonly dir?: string;
}

interface NewFilterOptions extends NewProjectOptions {
  readonly codec: ProjectCodec;
}

/** Kinds of projects are its subcommands. */
export function newCommand(): Command {
  return new Command("new")
    .description("begin a project of your own")
    .addCommand(newFilterCommand())
    .addCommand(newCodecCommand());
}

function newCodecCommand(): Command {
  return new Command("codec")
    .description("write the project of a codec: sources, tests with recorded frames, build")
    .argument("<name>", "of the protocol and its module: small letters and digits", codecName)
    .addOption(folderOption())
    .action(async (name: string, { dir = name }: NewProjectOptions) => {
      const { writeCodecProject } = await import("../scaffold/codec-project.js");
      const files = await writeCodecProject({ name, ...placesOf(dir) });
      process.stdout.write(nextSteps(resolve(dir), files));
    });
}

function newFilterCommand(): Command {
  return new Command("filter")
    .description("write the project of a filter: sources, tests with recorded frames, build")
    .argument("<name>", "small letters and digits, in words joined by `-`", projectName)
    .addOption(
      new Option("--codec <name>", "codec of the module that it is built into")
        .choices(PROJECT_CODECS)
        .default("dubbo" satisfies ProjectCodec),
    )
    .addOption(folderOption())
    .action(async (name: string, { codec, dir = name }: NewFilterOptions) => {
      const { writeFilterProject } = await import("../scaffold/filter-project.js");
      const files = await writeFilterProject({ name, codec, ...placesOf(dir) });
      process.stdout.write(nextSteps(resolve(dir), files));
    });
}

function folderOption(): Option {
  return new Option(
    "--dir <dir>",
    "folder of the project, which must not exist (default: its name)",
  );
}

/** Where the project goes, and where it has what it is made of. */
function placesOf(dir: string): {
  readonly folder: string;
  readonly templates: string;
  readonly packages: PackageSources;
} {
  const folder = resolve(dir);
  const templates = join(packageRoot(), "templates");
  return {
    folder,
    templates,
    packages: packageSources(packageRoot(), packageVersion(), folder),
  };
}

function projectName(name: string): string {
  return without(projectNameFault(name), name);
}

function codecName(name: string): string {
  return without(codecNameFault(name), name);
}

function without(fault: string | undefined, name: string): string {
  if (fault !== undefined) throw new InvalidArgumentError(`It ${fault}.`);
  return name;
}

function nextSteps(folder: string, files: readonly string[]): string {
  const shown = relative(process.cwd(), folder);
  const lines = files.map((file) => `  ${join(shown, file)}`);
  return `${lines.join("\n")}\n\nNext: cd ${shown} && npm install && npm test\n`;
}
