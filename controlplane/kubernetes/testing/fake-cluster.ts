// A small Kubernetes API over HTTP, for tests: lists in pages, watches with bookmarks, versions of objects, conflicts,
// the status subresource, merge patches, kinds that are not installed, and faults on demand. It knows no schemas.
import { KubeConfig } from "@kubernetes/client-node";
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { apiVersionOf, type KubernetesObject, type ResourceType, resourcePath } from "../object.js";

type Json = Record<string, unknown>;

interface Stored extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & { readonly resourceVersion: string };
}

interface Change {
  readonly version: number;
  readonly event: "ADDED" | "MODIFIED" | "DELETED";
  readonly collection: string;
  readonly object: Stored;
  readonly before: Stored | undefined;
}

interface Watcher {
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly selector: string | undefined;
  readonly response: ServerResponse;
}

interface Target {
  readonly type: ResourceType;
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly isStatus: boolean;
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

class Refusal extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

const collectionOf = (type: ResourceType): string => resourcePath(type);

export class FakeCluster {
  /** All requests that change something, in order, refused ones included. */
  readonly writes: RecordedRequest[] = [];
  /** Lists and watches, in order. */
  readonly reads: RecordedRequest[] = [];
  /** Of a list. */
  pageSize = Infinity;
  /** What the server makes of the objects that clients send. */
  onWrite: (object: object) => object = (object) => object;
  private readonly server: Server;
  private readonly types = new Map<string, ResourceType>();
  private readonly objects = new Map<string, Stored>();
  private readonly watchers = new Set<Watcher>();
  private changes: Change[] = [];
  private version = 100;
  private oldest = 0;
  private faultOf: (request: RecordedRequest) => Refusal | undefined = () => undefined;

  private constructor(types: readonly ResourceType[]) {
    for (const type of types) this.install(type);
    this.server = createServer((request, response) => {
      void this.handle(request, response);
    });
  }

  static async start(types: readonly ResourceType[], port = 0): Promise<FakeCluster> {
    const cluster = new FakeCluster(types);
    await cluster.listen(port);
    return cluster;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get config(): KubeConfig {
    const config = new KubeConfig();
    const cluster = { name: "fake", server: this.url, skipTLSVerify: true };
    config.loadFromClusterAndUser(cluster, { name: "test" });
    return config;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get watchCount(): number {
    return this.watchers.size;
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, "127.0.0.1", () => resolve());
    });
  }

  /** The server is away; what it holds stays. */
  async shutDown(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    this.watchers.clear();
    await closed;
  }

  install(type: ResourceType): void {
    this.types.set(collectionOf(type), type);
  }

  uninstall(type: ResourceType): void {
    for (const [key, object] of this.objects)
      if (key.startsWith(`${collectionOf(type)} `)) this.remove(key, object);
    this.types.delete(collectionOf(type));
    this.endWatches();
  }

  /** Requests for which this gives a status are refused with it. */
  failIf(status: (request: RecordedRequest) => number | undefined): void {
    this.faultOf = (request) => {
      const code = status(request);
      return code === undefined ? undefined : new Refusal(code, "Injected", `injected ${code}`);
    };
  }

  /** Watches end; whoever comes back with a version from before this is told 410. */
  compact(): void {
    this.oldest = this.version;
    this.changes = [];
    this.endWatches();
  }

  /** Connections of watches break. */
  breakWatches(): void {
    for (const { response } of this.watchers) response.destroy();
    this.watchers.clear();
  }

  endWatches(): void {
    for (const { response } of this.watchers) response.end();
    this.watchers.clear();
  }

  bookmark(): void {
    this.version++;
    for (const { collection, response } of this.watchers) {
      const type = this.typeOf(collection);
      const metadata = { resourceVersion: String(this.version) };
      write(response, "BOOKMARK", { kind: type.kind, apiVersion: apiVersionOf(type), metadata });
    }
  }

  /** As somebody else would do it: creates or replaces. */
  apply(type: ResourceType, object: object): Stored {
    const target = this.targetOf(type, object as KubernetesObject);
    const before = this.objects.get(keyOf(target));
    return before === undefined
      ? this.create(target, object as Json)
      : this.update(target, before, { ...(object as Json), status: before.status });
  }

  get(type: ResourceType, name: string, namespace?: string): Stored | undefined {
    const scope = type.namespaced ? (namespace ?? "default") : undefined;
    return this.objects.get(`${collectionOf(type)} ${scope ?? ""}/${name}`);
  }

  all(type: ResourceType): Stored[] {
    const prefix = `${collectionOf(type)} `;
    return [...this.objects].flatMap(([key, object]) => (key.startsWith(prefix) ? [object] : []));
  }

