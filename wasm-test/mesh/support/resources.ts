// Objects by their YAML, as `kubectl apply` and `kubectl get` have them.
import { parseAllDocuments } from "yaml";
import type { ApiServer } from "./api-server.js";

export interface Document {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Where objects of its kind are created. */
export function pathOf({ apiVersion, kind, metadata }: Document): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const lower = kind.toLowerCase();
  const plural = lower.replace(/([^aeiou])y$/, "$1ie").replace(/ss$/, "sse") + "s";
  const { namespace } = metadata;
  return `${root}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${plural}`;
}

/** Creates what is not there, and replaces the fields of what is. @throws Error with the server's reason. */
export async function apply(server: ApiServer, yaml: string): Promise<void> {
  for (const parsed of parseAllDocuments(yaml)) {
    const document = parsed.toJS() as Document | null;
    if (document === null) continue;
    const path = pathOf(document);
    const created = await server.call("POST", path, document);
    if (created.status === 201) continue;
    const type = "application/merge-patch+json";
    const patched = await server.call("PATCH", `${path}/${document.metadata.name}`, document, type);
    if (patched.status !== 200)
      throw new Error(`${path}: ${JSON.stringify(created.body)} ${JSON.stringify(patched.body)}`);
  }
}

/** As `apply`, with the statuses that controllers of Kubernetes and Istio would write. */
export async function applyWithStatus(server: ApiServer, yaml: string): Promise<void> {
  await apply(server, yaml);
  for (const parsed of parseAllDocuments(yaml)) {
    const document = parsed.toJS() as (Document & { readonly status?: unknown }) | null;
    if (document?.status === undefined) continue;
    const path = `${pathOf(document)}/${document.metadata.name}/status`;
    const type = "application/merge-patch+json";
    const patched = await server.call("PATCH", path, { status: document.status }, type);
    if (patched.status !== 200) throw new Error(`${path}: ${JSON.stringify(patched.body)}`);
  }
}

/** `resourceVersion` by name, of all EnvoyFilters. */
export async function envoyFilterVersions(server: ApiServer): Promise<ReadonlyMap<string, string>> {
  const { body } = await server.call("GET", "/apis/networking.istio.io/v1alpha3/envoyfilters");
  const { items } = body as {
    items: readonly {
      metadata: { namespace: string; name: string; resourceVersion: string };
    }[];
  };
  return new Map(
    items.map(({ metadata }) => [
      `${metadata.namespace}/${metadata.name}`,
      metadata.resourceVersion,
    ]),
  );
}
