import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { Command, Option } from "commander";
import { IMAGE_VARIANTS, type ImageVariant } from "../oci/module-image.js";
import { nameAndValue } from "./options.js";
import {
  type RegistryCommandOptions,
  dockerConfigOption,
  plainHttpOption,
  readKey,
  registryClient,
} from "./registry-options.js";
import { fields } from "./table.js";

interface PushOptions extends RegistryCommandOptions {
  readonly tag: readonly string[];
  readonly variant: ImageVariant;
  readonly protocol?: string;
  readonly moduleVersion?: string;
  readonly source?: string;
  readonly annotation: Readonly<Record<string, string>>;
  readonly signKey?: string;
}

export function pushCommand(): Command {
  return new Command("push")
    .description("store a module in a registry of images; the same module has the same digest")
    .argument("<module>", "a .wasm file")
    .argument(
      "<reference>",
      "such as oci://registry.example/team/dubbo:1.0; `latest` without a tag",
    )
    .option("--tag <tag>", "another tag, also several times", collected, [])
    .addOption(
      new Option(
        "--variant <variant>",
        "compat: an image, for every registry; artifact: the module is a layer as it is",
      )
        .choices(IMAGE_VARIANTS)
        .default("compat" satisfies ImageVariant),
    )
    .option("--protocol <name>", "what it speaks (default: the name of the file)")
    .option("--module-version <version>", "its version, for people")
    .option("--source <url>", "where its source is, for people")
    .option("--annotation <name=value>", "another annotation, also several times", nameAndValue, {})
    .option("--sign-key <file>", "sign it: private key, ECDSA P-256 in PEM, without a passphrase")
    .addOption(plainHttpOption())
    .addOption(dockerConfigOption())
    .action(push);
}

async function push(file: string, text: string, options: PushOptions): Promise<void> {
  const { wasmInterface } = await import("../modules/wasm-module.js");
  const { digestOf, hexOf } = await import("../oci/digest.js");
  const { ANNOTATIONS, moduleImage } = await import("../oci/module-image.js");
  const { pushModule } = await import("../oci/push-module.js");
  const { formatReference, parseReference } = await import("../oci/reference.js");
  const { privateKeyOf, signImage } = await import("../oci/signature.js");
  const reference = parseReference(text);
  if (reference.digest !== undefined)
    throw new Error(`${text} has a digest: what is pushed has the digest of its content`);
  const tags = [...new Set([reference.tag ?? "latest", ...options.tag])];
  for (const tag of tags) parseReference(formatReference({ ...reference, tag }));
  const key = options.signKey && (await readKey(options.signKey, privateKeyOf));
  const code = new Uint8Array(await readFile(file));
  const { abi, fault } = await wasmInterface(code);
  if (fault !== undefined) throw new Error(`${file}: ${fault}`);
  const name = basename(file).replace(/\.wasm$/, "");
  const { moduleVersion, source } = options;
  const image = moduleImage(code, {
    variant: options.variant,
    protocol: options.protocol ?? name,
    abi: abi.join(", "),
    annotations: {
      [ANNOTATIONS.title]: name,
      ...(moduleVersion !== undefined && { [ANNOTATIONS.version]: moduleVersion }),
      ...(source !== undefined && { [ANNOTATIONS.source]: source }),
      ...options.annotation,
    },
  });
  const client = registryClient(options);
  await pushModule(client, image, reference, tags);
  const { digest } = image;
  if (key) await signImage(client, { ...reference, digest }, key);
  const pushed = tags.map((tag) => formatReference({ ...reference, tag }));
  process.stdout.write(
    fields([
      ["pushed", pushed.join(", ")],
      ["digest", digest],
      ["sha256", hexOf(digestOf(code))],
      ...(key ? [["signed", "yes"] as const] : []),
    ]),
  );
}

function collected(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
