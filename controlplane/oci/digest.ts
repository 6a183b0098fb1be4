// Digests of content: what is named by one is checked against it, wherever it came from.
import { createHash } from "node:crypto";

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `sha256:<64 hexadecimal digits>`, the only kind that is supported. */
export function digestOf(content: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** The digits alone. */
export function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1);
}
