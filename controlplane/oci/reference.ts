// Names of what a registry holds: `oci://registry/repository:tag@sha256:digest`.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
import { isDigest } from "./digest.js";

export interface Reference {
  /** Host, with the port if it has one. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:…`. With both, the digest counts. */
  readonly digest: string | undefined;
}

const SCHEME = "oci://";
const REGISTRY = /^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:\d{1,5})?$/;
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^\w[\w.-]{0,127}$/;
const MAX_LENGTH = 1_024;
/** Docker Hub answers under another name than the one that people write. */
const DOCKER_HUB = "docker.io";
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * @param text with or without `oci://`. The registry must be named: there is no default one.
 * @throws Error that says what is wrong with it.
 */
export function parseReference(text: string): Reference {
  const fail = (reason: string): never => {
    throw new Error(`${text.slice(0, 200)} is no reference of a module: ${reason}`);
  };
  if (text.length > MAX_LENGTH) fail(`it is longer than ${MAX_LENGTH} characters`);
  const bare = text.startsWith(SCHEME) ? text.slice(SCHEME.length) : text;
  const slash = bare.indexOf("/");
  const registry = bare.slice(0, Math.max(0, slash));
  if (!isRegistry(registry))
    fail("it must begin with a registry, as in `registry.example/team/module:1.0`");
  const [path = "", digest, ...more] = bare.slice(slash + 1).split("@");
  if (more.length > 0 || (digest !== undefined && !isDigest(digest)))
    fail("behind `@` must stand `sha256:` and 64 hexadecimal digits");
  const colon = path.indexOf(":");
  const repository = colon < 0 ? path : path.slice(0, colon);
  if (!REPOSITORY.test(repository))
    fail("the repository must consist of small letters, digits, and `.`, `_`, `-`, `/` between");
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag))
    fail("the tag must consist of at most 128 letters, digits, `_`, `.` and `-`");
  const isOfficial = registry === DOCKER_HUB && !repository.includes("/");
  return { registry, repository: isOfficial ? `library/${repository}` : repository, tag, digest };
}

/** A registry can be told from the first part of a repository by its dot or port. */
function isRegistry(text: string): boolean {
  return REGISTRY.test(text) && (/[.:]/.test(text) || text === "localhost");
}

/** As users write it, without `oci://`. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  const version = `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
  return `${registry}/${repository}${version}`;
}

/** What a registry is asked for: the digest, the tag, else `latest`. */
export function versionOf({ tag, digest }: Reference): string {
  return digest ?? tag ?? "latest";
}

export function isDockerHub(registry: string): boolean {
  return registry === DOCKER_HUB || registry === "index.docker.io";
}

/** The host to connect to. */
export function hostOf(registry: string): string {
  return isDockerHub(registry) ? "registry-1.docker.io" : registry;
}

/** Whether a registry is on this machine: what is said to it, no network sees. */
export function isLoopback(registry: string): boolean {
  return LOOPBACK.test(registry.replace(/:\d+$/, ""));
}
