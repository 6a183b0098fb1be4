import { relative } from "node:path";
import { Command } from "commander";
import { fields } from "./table.js";

interface BuildOptions {
  readonly output?: string;
}

export function buildCommand(): Command {
  return new Command("build")
    .description("compile a module of your own, and check that proxies will take it")
    .argument("<entry>", "its entry file, such as assembly/dubbo.ts of a project")
    .option("--output <file>", "default: build/<name>.wasm in the project")
    .action(async (entry: string, { output }: BuildOptions) => {
      const { buildModule } = await import("../modules/build-module.js");
      const { file, code, digest } = await buildModule({ entry, output });
      process.stdout.write(
        fields([
          ["module", relative(process.cwd(), file)],
          ["bytes", String(code.length)],
          ["sha256", digest],
        ]),
      );
    });
}
