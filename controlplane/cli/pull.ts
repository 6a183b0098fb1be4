import { rename, rm, writeFile } from "node:fs/promises";
import { Command } from "commander";
import {
  type RegistryCommandOptions,
  dockerConfigOption,
  plainHttpOption,
  readKey,
  registryClient,
  verifyKeyOption,
} from "./registry-options.js";
import { fields } from "./table.js";

interface PullOptions extends RegistryCommandOptions {
  readonly output?: string;
  readonly verifyKey?: string;
}

export function pullCommand(): Command {
  return new Command("pull")
    .description("fetch a module from a registry of images, whichever way it was packed")
    .argument("<reference>", "such as oci://registry.example/team/dubbo:1.0, or …@sha256:…")
    .option("--output <file>", "default: the last part of the repository, with .wasm")
    .addOption(verifyKeyOption())
    .addOption(plainHttpOption())
    .addOption(dockerConfigOption())
    .action(pull);
}

async function pull(text: string, options: PullOptions): Promise<void> {
  const { wasmInterface } = await import("../modules/wasm-module.js");
  const { digestOf, hexOf } = await import("../oci/digest.js");
  const { moduleCode, resolveModule } = await import("../oci/pull-module.js");
  const { parseReference } = await import("../oci/reference.js");
  const { publicKeyOf, verifyImage } = await import("../oci/signature.js");
  const reference = parseReference(text);
  const key = options.verifyKey && (await readKey(options.verifyKey, publicKeyOf));
  const client = registryClient(options);
  const resolved = await resolveModule(client, reference);
  if (key) await verifyImage(client, resolved.reference, key);
  const code = await moduleCode(client, resolved);
  const { fault } = await wasmInterface(code);
  if (fault !== undefined) throw new Error(`${text}: ${fault}`);
  const name = reference.repository.slice(reference.repository.lastIndexOf("/") + 1);
  const file = options.output ?? `${name}.wasm`;
  await writeWhole(file, code);
  process.stdout.write(
    fields([
      ["file", file],
      ["digest", resolved.reference.digest],
      ["sha256", hexOf(digestOf(code))],
      ...(key ? [["signed", "by the key"] as const] : []),
    ]),
  );
}

/** A control plane that watches the folder never sees half of it. */
async function writeWhole(file: string, content: Uint8Array): Promise<void> {
  const partial = `${file}.${process.pid}`;
  try {
    await writeFile(partial, content);
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}
