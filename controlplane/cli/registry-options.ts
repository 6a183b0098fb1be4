// Options of commands that speak to a registry of images.
import { readFile } from "node:fs/promises";
import type { KeyObject } from "node:crypto";
import { Option } from "commander";
import { defaultDockerConfig, dockerCredentials } from "../oci/docker-config.js";
import { RegistryClient } from "../oci/registry-client.js";

export interface RegistryCommandOptions {
  readonly plainHttp: boolean;
  readonly dockerConfig?: string;
}

export function plainHttpOption(): Option {
  return new Option(
    "--plain-http",
    "speak http to the registry; to one on this machine that is done anyway",
  ).default(false);
}

export function dockerConfigOption(): Option {
  return new Option(
    "--docker-config <file>",
    `credentials of registries, as \`docker login\` writes them (default: ${displayed()})`,
  );
}

function displayed(): string {
  const home = process.env["HOME"];
  const file = defaultDockerConfig();
  return home !== undefined && file.startsWith(`${home}/`) ? `~${file.slice(home.length)}` : file;
}

export function verifyKeyOption(): Option {
  return new Option(
    "--verify-key <file>",
    "public key, ECDSA P-256 in PEM: refuse what was not signed with its private key",
  );
}

export function registryClient({
  plainHttp,
  dockerConfig,
}: RegistryCommandOptions): RegistryClient {
  return new RegistryClient({
    credentials: dockerCredentials(dockerConfig),
    isPlainHttp: plainHttp,
  });
}

/** @throws Error that names the file. */
export async function readKey(
  file: string,
  parse: (pem: string, place: string) => KeyObject,
): Promise<KeyObject> {
  return parse(await readFile(file, "utf8"), file);
}
