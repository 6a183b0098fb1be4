// What a cluster has before a mesh starts in it: the kinds of Istio and ours, and the namespaces of both.
import { metaproto } from "../../envoy/support/control-plane.js";
import { waitUntil } from "../../envoy/support/deadline.js";
import type { ApiServer } from "./api-server.js";
import { CONTROLLER_NAMESPACE } from "./controller.js";
import { ROOT_NAMESPACE } from "./istiod.js";
import { apply } from "./resources.js";
import { ISTIO_CRDS } from "./rig-binaries.js";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
}

/**
 * Resolves when the server serves all kinds, which is a moment after they were installed.
 * @param namespaces beside Istio's and ours.
 */
export async function prepareCluster(
  server: ApiServer,
  ...namespaces: readonly string[]
): Promise<void> {
  const { code, stdout, stderr } = await metaproto("crds");
  if (code !== 0) throw new Error(stderr);
  await server.install(ISTIO_CRDS);
  await apply(server, stdout);
  for (const name of [ROOT_NAMESPACE, CONTROLLER_NAMESPACE, ...namespaces])
    await apply(
      server,
      JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name } }),
    );
  for (const path of await listPaths(server))
    await waitUntil(
      `${path} is served`,
      async () => (await server.call("GET", path)).status === 200,
      { timeoutMs: 30_000, intervalMs: 50 },
    );
}

async function listPaths(server: ApiServer): Promise<readonly string[]> {
  const { body } = await server.call("GET", DEFINITIONS);
  return (body as { items: readonly Definition[] }).items.flatMap(({ spec }) =>
    spec.versions
      .filter(({ served }) => served)
      .map(({ name }) => `/apis/${spec.group}/${name}/${spec.names.plural}`),
  );
}
