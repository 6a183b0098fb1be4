// Manifests of images and of indexes, as far as modules need them.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_EMPTY = "application/vnd.oci.empty.v1+json";
export const OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
export const DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

/** What a registry is asked for. */
export const MANIFEST_TYPES: readonly string[] = [
  OCI_MANIFEST,
  DOCKER_MANIFEST,
  OCI_INDEX,
  DOCKER_LIST,
];

/** Of a blob or manifest. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** A manifest, or an index of the manifests of several platforms. */
export type ParsedManifest =
  | { readonly kind: "manifest"; readonly manifest: Manifest }
  | { readonly kind: "index"; readonly manifests: readonly PlatformDescriptor[] };

export interface PlatformDescriptor extends Descriptor {
  /** `linux/amd64`; empty: not said. */
  readonly platform: string;
}

const MAX_ENTRIES = 1_000;

/** @param name for messages. @throws Error when it is neither. */
export function parseManifest(content: Buffer, name: string): ParsedManifest {
  let value: unknown;
  try {
    value = JSON.parse(content.toString("utf8"));
  } catch {
    throw new Error(`${name}: the manifest is no JSON`);
  }
  const fields = record(value);
  const { manifests, layers } = fields;
  if (Array.isArray(manifests)) {
    const list: readonly unknown[] = manifests.slice(0, MAX_ENTRIES);
    return {
      kind: "index",
      manifests: list.map((entry) => {
        const { os, architecture } = record(record(entry)["platform"]);
        const platform = [os, architecture].filter((part) => typeof part === "string").join("/");
        return { ...descriptor(entry, name), platform };
      }),
    };
  }
  if (!Array.isArray(layers)) throw new Error(`${name}: the manifest has no layers`);
  const list: readonly unknown[] = layers.slice(0, MAX_ENTRIES);
  return {
    kind: "manifest",
    manifest: {
      config: descriptor(fields["config"], name),
      layers: list.map((layer) => descriptor(layer, name)),
      annotations: annotationsOf(fields["annotations"]),
    },
  };
}

function descriptor(value: unknown, name: string): Descriptor {
  const { mediaType, digest, size, annotations } = record(value);
  const isWhole =
    typeof mediaType === "string" &&
    typeof digest === "string" &&
    typeof size === "number" &&
    Number.isSafeInteger(size) &&
    size >= 0;
  if (!isWhole) throw new Error(`${name}: the manifest has an entry without type, digest or size`);
  return { mediaType, digest, size, annotations: annotationsOf(annotations) };
}

function annotationsOf(value: unknown): Record<string, string> {
  const entries = Object.entries(record(value));
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
