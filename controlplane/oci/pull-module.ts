// From a reference to a module's bytes, whichever way they were packed.
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { errorMessage } from "../runtime/error-message.js";
import {
  DOCKER_LAYER_GZIP,
  type Descriptor,
  type Manifest,
  OCI_LAYER_GZIP,
  type PlatformDescriptor,
  parseManifest,
} from "./manifest.js";
import { type ImageVariant, MODULE_FILE, WASM_LAYER } from "./module-image.js";
import { type Reference, formatReference } from "./reference.js";
import type { RegistryClient } from "./registry-client.js";
import { fileInTar } from "./tar.js";

/** Istio's agent takes 256 MiB; a module of this project has half of one. */
export const MAX_MODULE_BYTES = 64 * 1024 * 1024;
/** Beside the module: the headers of its tar, and other files in it. */
const MAX_LAYER_BYTES = MAX_MODULE_BYTES + 1024 * 1024;

/** Layers that are the module as it is: of the artifact, of wasm-to-oci, and of CNCF's guidance. */
const RAW_LAYERS: readonly string[] = [
  WASM_LAYER,
  "application/vnd.wasm.content.layer.v1+wasm",
  "application/wasm",
];
const PACKED_LAYERS: readonly string[] = [OCI_LAYER_GZIP, DOCKER_LAYER_GZIP];
/** Of an image for several platforms, the one that Istio's agent takes. */
const PLATFORM = "linux/amd64";

const gunzipped = promisify(gunzip);

export interface ResolvedModule {
  /** With the digest of what it named. */
  readonly reference: Reference & { readonly digest: string };
  readonly variant: ImageVariant;
  readonly manifest: Manifest;
  readonly layer: Descriptor;
}

/**
 * Finds out what a reference names now.
 * @throws Error when the registry does not say, or when it is no module.
 */
export async function resolveModule(
  client: RegistryClient,
  reference: Reference,
): Promise<ResolvedModule> {
  const name = formatReference(reference);
  const received = await client.manifest(reference);
  const pinned = { ...reference, digest: received.digest };
  const parsed = parseManifest(received.content, name);
  if (parsed.kind === "manifest") return moduleIn(parsed.manifest, pinned, name);
  const { digest } = platformIn(parsed.manifests, name);
  const inner = await client.manifest({ ...reference, digest });
  const manifest = parseManifest(inner.content, name);
  if (manifest.kind === "index") throw new Error(`${name}: an index of indexes is no module`);
  return moduleIn(manifest.manifest, pinned, name);
}

/** @throws Error when it cannot be had, or is not what its digest says. */
export async function moduleCode(
  client: RegistryClient,
  { reference, variant, layer }: ResolvedModule,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = formatReference(reference);
  if (variant === "artifact")
    return Uint8Array.from(await client.blob(reference, layer, MAX_MODULE_BYTES));
  const packed = await client.blob(reference, layer, MAX_LAYER_BYTES);
  let tar: Buffer;
  try {
    tar = await gunzipped(packed, { maxOutputLength: MAX_LAYER_BYTES });
  } catch (error) {
    throw new Error(`${name}: layer ${layer.digest} cannot be unpacked: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const file = fileInTar(tar, MODULE_FILE);
  if (file === undefined)
    throw new Error(`${name}: layer ${layer.digest} has no file ${MODULE_FILE}`);
  return Uint8Array.from(file);
}

function platformIn(manifests: readonly PlatformDescriptor[], name: string): Descriptor {
  const [first] = manifests;
  const found = manifests.find(({ platform }) => platform === PLATFORM);
  const chosen = found ?? (manifests.length === 1 ? first : undefined);
  if (chosen === undefined)
    throw new Error(`${name}: of ${manifests.length} platforms none is ${PLATFORM}`);
  return chosen;
}

function moduleIn(
  manifest: Manifest,
  reference: Reference & { readonly digest: string },
  name: string,
): ResolvedModule {
  const { layers } = manifest;
  const raw = layers.find(({ mediaType }) => RAW_LAYERS.includes(mediaType));
  if (raw !== undefined) return { reference, manifest, variant: "artifact", layer: raw };
  const last = layers.at(-1);
  if (last !== undefined && PACKED_LAYERS.includes(last.mediaType))
    return { reference, manifest, variant: "compat", layer: last };
  const types = layers.map(({ mediaType }) => mediaType.slice(0, 100)).join(", ");
  throw new Error(`${name} is no module: its layers are ${types || "none"}`);
}
