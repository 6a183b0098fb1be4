// A module as an image: the two shapes that Istio's agent, Envoy Gateway and this control plane load.
// https://github.com/solo-io/wasm/tree/master/spec
import { digestOf, hexOf } from "./digest.js";
import {
  type Descriptor,
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "./manifest.js";
import { storedGzip, tarOf } from "./tar.js";

/** `compat`: an image with a file, for every registry and tool. `artifact`: the module is a layer as it is. */
export const IMAGE_VARIANTS = ["compat", "artifact"] as const;
export type ImageVariant = (typeof IMAGE_VARIANTS)[number];

/** In a compat image. */
export const MODULE_FILE = "plugin.wasm";
export const WASM_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm";
const WASM_CONFIG = "application/vnd.module.wasm.config.v1+json";
const TITLE = "org.opencontainers.image.title";
const ARTIFACT_TYPE = "application/vnd.metaproto.module.v1";

/** What annotations say of a module. */
export const ANNOTATIONS = {
  variant: "module.wasm.image/variant",
  title: TITLE,
  version: "org.opencontainers.image.version",
  source: "org.opencontainers.image.source",
  protocol: "metaprotocol.aeraki.io/protocol",
  abi: "metaprotocol.aeraki.io/proxy-wasm-abi",
  /** Of the .wasm file, hexadecimal; the manifest's own digest covers more. */
  sha256: "metaprotocol.aeraki.io/module-sha256",
} as const;

export interface ModuleImageOptions {
  readonly variant: ImageVariant;
  readonly protocol: string;
  /** Of the proxy-wasm ABI, such as `0.2.1`. */
  readonly abi: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ModuleImage {
  readonly mediaType: string;
  readonly manifest: Uint8Array<ArrayBuffer>;
  readonly digest: string;
  /** What the manifest names. */
  readonly blobs: readonly Uint8Array<ArrayBuffer>[];
}

/** Pure: the same module with the same options gives the same bytes, on every machine. */
export function moduleImage(
  code: Uint8Array<ArrayBuffer>,
  options: ModuleImageOptions,
): ModuleImage {
  const { blobs, ...content } =
    options.variant === "compat" ? compatContent(code) : artifactContent(code, options);
  const annotations = {
    ...options.annotations,
    ...(options.variant === "compat" && { [ANNOTATIONS.variant]: "compat" }),
    [ANNOTATIONS.protocol]: options.protocol,
    [ANNOTATIONS.abi]: options.abi,
    [ANNOTATIONS.sha256]: hexOf(digestOf(code)),
  };
  const sorted = Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1));
  const manifest = json({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    ...content,
    annotations: Object.fromEntries(sorted),
  });
  return { mediaType: OCI_MANIFEST, manifest, digest: digestOf(manifest), blobs };
}

interface ImageContent {
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly blobs: readonly Uint8Array<ArrayBuffer>[];
}

function compatContent(code: Uint8Array): ImageContent {
  const tar = tarOf(MODULE_FILE, code);
  const layer = storedGzip(tar);
  const config = json({
    // Nothing in it runs on a platform; where one is asked for, this is it.
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
  });
  return {
    config: descriptor(OCI_CONFIG, config),
    layers: [descriptor(OCI_LAYER_GZIP, layer)],
    blobs: [config, layer],
  };
}

function artifactContent(
  code: Uint8Array<ArrayBuffer>,
  { protocol, abi }: ModuleImageOptions,
): ImageContent {
  const empty = json({});
  const runtime = json({
    type: "envoy_proxy",
    abi_version: abi,
    config: { root_ids: [`metaproto.${protocol}`] },
  });
  return {
    artifactType: ARTIFACT_TYPE,
    config: descriptor(OCI_EMPTY, empty),
    layers: [
      { ...descriptor(WASM_CONFIG, runtime), annotations: { [TITLE]: "runtime-config.json" } },
      { ...descriptor(WASM_LAYER, code), annotations: { [TITLE]: "filter.wasm" } },
    ],
    blobs: [empty, runtime, code],
  };
}

export function descriptor(mediaType: string, content: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(content), size: content.length };
}

export function json(value: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(JSON.stringify(value)));
}
