// Pulls and pushes manifests and blobs; nothing is handed on that is not what its digest says.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
import { type Access, Authorization } from "./authorization.js";
import { digestOf, isDigest } from "./digest.js";
import type { CredentialSource } from "./docker-config.js";
import { type HttpAnswer, type HttpOptions, type HttpRequest, exchange } from "./http-exchange.js";
import { MANIFEST_TYPES, type Descriptor } from "./manifest.js";
import {
  type Reference,
  formatReference,
  hostOf,
  isDockerHub,
  isLoopback,
  versionOf,
} from "./reference.js";

export interface RegistryOptions {
  /** Default: none, everybody's access. */
  readonly credentials?: CredentialSource;
  /** Plain http to any registry; without it only to one on this machine. */
  readonly isPlainHttp?: boolean;
  /** Of each exchange. Milliseconds, default 2 minutes. */
  readonly timeoutMs?: number;
}

export interface ReceivedManifest {
  readonly mediaType: string;
  /** Of `content`. */
  readonly digest: string;
  readonly content: Buffer;
}

const DEFAULT_TIMEOUT_MS = 120_000;
/** What registries themselves accept at most. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

export class RegistryClient {
  private readonly http: HttpOptions;
  private readonly authorization: Authorization;

  constructor(options: RegistryOptions = {}) {
    this.http = {
      isPlainHttp: options.isPlainHttp ?? false,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    };
    this.authorization = new Authorization(options.credentials, this.http);
  }

  /** @throws Error when there is none, when it cannot be had, or when it is not what its digest says. */
  async manifest(reference: Reference): Promise<ReceivedManifest> {
    const answer = await this.ask(reference, "pull", {
      method: "GET",
      path: `manifests/${versionOf(reference)}`,
      headers: { accept: MANIFEST_TYPES.join(", ") },
    });
    if (answer.status !== 200) throw await answer.failure();
    const { content, digest } = await answer.body(MAX_MANIFEST_BYTES);
    requireDigest(answer, digest, reference.digest ?? answer.header("docker-content-digest"));
    const [mediaType = ""] = (answer.header("content-type") ?? "").split(";");
    return { mediaType: mediaType.trim(), digest, content };
  }

  /** Undefined: there is none. @throws Error otherwise as `manifest`. */
  async manifestIfAny(reference: Reference): Promise<ReceivedManifest | undefined> {
    const answer = await this.ask(reference, "pull", {
      method: "HEAD",
      path: `manifests/${versionOf(reference)}`,
      headers: { accept: MANIFEST_TYPES.join(", ") },
    });
    await answer.discard();
    if (answer.status === 404) return undefined;
    return this.manifest(reference);
  }

  /** @throws Error when it cannot be had, is longer than `maxBytes`, or is not what its descriptor says. */
  async blob(reference: Reference, descriptor: Descriptor, maxBytes: number): Promise<Buffer> {
    const { digest: wanted, size } = descriptor;
    const name = formatReference(reference);
    if (!isDigest(wanted)) throw new Error(`${name}: a layer has no SHA-256 digest`);
    if (size > maxBytes)
      throw new Error(`${name}: a layer has ${size} bytes, more than the ${maxBytes} allowed`);
    const answer = await this.ask(reference, "pull", { method: "GET", path: `blobs/${wanted}` });
    if (answer.status !== 200) throw await answer.failure();
    // Not one byte more than was promised.
    const { content, digest } = await answer.body(size);
    requireDigest(answer, digest, wanted);
    return content;
  }

  /** Pushes a blob that the repository does not have. @throws Error when the registry refuses it. */
  async pushBlob(reference: Reference, content: Uint8Array<ArrayBuffer>): Promise<void> {
    const digest = digestOf(content);
    const there = await this.ask(reference, "pull,push", {
      method: "HEAD",
      path: `blobs/${digest}`,
    });
    await there.discard();
    if (there.status === 200) return;
    const begun = await this.ask(reference, "pull,push", {
      method: "POST",
      path: "blobs/uploads/",
    });
    const location = begun.header("location");
    if (begun.status !== 202 || location === undefined) throw await begun.failure();
    await begun.discard();
    const base = this.baseOf(reference);
    const url = new URL(location, base);
    url.searchParams.set("digest", digest);
    const authorization = this.authorization.known(accessTo(reference, "pull,push"));
    const isOwn = url.origin === base.origin && authorization !== undefined;
    const stored = await exchange(
      {
        method: "PUT",
        url,
        headers: {
          "content-type": "application/octet-stream",
          ...(isOwn && { authorization }),
        },
        body: content,
      },
      this.http,
    );
    if (stored.status !== 201) throw await stored.failure();
    await stored.discard();
  }

  /** Names a manifest, all of whose blobs are there. @throws Error when the registry refuses it. */
  async pushManifest(
    reference: Reference,
    mediaType: string,
    content: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const answer = await this.ask(reference, "pull,push", {
      method: "PUT",
      path: `manifests/${versionOf(reference)}`,
      headers: { "content-type": mediaType },
      body: content,
    });
    if (answer.status !== 201) throw await answer.failure();
    await answer.discard();
    requireDigest(answer, digestOf(content), answer.header("docker-content-digest"));
  }

  /** Asks, and once more with what the registry wants to see. */
  private async ask(
    reference: Reference,
    actions: Access["actions"],
    request: Omit<HttpRequest, "url"> & { readonly path: string },
  ): Promise<HttpAnswer> {
    const access = accessTo(reference, actions);
    const url = new URL(`/v2/${reference.repository}/${request.path}`, this.baseOf(reference));
    const send = (authorization: string | undefined): Promise<HttpAnswer> =>
      exchange(
        {
          ...request,
          url,
          headers: {
            ...request.headers,
            ...(authorization !== undefined && { authorization }),
          },
        },
        this.http,
      );
    const answer = await send(this.authorization.known(access));
    const challenge = answer.header("www-authenticate");
    if (answer.status !== 401 || challenge === undefined) return answer;
    await answer.discard();
    return send(await this.authorization.answer(access, answer.place, challenge));
  }

  private baseOf({ registry }: Reference): URL {
    const isPlain = isLoopback(registry) || (this.http.isPlainHttp && !isDockerHub(registry));
    return new URL(`${isPlain ? "http" : "https"}://${hostOf(registry)}`);
  }
}

function accessTo({ registry, repository }: Reference, actions: Access["actions"]): Access {
  return { registry, repository, actions };
}

/** @param wanted undefined: nobody has said. */
function requireDigest({ place }: HttpAnswer, digest: string, wanted: string | undefined): void {
  if (wanted !== undefined && digest !== wanted)
    throw new Error(`${place}: the content has digest ${digest}, not ${wanted.slice(0, 100)}`);
}
