import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { packageRoot } from "./package-root.js";

interface TestOptions {
  readonly captures: string;
  readonly inputs?: number;
  readonly seed?: number;
  readonly json?: boolean;
}

/** How a module begins. */
const WASM_MAGIC = "\0asm";

export function codecTestCommand(): Command {
  return new Command("test")
    .description("run a module as Envoy would, and hold its codec to what every codec has to do")
    .argument("<module>", "a module, or the description of a protocol in YAML or JSON")
    .requiredOption("--captures <dir>", "recorded frames, one a file, and what they are")
    .option("--inputs <count>", "of the fuzzing run (default: 10000)", count)
    .option("--seed <number>", "of everything random (default: 1)", count)
    .option("--json", "print the report as JSON")
    .action(async (file: string, options: TestOptions) => {
      const { loadCodecKit } = await import("./codec-kit.js");
      const kit = await loadCodecKit();
      const captures = kit.readCaptures(options.captures);
      const report = kit.testCodec({
        ...(await subjectOf(file)),
        captures,
        inputs: options.inputs ?? kit.DEFAULT_INPUTS,
        seed: options.seed ?? kit.DEFAULT_SEED,
        names: { module: file, captures: options.captures },
      });
      const text = options.json ? JSON.stringify(report, null, 2) : kit.formatReport(report);
      process.stdout.write(`${text}\n`);
      if (!report.isPassed) process.exitCode = 1;
    });
}

/** A module as it is; of a description the module that executes it, with its table. */
async function subjectOf(
  file: string,
): Promise<{ readonly module: Uint8Array; readonly codecConfiguration?: Uint8Array }> {
  const { readFile } = await import("node:fs/promises");
  const bytes = await readFile(file);
  if (bytes.toString("latin1", 0, WASM_MAGIC.length) === WASM_MAGIC) return { module: bytes };
  const { readDescription } = await import("../frame/read-description.js");
  const { table } = readDescription(file, bytes.toString());
  const module = await readFile(join(packageRoot(), "build/frame.wasm"));
  return { module, codecConfiguration: table };
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("Not a number.");
  return value;
}