  delete(type: ResourceType, name: string, namespace?: string): void {
    const object = this.get(type, name, namespace);
    if (object === undefined) throw new Error(`no ${type.kind} ${name}`);
    this.remove(keyOf(this.targetOf(type, object)), object);
  }

  private typeOf(collection: string): ResourceType {
    const type = this.types.get(collection);
    if (type === undefined)
      throw new Refusal(404, "NotFound", "the server could not find the requested resource");
    return type;
  }

  private targetOf(type: ResourceType, { metadata }: KubernetesObject): Target {
    return {
      type,
      collection: collectionOf(type),
      namespace: type.namespaced ? (metadata.namespace ?? "default") : undefined,
      name: metadata.name,
      isStatus: false,
    };
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? "/", "http://fake");
      const recorded: RecordedRequest = {
        method: request.method ?? "",
        path: url.pathname,
        query: url.searchParams,
        body: await bodyOf(request),
      };
      (recorded.method === "GET" ? this.reads : this.writes).push(recorded);
      const fault = this.faultOf(recorded);
      if (fault !== undefined) throw fault;
      const target = this.parse(url.pathname);
      if (url.searchParams.get("watch") === "true") this.watch(target, url.searchParams, response);
      else reply(response, recorded.method === "POST" ? 201 : 200, this.answer(target, recorded));
    } catch (error) {
      const { code, reason, message } =
        error instanceof Refusal ? error : new Refusal(500, "InternalError", String(error));
      reply(response, code, { kind: "Status", status: "Failure", code, reason, message });
    }
  }

  private parse(path: string): Target {
    const match =
      /^(\/apis?\/[^/]+(?:\/[^/]+)?)\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?(\/status)?$/.exec(
        path,
      );
    if (match !== null) {
      const [, root = "", namespace, plural = "", name, status] = match;
      const type = this.typeOf(`${root}/${plural}`);
      if (type.namespaced)
        return { type, collection: `${root}/${plural}`, namespace, name, isStatus: !!status };
    }
    for (const [collection, type] of this.types) {
      if (path !== collection && !path.startsWith(`${collection}/`)) continue;
      const [name, status] = path.slice(collection.length + 1).split("/");
      const own = name === "" ? undefined : name;
      return { type, collection, namespace: undefined, name: own, isStatus: status === "status" };
    }
    throw new Refusal(404, "NotFound", "the server could not find the requested resource");
  }

  private answer(target: Target, { method, query, body }: RecordedRequest): unknown {
    if (target.name === undefined && method === "GET") return this.list(target, query);
    if (method === "POST") {
      const { metadata } = body as KubernetesObject;
      return this.create({ ...target, name: metadata.name }, this.onWrite(body as Json) as Json);
    }
    const object = this.objects.get(keyOf(target));
    if (object === undefined) throw new Refusal(404, "NotFound", `${keyOf(target)} not found`);
    switch (method) {
      case "GET":
        return object;
      case "PUT":
        return this.update(target, object, this.onWrite(body as Json) as Json);
      case "PATCH":
        return this.update(target, object, merged(object, body) as Json);
      case "DELETE":
        return this.deleteChecked(target, object, body);
      default:
        throw new Refusal(405, "MethodNotAllowed", method);
    }
  }

  private list(target: Target, query: URLSearchParams): unknown {
    const [from, version] = (query.get("continue") ?? `0:${this.version}`).split(":").map(Number);
    if ((version ?? 0) < this.oldest) throw new Refusal(410, "Expired", "the token is too old");
    const all = this.all(target.type).filter(
      ({ metadata }) =>
        (target.namespace ?? metadata.namespace) === metadata.namespace &&
        isSelected(metadata.labels, query.get("labelSelector")),
    );
    const start = from ?? 0;
    const end = start + Math.min(this.pageSize, Number(query.get("limit") ?? Infinity));
    return {
      kind: `${target.type.kind}List`,
      apiVersion: apiVersionOf(target.type),
      metadata: {
        resourceVersion: String(this.version),
        ...(end < all.length && { continue: `${end}:${this.version}` }),
      },
      // Built-in kinds come without kind and version.
      items: all
        .slice(start, end)
        .map((item) => ({ ...item, apiVersion: undefined, kind: undefined })),
    };
  }

  private watch(target: Target, query: URLSearchParams, response: ServerResponse): void {
    const since = Number(query.get("resourceVersion") ?? "0");
    if (since < this.oldest) throw new Refusal(410, "Expired", "too old resource version");
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const watcher: Watcher = {
      collection: target.collection,
      namespace: target.namespace,
      selector: query.get("labelSelector") ?? undefined,
      response,
    };
    for (const change of this.changes) if (change.version > since) tell(watcher, change);
    this.watchers.add(watcher);
    const end = setTimeout(
      () => response.end(),
      Number(query.get("timeoutSeconds") ?? "300") * 1000,
    );
    response.on("close", () => {
      clearTimeout(end);
      this.watchers.delete(watcher);
    });
  }

  private create(target: Target, body: Json): Stored {
    const key = keyOf(target);
    if (this.objects.has(key)) throw new Refusal(409, "AlreadyExists", `${key} already exists`);
    const { metadata } = body as unknown as KubernetesObject;
    const object = {
      ...body,
      metadata: {
        creationTimestamp: "2026-01-01T00:00:00Z",
        ...metadata,
        ...(target.namespace !== undefined && { namespace: target.namespace }),
        uid: randomUUID(),
        generation: 1,
        resourceVersion: String(++this.version),
      },
    } as unknown as Stored;
    this.objects.set(key, object);
    this.publish({ event: "ADDED", collection: target.collection, object, before: undefined });
    return object;
  }

  private update(target: Target, before: Stored, body: Json): Stored {
    const { metadata } = body as unknown as KubernetesObject;
    const { resourceVersion } = before.metadata;
    if ((metadata.resourceVersion ?? resourceVersion) !== resourceVersion)
      throw new Refusal(409, "Conflict", "the object has been modified");
    // Each of the two endpoints leaves the other's part as it is.
    const after = target.isStatus
      ? { ...before, status: body["status"] }
      : { ...body, status: before.status, metadata: { ...metadata, uid: before.metadata.uid } };
    const isSameSpec = isDeepStrictEqual(json(after)["spec"], json(before)["spec"]);
    const generation = (before.metadata.generation ?? 1) + (isSameSpec ? 0 : 1);
    const { namespace } = before.metadata;
    const object = {
      ...after,
      metadata: { ...after.metadata, namespace, generation, resourceVersion },
    } as unknown as Stored;
    if (isDeepStrictEqual(json(object), json(before))) return before;
    const next: Stored = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(++this.version) },
    };
    this.objects.set(keyOf(target), next);
    this.publish({ event: "MODIFIED", collection: target.collection, object: next, before });
    return next;
  }

  private deleteChecked(target: Target, object: Stored, body: unknown): unknown {
    const { preconditions = {} } = (body ?? {}) as {
      preconditions?: { uid?: string; resourceVersion?: string };
    };
    const { uid, resourceVersion } = object.metadata;
    if (
      (preconditions.uid ?? uid) !== uid ||
      (preconditions.resourceVersion ?? resourceVersion) !== resourceVersion
    )
      throw new Refusal(409, "Conflict", "it is another one, or another version of it");
    this.remove(keyOf(target), object);
    return { kind: "Status", status: "Success" };
  }

  private remove(key: string, object: Stored): void {
    this.objects.delete(key);
    const gone = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(++this.version) },
    };
    const collection = key.slice(0, key.indexOf(" "));
    this.publish({ event: "DELETED", collection, object: gone, before: object });
  }

  private publish(what: Omit<Change, "version">): void {
    const change = { ...what, version: this.version };
    this.changes.push(change);
    for (const watcher of this.watchers) tell(watcher, change);
  }
}

