// Gets a module from where it is kept, and only the one that was asked for.
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { ModuleSource } from "../ir/protocol.js";
import { exchange } from "../oci/http-exchange.js";
import { MAX_MODULE_BYTES, moduleCode, resolveModule } from "../oci/pull-module.js";
import { parseReference } from "../oci/reference.js";
import type { RegistryClient } from "../oci/registry-client.js";
import { publicKeyOf, verifyImage } from "../oci/signature.js";

const TIMEOUT_MS = 120_000;

export interface FetchedModule {
  /** As in `CacheEntry`. */
  readonly digest: string;
  readonly code: Uint8Array<ArrayBuffer>;
}

/**
 * @param known gives what is known under a digest, so that it need not come again.
 * @throws Error that names the place and what is wrong there.
 */
export async function fetchModule(
  source: ModuleSource,
  client: RegistryClient,
  known: (digest: string) => Promise<Uint8Array<ArrayBuffer> | undefined>,
): Promise<FetchedModule> {
  const { url } = source;
  if (url.startsWith("oci:")) return fromRegistry(source, client, known);
  const code = url.startsWith("file:") ? await fromFile(url) : await fromServer(new URL(url));
  const hex = createHash("sha256").update(code).digest("hex");
  if (source.sha256 !== undefined && hex !== source.sha256)
    throw new Error(`the file has sha256 ${hex}, not ${source.sha256}`);
  return { digest: `sha256:${hex}`, code };
}

async function fromRegistry(
  { url, sha256, publicKey }: ModuleSource,
  client: RegistryClient,
  known: (digest: string) => Promise<Uint8Array<ArrayBuffer> | undefined>,
): Promise<FetchedModule> {
  const reference = parseReference(url);
  const wanted = sha256 === undefined ? undefined : `sha256:${sha256}`;
  // A tag may have gone on since: what is asked for is its digest.
  const resolved = await resolveModule(client, {
    ...reference,
    digest: reference.digest ?? wanted,
  });
  const { digest } = resolved.reference;
  if (wanted !== undefined && digest !== wanted)
    throw new Error(`the image has digest ${digest}, not ${wanted}`);
  if (publicKey !== undefined)
    await verifyImage(client, resolved.reference, publicKeyOf(publicKey, "publicKey"));
  return { digest, code: (await known(digest)) ?? (await moduleCode(client, resolved)) };
}

async function fromFile(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = fileURLToPath(url);
  const { size } = await stat(path);
  if (size > MAX_MODULE_BYTES)
    throw new Error(`${path} has ${size} bytes, more than the ${MAX_MODULE_BYTES} allowed`);
  return new Uint8Array(await readFile(path));
}

async function fromServer(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const http = { isPlainHttp: false, timeoutMs: TIMEOUT_MS };
  const answer = await exchange({ method: "GET", url }, http);
  if (answer.status !== 200) throw await answer.failure();
  return Uint8Array.from((await answer.body(MAX_MODULE_BYTES)).content);
}
