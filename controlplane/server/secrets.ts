// Keeps what nobody but the proxies must know out of what people and programs are shown.
import type { JsonValue } from "@bufbuild/protobuf";

const REDACTED = "[redacted]";
/** Names of fields: `password` of a resource, `auth_password` and `downstream_auth_passwords` of Envoy's. */
const SECRET_FIELD = /passwords?$/i;
/**
 * Strings in a message of Envoy about a configuration that it refuses, which quotes it as JSON or in the text format of
 * Protocol Buffers. Of all that proxies are sent, only passwords are in such a field.
 */
const SECRET_TEXT = /("?\binline_?string"?\s*:\s*)"(?:[^"\\]|\\.)*"/gi;

/** A copy of what JSON can say. */
export function withoutSecrets(value: JsonValue): JsonValue;
export function withoutSecrets(value: unknown): unknown;
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => withoutSecrets(item));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]: [string, unknown]) => [
      key,
      SECRET_FIELD.test(key) && child !== undefined ? REDACTED : withoutSecrets(child),
    ]),
  );
}

/** Of a message that a proxy sent. */
export function withoutSecretText(message: string): string {
  return message.replaceAll(SECRET_TEXT, `$1"${REDACTED}"`);
}
