// Signatures with a key, where and as cosign stores them: an image beside the signed one, whose layers say what was
// signed and carry the signatures.
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
import {
  type KeyObject,
  createPrivateKey,
  createPublicKey,
  sign,
  verify as verifySignature,
} from "node:crypto";
import { hexOf } from "./digest.js";
import { type Descriptor, OCI_CONFIG, OCI_MANIFEST, parseManifest } from "./manifest.js";
import { descriptor, json } from "./module-image.js";
import { type Reference, formatReference } from "./reference.js";
import type { RegistryClient } from "./registry-client.js";

const PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE = "dev.cosignproject.cosign/signature";
const SIGNED_TYPE = "cosign container image signature";
const MAX_PAYLOAD_BYTES = 64 * 1024;
/** Of one image; more of them are not looked at. */
const MAX_SIGNATURES = 100;
const CURVE = "prime256v1";

type Pinned = Reference & { readonly digest: string };

/** @throws Error when `pem` is no public key of ECDSA P-256. @param place for messages. */
export function publicKeyOf(pem: string, place: string): KeyObject {
  return p256(() => createPublicKey(pem), `${place} is no public key`);
}

/** @throws Error when `pem` is no private key of ECDSA P-256 without a passphrase. @param place for messages. */
export function privateKeyOf(pem: string, place: string): KeyObject {
  return p256(() => createPrivateKey(pem), `${place} is no private key without a passphrase`);
}

/** Errors of parsers may quote a key: they are not handed on. */
function p256(parse: () => KeyObject, fault: string): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch {
    throw new Error(`${fault}, in PEM`);
  }
  const isEcdsa = key.asymmetricKeyType === "ec";
  if (!isEcdsa || key.asymmetricKeyDetails?.namedCurve !== CURVE)
    throw new Error(`${fault} of ECDSA P-256`);
  return key;
}

/** Where the signatures of an image are. */
function signatureReference({ registry, repository, digest }: Pinned): Reference {
  return { registry, repository, tag: `sha256-${hexOf(digest)}.sig`, digest: undefined };
}

/**
 * Adds a signature to those that an image has; one by the same key is enough.
 * @throws Error when the registry refuses it.
 */
export async function signImage(
  client: RegistryClient,
  signed: Pinned,
  key: KeyObject,
): Promise<void> {
  const reference = signatureReference(signed);
  const before = await signatureLayers(client, reference);
  if (await isAnyValid(client, signed, before, createPublicKey(key))) return;
  const payload = json({
    critical: {
      identity: { "docker-reference": `${signed.registry}/${signed.repository}` },
      image: { "docker-manifest-digest": signed.digest },
      type: SIGNED_TYPE,
    },
    optional: null,
  });
  const signature = sign("sha256", payload, key).toString("base64");
  const layers = [
    ...before,
    { ...descriptor(PAYLOAD_TYPE, payload), annotations: { [SIGNATURE]: signature } },
  ];
  const config = json({
    architecture: "",
    os: "",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  });
  await client.pushBlob(reference, config);
  await client.pushBlob(reference, payload);
  const manifest = json({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(OCI_CONFIG, config),
    layers,
  });
  await client.pushManifest(reference, OCI_MANIFEST, manifest);
}

/** @throws Error unless the image was signed with the private key of `key`. */
export async function verifyImage(
  client: RegistryClient,
  signed: Pinned,
  key: KeyObject,
): Promise<void> {
  const layers = await signatureLayers(client, signatureReference(signed));
  const name = formatReference(signed);
  if (layers.length === 0) throw new Error(`${name} is not signed`);
  if (!(await isAnyValid(client, signed, layers, key)))
    throw new Error(
      `${name}: none of its ${layers.length} signatures is by the key that is asked for`,
    );
}

async function signatureLayers(
  client: RegistryClient,
  reference: Reference,
): Promise<readonly Descriptor[]> {
  const received = await client.manifestIfAny(reference);
  if (received === undefined) return [];
  const parsed = parseManifest(received.content, formatReference(reference));
  if (parsed.kind === "index") return [];
  return parsed.manifest.layers
    .filter(({ mediaType }) => mediaType === PAYLOAD_TYPE)
    .slice(0, MAX_SIGNATURES);
}

async function isAnyValid(
  client: RegistryClient,
  signed: Pinned,
  layers: readonly Descriptor[],
  key: KeyObject,
): Promise<boolean> {
  for (const layer of layers) {
    const signature = layer.annotations?.[SIGNATURE];
    if (signature === undefined) continue;
    const payload = await client.blob(signatureReference(signed), layer, MAX_PAYLOAD_BYTES);
    const isByKey = verifySignature("sha256", payload, key, Buffer.from(signature, "base64"));
    if (isByKey && isAbout(payload, signed.digest)) return true;
  }
  return false;
}

/** A signature of another image says nothing about this one. */
function isAbout(payload: Buffer, digest: string): boolean {
  try {
    const { critical } = JSON.parse(payload.toString("utf8")) as {
      readonly critical?: { readonly type?: unknown; readonly image?: Record<string, unknown> };
    };
    if (critical?.type !== SIGNED_TYPE) return false;
    return critical.image?.["docker-manifest-digest"] === digest;
  } catch {
    return false;
  }
}
