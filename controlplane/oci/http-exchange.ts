// One request to a registry, or to what it points to: bounded in time and size, https unless it was allowed otherwise,
// and with errors that name the place but nothing secret.
import { createHash } from "node:crypto";
import { errorMessage } from "../runtime/error-message.js";
import { isLoopback } from "./reference.js";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
}

export interface HttpOptions {
  /** Plain http also to hosts that are not on this machine. */
  readonly isPlainHttp: boolean;
  /** For a whole exchange, its body included. */
  readonly timeoutMs: number;
}

const MAX_REDIRECTS = 5;
const MAX_ERROR_BYTES = 64 * 1024;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What a registry has answered, whatever it means. */
export class HttpAnswer {
  constructor(
    /** Such as `GET registry.example/v2/team/module/manifests/1.0`. */
    readonly place: string,
    private readonly response: Response,
  ) {}

  get status(): number {
    return this.response.status;
  }

  header(name: string): string | undefined {
    return this.response.headers.get(name) ?? undefined;
  }

  /** Lets go of a body that nobody wants. */
  async discard(): Promise<void> {
    await this.response.body?.cancel().catch(() => undefined);
  }

  /** @throws Error when it is longer than `maxBytes`, without reading more than that. */
  async body(maxBytes: number): Promise<{ readonly content: Buffer; readonly digest: string }> {
    const tooLong = `${this.place}: the answer is longer than ${maxBytes} bytes`;
    if (Number(this.header("content-length") ?? 0) > maxBytes) {
      await this.discard();
      throw new Error(tooLong);
    }
    const hash = createHash("sha256");
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of (this.response.body ?? []) as AsyncIterable<Uint8Array>) {
        size += chunk.length;
        if (size > maxBytes) break;
        hash.update(chunk);
        chunks.push(chunk);
      }
    } catch (error) {
      throw new Error(`${this.place}: the answer ended early: ${causeOf(error)}`, { cause: error });
    }
    if (size > maxBytes) throw new Error(tooLong);
    return { content: Buffer.concat(chunks), digest: `sha256:${hash.digest("hex")}` };
  }

  /** What the registry says is wrong. https://github.com/opencontainers/distribution-spec: error codes */
  async failure(): Promise<Error> {
    const reason = await this.body(MAX_ERROR_BYTES).then(
      ({ content }) => reasonOf(content.toString("utf8")),
      () => "",
    );
    return new Error(`${this.place}: ${this.status}${reason === "" ? "" : ` ${reason}`}`);
  }
}

/**
 * Sends a request and follows where it is sent on; `Authorization` goes to the first host only.
 * @throws Error when there is no answer, or when it would go over plain http without leave.
 */
export async function exchange(request: HttpRequest, options: HttpOptions): Promise<HttpAnswer> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  let { url } = request;
  let headers: Readonly<Record<string, string>> = request.headers ?? {};
  for (let redirects = 0; ; redirects++) {
    // Where a registry sends on to, the query may be a key: it is never part of the place.
    const place = `${request.method} ${url.host}${url.pathname}`;
    requireEncryption(url, place, options);
    const { method, body } = request;
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        headers,
        signal,
        redirect: "manual",
        ...(body !== undefined && { body }),
      });
    } catch (error) {
      throw new Error(`${place}: ${causeOf(error)}`, { cause: error });
    }
    const location = response.headers.get("location");
    const isFollowed = method === "GET" || method === "HEAD";
    if (!REDIRECTS.has(response.status) || location === null || !isFollowed)
      return new HttpAnswer(place, response);
    await response.body?.cancel().catch(() => undefined);
    if (redirects >= MAX_REDIRECTS) throw new Error(`${place}: it is sent on too often`);
    const next = new URL(location, url);
    if (next.origin !== url.origin) headers = withoutAuthorization(headers);
    url = next;
  }
}

function withoutAuthorization(
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const kept = Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization");
  return Object.fromEntries(kept);
}

function requireEncryption(url: URL, place: string, { isPlainHttp }: HttpOptions): void {
  if (url.protocol === "https:") return;
  if (url.protocol === "http:" && (isPlainHttp || isLoopback(url.host))) return;
  throw new Error(`${place}: ${url.protocol.slice(0, -1)} is not allowed here, only https`);
}

function causeOf(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "no answer in time";
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  const message = errorMessage(cause);
  return message === "" && typeof code === "string" ? code : message;
}

/** Of a body such as `{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}`. */
function reasonOf(body: string): string {
  try {
    const { errors } = JSON.parse(body) as { readonly errors?: unknown };
    if (!Array.isArray(errors)) return "";
    const reasons = errors.map((error: unknown) => {
      const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
      return [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
    });
    return reasons
      .join("; ")
      .replace(/\p{Cc}+/gu, " ")
      .slice(0, 300);
  } catch {
    return "";
  }
}
