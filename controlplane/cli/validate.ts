import { Command } from "commander";
import { listenerCount } from "../ir/mesh.js";
import { bindOption, modulesOption, rootNamespaceOption } from "./options.js";

interface ValidateOptions {
  readonly modules: string;
  readonly rootNamespace: string;
  readonly bind: string;
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

export function validateCommand(): Command {
  return new Command("validate")
    .description("check a directory of resources; exit code 1 when something is wrong")
    .argument("<dir>", "directory of resources, YAML or JSON")
    .addOption(modulesOption())
    .addOption(rootNamespaceOption())
    .addOption(bindOption())
    .action(async (config: string, { bind, ...source }: ValidateOptions) => {
      const { validateDirectories } = await import("../server/directory-mesh.js");
      const { faults, warnings, resourceCount, mesh } = await validateDirectories(
        { config, ...source },
        bind,
      );
      for (const line of faults) process.stdout.write(`error: ${line}\n`);
      for (const line of warnings) process.stdout.write(`warning: ${line}\n`);
      process.stdout.write(
        `${plural(resourceCount, "resource")}, ${plural(listenerCount(mesh), "listener")}, ` +
          `${plural(mesh.clusters.length, "cluster")}: ` +
          `${plural(faults.length, "fault")}, ${plural(warnings.length, "warning")}\n`,
      );
      if (faults.length > 0) process.exitCode = 1;
    });
}