function keyOf({ collection, namespace, name }: Target): string {
  return `${collection} ${namespace ?? ""}/${name ?? ""}`;
}

/** An object that leaves the selection is deleted for the watcher, and one that enters it is new. */
function tell(watcher: Watcher, { event, collection, object, before }: Change): void {
  const { namespace = object.metadata.namespace, selector } = watcher;
  if (watcher.collection !== collection || namespace !== object.metadata.namespace) return;
  const was = before !== undefined && isSelected(before.metadata.labels, selector);
  const is = event !== "DELETED" && isSelected(object.metadata.labels, selector);
  if (is) write(watcher.response, was ? "MODIFIED" : "ADDED", object);
  else if (was) write(watcher.response, "DELETED", object);
}

function write(response: ServerResponse, type: string, object: unknown): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function isSelected(
  labels: Readonly<Record<string, string>> = {},
  selector: string | null | undefined,
): boolean {
  return (selector ?? "")
    .split(",")
    .filter((term) => term !== "")
    .every((term) => {
      const [key = "", value] = term.split("=");
      return labels[key] === value;
    });
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text === "" ? undefined : JSON.parse(text);
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isPlain(patch)) return patch;
  const before: Json = isPlain(target) ? target : {};
  const kept = Object.entries(before).filter(([key]) => patch[key] !== null);
  const changed = Object.entries(patch).filter(([, value]) => value !== null);
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(changed.map(([key, value]) => [key, merged(before[key], value)])),
  };
}

function isPlain(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function json(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
