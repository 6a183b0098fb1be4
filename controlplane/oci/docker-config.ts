// Credentials of registries as Docker keeps them; what `docker login`, `podman login` and pull secrets write.
// https://docs.docker.com/reference/cli/docker/login/#credential-stores
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { errorMessage } from "../runtime/error-message.js";
import { isDockerHub } from "./reference.js";

/** Never to be printed, nor to be sent to another registry. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** For a token of the registry's own authorization server. */
  | { readonly kind: "identityToken"; readonly token: string }
  /** To be sent as it is. */
  | { readonly kind: "registryToken"; readonly token: string };

/** Finds the credentials of a registry; undefined: it is asked without. */
export type CredentialSource = (registry: string) => Promise<Credentials | undefined>;

const HELPER_NAME = /^[\w.-]+$/;
const HELPER_TIMEOUT_MS = 30_000;
const MAX_HELPER_OUTPUT = 1024 * 1024;
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
/** How helpers say that the secret is an identity token. */
const TOKEN_USER = "<token>";

/** Where Docker itself looks. */
export function defaultDockerConfig(): string {
  return join(process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "config.json");
}

/**
 * Reads a Docker configuration each time it is asked: logins take effect at once.
 *
 * @param file of `auths`, `credHelpers` and `credsStore`; a default one that does not exist holds nothing.
 * @returns a source that throws an Error, with the file or helper but no secret, when either cannot be used.
 */
export function dockerCredentials(file?: string): CredentialSource {
  const path = file ?? defaultDockerConfig();
  return async (registry) => {
    const config = await readConfig(path, file !== undefined);
    const key = isDockerHub(registry) ? DOCKER_HUB_KEY : registry;
    const helper = text(record(config["credHelpers"])[key]) ?? text(config["credsStore"]);
    if (helper !== undefined) {
      const found = await fromHelper(helper, key);
      if (found !== undefined) return found;
    }
    return fromAuths(record(config["auths"]), key, path);
  };
}

async function readConfig(path: string, isRequired: boolean): Promise<Record<string, unknown>> {
  let content: string;
  try {
    content = await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing && !isRequired) return {};
    throw new Error(`credentials: ${errorMessage(error)}`, { cause: error });
  }
  try {
    return record(JSON.parse(content));
  } catch {
    // The parser's message quotes what it read.
    throw new Error(`credentials: ${path} is no JSON`);
  }
}

function fromAuths(
  auths: Record<string, unknown>,
  key: string,
  path: string,
): Credentials | undefined {
  const wanted = hostOfKey(key);
  const name = Object.keys(auths).find((candidate) => hostOfKey(candidate) === wanted);
  const entry = record(name === undefined ? undefined : auths[name]);
  const identityToken = text(entry["identitytoken"]);
  if (identityToken !== undefined) return { kind: "identityToken", token: identityToken };
  const registryToken = text(entry["registrytoken"]);
  if (registryToken !== undefined) return { kind: "registryToken", token: registryToken };
  const encoded = text(entry["auth"]);
  if (encoded !== undefined) {
    const decoded = Buffer.from(encoded, "base64").toString("utf8");
    const colon = decoded.indexOf(":");
    if (colon < 0)
      throw new Error(`credentials: ${path}: auths["${name ?? ""}"].auth has no \`:\``);
    const password = decoded.slice(colon + 1).replace(/\0+$/, "");
    return { kind: "password", username: decoded.slice(0, colon), password };
  }
  const username = text(entry["username"]);
  const password = text(entry["password"]);
  if (username === undefined || password === undefined) return undefined;
  return { kind: "password", username, password };
}

/** `https://host/v1/`, `host/v2` and `host` are the same registry. */
function hostOfKey(key: string): string {
  const [host = ""] = key.replace(/^https?:\/\//, "").split("/");
  return isDockerHub(host) ? DOCKER_HUB_KEY : host;
}

async function fromHelper(name: string, key: string): Promise<Credentials | undefined> {
  if (!HELPER_NAME.test(name)) throw new Error("credentials: the name of a helper is not one");
  const command = `docker-credential-${name}`;
  const { code, stdout } = await runHelper(command, key);
  if (code !== 0) {
    // What a helper prints is its own matter, except that it knows nothing.
    if (/credentials not found/i.test(stdout)) return undefined;
    throw new Error(`credentials: ${command} get failed for ${key} (exit code ${code ?? "none"})`);
  }
  let answer: Record<string, unknown>;
  try {
    answer = record(JSON.parse(stdout));
  } catch {
    throw new Error(`credentials: ${command} get has not answered JSON for ${key}`);
  }
  const username = text(answer["Username"]);
  const secret = text(answer["Secret"]);
  if (username === undefined || secret === undefined) return undefined;
  if (username === TOKEN_USER) return { kind: "identityToken", token: secret };
  return { kind: "password", username, password: secret };
}

function runHelper(
  command: string,
  input: string,
): Promise<{ readonly code: number | null; readonly stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, ["get"], {
      stdio: ["pipe", "pipe", "ignore"],
      timeout: HELPER_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8");
      if (stdout.length > MAX_HELPER_OUTPUT) child.kill("SIGKILL");
    });
    child.on("error", (error) => {
      reject(new Error(`credentials: ${command}: ${error.message}`));
    });
    child.on("close", (code) => resolve({ code, stdout }));
    // A helper that does not read ends before what is written arrives.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
