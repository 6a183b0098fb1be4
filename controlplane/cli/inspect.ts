import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
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

interface InspectOptions extends RegistryCommandOptions {
  readonly verifyKey?: string;
}

type Field = readonly [name: string, value: string];

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("tell what a module is; exit code 1 when no proxy will get it")
    .argument(
      "<module>",
      "a .wasm file, or a reference such as oci://registry.example/team/dubbo:1.0",
    )
    .addOption(verifyKeyOption())
    .addOption(plainHttpOption())
    .addOption(dockerConfigOption())
    .action(inspect);
}

async function inspect(text: string, options: InspectOptions): Promise<void> {
  const isFile = !text.startsWith("oci://") && (existsSync(text) || text.endsWith(".wasm"));
  if (isFile && options.verifyKey !== undefined)
    throw new Error(`${text} is a file: signatures are kept in registries`);
  const { lines, code } = isFile
    ? { lines: [["file", text] as const], code: new Uint8Array(await readFile(text)) }
    : await pulled(text, options);
  const { digestOf, hexOf } = await import("../oci/digest.js");
  const { wasmInterface } = await import("../modules/wasm-module.js");
  const { abi, imports, fault } = await wasmInterface(code);
  process.stdout.write(
    fields([
      ...lines,
      ["sha256", hexOf(digestOf(code))],
      ["bytes", String(code.length)],
      ["proxy-wasm ABI", abi.join(", ") || "none"],
      ["host calls", imports.map(({ name }) => name.replace(/^proxy_/, "")).join(" ") || "none"],
      ["usable", fault === undefined ? "yes" : `no: ${fault}`],
    ]),
  );
  if (fault !== undefined) process.exitCode = 1;
}

async function pulled(
  text: string,
  options: InspectOptions,
): Promise<{ readonly lines: readonly Field[]; readonly code: Uint8Array<ArrayBuffer> }> {
  const { moduleCode, resolveModule } = await import("../oci/pull-module.js");
  const { formatReference, parseReference } = await import("../oci/reference.js");
  const { publicKeyOf, verifyImage } = await import("../oci/signature.js");
  const key = options.verifyKey && (await readKey(options.verifyKey, publicKeyOf));
  const client = registryClient(options);
  const reference = parseReference(text);
  const resolved = await resolveModule(client, reference);
  if (key) await verifyImage(client, resolved.reference, key);
  const { variant, layer, manifest } = resolved;
  return {
    code: await moduleCode(client, resolved),
    lines: [
      ["reference", formatReference(reference)],
      ["digest", resolved.reference.digest],
      ...(key ? [["signed", "by the key"] as const] : []),
      ["variant", variant],
      ["layer", `${layer.mediaType} ${layer.digest}`],
      ...Object.entries(manifest.annotations).map(([name, value]): Field => [
        `  ${name}`,
        value.replace(/\p{Cc}+/gu, " "),
      ]),
    ],
  };
}
