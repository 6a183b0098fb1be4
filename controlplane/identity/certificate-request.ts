// Requests for certificates: PKCS #10, RFC 2986, with an ECDSA key on P-256.
import { generateKeyPairSync, sign } from "node:crypto";
import { bitString, der, objectId, pem, Tag } from "./der.js";

const ECDSA_WITH_SHA256 = [1, 2, 840, 10045, 4, 3, 2];
const EXTENSION_REQUEST = [1, 2, 840, 113549, 1, 9, 14];
const SUBJECT_ALT_NAME = [2, 5, 29, 17];
/** Of a GeneralName: RFC 5280, section 4.2.1.6. */
const URI_NAME = 6;

export interface CertificateRequest {
  /** PEM. */
  readonly request: string;
  /** PKCS #8, PEM. */
  readonly privateKey: string;
}

/** A new key, and the request for a certificate for it. @param uri that the certificate is to be for. */
export function certificateRequest(uri: string): CertificateRequest {
  const pair = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const names = der(Tag.Sequence, der(Tag.Implicit + URI_NAME, Buffer.from(uri)));
  const extensions = der(
    Tag.Sequence,
    der(Tag.Sequence, objectId(SUBJECT_ALT_NAME), der(Tag.OctetString, names)),
  );
  const attributes = der(
    Tag.Explicit,
    der(Tag.Sequence, objectId(EXTENSION_REQUEST), der(Tag.Set, extensions)),
  );
  const version = der(Tag.Integer, Buffer.from([0]));
  const nobody = der(Tag.Sequence);
  const key = pair.publicKey.export({ type: "spki", format: "der" });
  const body = der(Tag.Sequence, version, nobody, key, attributes);
  const algorithm = der(Tag.Sequence, objectId(ECDSA_WITH_SHA256));
  const signature = bitString(sign("sha256", body, pair.privateKey));
  return {
    request: pem("CERTIFICATE REQUEST", der(Tag.Sequence, body, algorithm, signature)),
    privateKey: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
