// Where the module of a protocol comes from: a registry of images, a web server, or a file.
import { map, object, optional, required, type Read } from "./schema/composites.js";
import { checked, type Schema } from "./schema/schema.js";
import { number, oneOf, text, textWithout } from "./schema/scalars.js";

const SHA256 = /^[0-9a-f]{64}$/;
const CREDENTIALS = /^\w+:\/\/[^/]*@(?!sha256:)/;
const SCHEME = /^(oci|https|file):\/\/[^\s]+$/;

const url = textWithout((value) => {
  if (!SCHEME.test(value))
    return "must begin with `oci://`, `https://` or `file://` and have no blanks";
  return CREDENTIALS.test(value)
    ? "must not have credentials: they belong into a Docker configuration"
    : undefined;
});
const sha256 = textWithout((value) =>
  SHA256.test(value) ? undefined : "must be 64 hexadecimal digits, in small letters",
);
const publicKey = textWithout((value) =>
  value.includes("-----BEGIN PUBLIC KEY-----") ? undefined : "must be a public key in PEM",
);

const canary = object({
  url: optional(url, "the module for them", "the one of the others: there is no canary at present"),
  sha256: optional(sha256, "as of the other one"),
  labels: optional(
    map(text),
    "those whose labels have all of these: `LABELS` in the metadata of `node`, as Istio has it",
    "any",
  ),
  percent: optional(
    number({ min: 0, max: 100, above: false }),
    "of those, about so many, always the same, chosen by `node.id`",
    "100",
  ),
});

const written = object({
  url: required(
    url,
    "`oci://` and a reference, `https://`, or `file://` and a path at the control plane",
  ),
  sha256: optional(
    sha256,
    "what it must be: the manifest's digest with `oci`, else the file's",
    "anything; required with `https`",
  ),
  imagePullPolicy: optional(
    oneOf("IfNotPresent", "Always"),
    "`IfNotPresent`: a tag is asked for once; `Always`: every minute (`serve --module-interval`)",
    "`IfNotPresent`; `Always` for `latest`",
  ),
  publicKey: optional(
    publicKey,
    "ECDSA P-256 in PEM: the image must be [signed](modules.md#registries) with its private key",
    "signatures are not looked at",
  ),
  canary: optional(canary, "another module for some proxies", "none"),
});

export type ModuleSource = Read<typeof written>;

export const moduleSource: Schema<ModuleSource> = checked(written, (from, site) => {
  const { url: first, canary: other } = from;
  const isUnpinned = (link: string, digest: string | undefined): boolean =>
    link.startsWith("https:") && digest === undefined;
  if (isUnpinned(first, from.sha256)) site.field("sha256").fault("is required with `https://`");
  if (other?.url !== undefined && isUnpinned(other.url, other.sha256))
    site.field("canary").field("sha256").fault("is required with `https://`");
  if (other?.url === undefined && other?.sha256 !== undefined)
    site.field("canary").field("sha256").fault("is of no use without `url`");
  const links = [first, ...(other?.url === undefined ? [] : [other.url])];
  if (from.publicKey !== undefined && links.some((link) => !link.startsWith("oci:")))
    site.field("publicKey").fault("is for `oci://` only: nothing else has signatures");
});
