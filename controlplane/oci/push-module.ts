// Stores a module's image under one or several tags.
import type { ModuleImage } from "./module-image.js";
import type { Reference } from "./reference.js";
import type { RegistryClient } from "./registry-client.js";

/**
 * @param reference without a digest: that is what the image has.
 * @param tags at least one.
 * @throws Error when the registry refuses any of it; a tag never names what is not there as a whole.
 */
export async function pushModule(
  client: RegistryClient,
  image: ModuleImage,
  reference: Reference,
  tags: readonly string[],
): Promise<void> {
  for (const blob of image.blobs) await client.pushBlob(reference, blob);
  for (const tag of tags)
    await client.pushManifest({ ...reference, tag }, image.mediaType, image.manifest);
}
