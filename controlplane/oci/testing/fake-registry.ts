// A registry in this process, for what a real one does not do on demand: ask for tokens, send on, lie, and break off.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { digestOf } from "../digest.js";

export interface StoredManifest {
  readonly mediaType: string;
  readonly content: Buffer;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** Answers a request itself; false: the registry is to answer. */
type Intercept = (request: SeenRequest, response: ServerResponse) => boolean;

export class FakeRegistry {
  /** By `repository:version`. */
  readonly manifests = new Map<string, StoredManifest>();
  /** By digest. */
  readonly blobs = new Map<string, Buffer>();
  readonly requests: SeenRequest[] = [];
  intercept: Intercept = () => false;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeRegistry> {
    const server = createServer();
    const registry = new FakeRegistry(server);
    server.on("request", (request, response) => void registry.handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** `127.0.0.1:<port>`. */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  /** Stores a manifest under a tag and its digest, which is returned. */
  putManifest(repository: string, tag: string, mediaType: string, value: unknown): string {
    const content = Buffer.from(JSON.stringify(value));
    const digest = digestOf(content);
    for (const version of [tag, digest])
      this.manifests.set(`${repository}:${version}`, { mediaType, content });
    return digest;
  }

  putBlob(content: Uint8Array): { readonly digest: string; readonly size: number } {
    const digest = digestOf(content);
    this.blobs.set(digest, Buffer.from(content));
    return { digest, size: content.length };
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: request.url ?? "",
      authorization: request.headers.authorization,
      body: body.toString("latin1"),
    };
    this.requests.push(seen);
    if (this.intercept(seen, response)) return;
    const [, repository = "", kind, rest = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(seen.path) ?? [];
    if (kind === "manifests") this.manifest(`${repository}:${rest}`, seen, body, response);
    else this.blob(`/v2/${repository}`, rest, seen, body, response);
  }

  private manifest(key: string, seen: SeenRequest, body: Buffer, response: ServerResponse): void {
    if (seen.method === "PUT") {
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const repository = key.slice(0, key.indexOf(":"));
      for (const name of [key, `${repository}:${digestOf(body)}`])
        this.manifests.set(name, { mediaType, content: body });
      response.writeHead(201, { "docker-content-digest": digestOf(body) }).end();
      return;
    }
    const found = this.manifests.get(key);
    if (found === undefined) {
      const errors = [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }];
      response.writeHead(404).end(JSON.stringify({ errors }));
      return;
    }
    const headers = { "content-type": found.mediaType, "content-length": found.content.length };
    response.writeHead(200, headers).end(seen.method === "HEAD" ? undefined : found.content);
  }

  private blob(
    base: string,
    rest: string,
    { method }: SeenRequest,
    body: Buffer,
    response: ServerResponse,
  ): void {
    if (method === "POST") {
      response.writeHead(202, { location: `${base}/blobs/uploads/1?state=opaque` }).end();
      return;
    }
    if (method === "PUT") {
      this.blobs.set(digestOf(body), body);
      response.writeHead(201).end();
      return;
    }
    const found = this.blobs.get(rest);
    if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200).end(method === "HEAD" ? undefined : found);
  }
}
