// How the code of modules comes to proxies of Istio, and which modules can come that way.
import type { ModuleCheck } from "../modules/remote-modules.js";
import { startFault } from "../modules/start-module.js";
import { resolveModule } from "../oci/pull-module.js";
import { parseReference } from "../oci/reference.js";
import { RegistryClient } from "../oci/registry-client.js";
import { errorMessage } from "../runtime/error-message.js";
import type { ModuleSource } from "../translate/ir-to-istio/envoy-filters.js";
import type { ModuleVersion } from "../translate/ir-to-xds/module-version.js";

export type ModuleDelivery =
  /** EnvoyFilters hold it. */
  | { readonly kind: "inline" }
  /**
   * Istio's agent fetches it from this control plane.
   * @property url without `/` at its end; modules are at `<url>/modules/<sha256>.wasm`.
   */
  | { readonly kind: "http"; readonly url: string }
  /** Istio's agent fetches images, without a password. What is no image is inline. */
  | { readonly kind: "oci"; readonly isPlainHttp: boolean };

/**
 * An object of Kubernetes may have 1.5 MiB in etcd's default, and this is four thirds as long in one; the rest is the
 * object's own, as the server keeps it.
 */
export const MAX_INLINE_BYTES = 1_100_000;

export function sourceOf(delivery: ModuleDelivery, { digest, image }: ModuleVersion): ModuleSource {
  if (delivery.kind === "http") {
    const url = `${delivery.url}${modulePath(digest)}`;
    return { kind: "remote", url, sha256: digest };
  }
  if (delivery.kind === "oci" && image !== undefined)
    return { kind: "remote", url: image, sha256: image.slice(image.lastIndexOf(":") + 1) };
  return { kind: "inline" };
}

export function modulePath(sha256: string): string {
  return `/modules/${sha256}.wasm`;
}

/** What keeps a module from being delivered so; undefined: nothing. */
export function sizeFault(
  delivery: ModuleDelivery,
  { code, image }: Pick<ModuleVersion, "code" | "image">,
): string | undefined {
  const isInline = delivery.kind === "inline" || (delivery.kind === "oci" && image === undefined);
  if (!isInline || code.length <= MAX_INLINE_BYTES) return undefined;
  return (
    `it has ${code.length} bytes, and an EnvoyFilter holds one of at most ${MAX_INLINE_BYTES}: ` +
    "use --module-delivery=http"
  );
}

/** What a module has to stand before any proxy is told of it. */
export function deliveryCheck(delivery: ModuleDelivery): ModuleCheck {
  return async ({ source, digest, code }) => {
    const isImage = source.url.startsWith("oci:");
    const tooLong = sizeFault(delivery, { code, ...(isImage && { image: source.url }) });
    if (tooLong !== undefined) return tooLong;
    const fault = await startFault(code);
    if (fault !== undefined || delivery.kind !== "oci" || !isImage) return fault;
    return publicFault(source.url, digest, delivery.isPlainHttp);
  };
}

/** Whoever may read an EnvoyFilter could read a password in it, so there is none: agents ask as anybody may. */
async function publicFault(
  url: string,
  digest: string,
  isPlainHttp: boolean,
): Promise<string | undefined> {
  const client = new RegistryClient({ credentials: () => Promise.resolve(undefined), isPlainHttp });
  try {
    await resolveModule(client, { ...parseReference(url), digest });
    return undefined;
  } catch (error) {
    return (
      `proxies could not fetch it, since they have no password (${errorMessage(error)}): ` +
      "use --module-delivery=http"
    );
  }
}
