// What a real istiod makes of the objects that the translation's goldens have: testdata/istio/<case>.out.yaml, with the
// resources of <case>.in.yaml, as <case>.istiod.yaml. Written anew with UPDATE_GOLDEN=1, to be reviewed.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { ECHO, goldenFile, inputHash, proxyView } from "../istiod-goldens/istiod-golden.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { ApiServer } from "./support/api-server.js";
import { Istiod } from "./support/istiod.js";
import { clustersOf, listenersOf, type Sidecar } from "./support/istiod-client.js";
import { apply, applyWithStatus } from "./support/resources.js";
import {
  GATEWAY_API_CRDS,
  ISTIO_CRDS,
  missingGatewayApi,
  missingRig,
} from "./support/rig-binaries.js";

interface Document {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly namespace?: string };
}

const CASES: Readonly<Record<string, Readonly<Record<string, Sidecar>>>> = {
  services: {
    client: { address: "10.9.0.1", namespace: "billing", labels: { app: "client" } },
    stranger: { address: "10.9.0.2", namespace: "elsewhere", labels: { app: "client" } },
    server: { address: "10.0.1.1", namespace: "shop", labels: { app: "allocated" } },
  },
  gateway: {
    gateway: {
      address: "10.9.0.3",
      namespace: "istio-system",
      labels: { istio: "ingress", app: "gateway" },
      type: "router",
    },
    client: { address: "10.9.0.4", namespace: "shop", labels: { app: "client" } },
  },
  stock: {
    client: { address: "10.9.0.8", namespace: "billing", labels: { app: "client" } },
    scoped: { address: "10.9.0.10", namespace: "billing", labels: { app: "scoped" } },
    stranger: { address: "10.9.0.9", namespace: "elsewhere", labels: { app: "client" } },
    server: { address: "10.0.4.1", namespace: "shop", labels: { app: "registry" } },
  },
  waypoint: {
    waypoint: {
      address: "10.9.0.5",
      namespace: "shop",
      labels: { "gateway.networking.k8s.io/gateway-name": "waypoint" },
      type: "waypoint",
    },
    everybody: {
      address: "10.9.0.6",
      namespace: "infra",
      labels: { "gateway.networking.k8s.io/gateway-name": "everybody" },
      type: "waypoint",
    },
    client: { address: "10.9.0.7", namespace: "shop", labels: { app: "client" } },
  },
};

const TESTDATA = fileURLToPath(
  new URL("../../controlplane/translate/testdata/istio/", import.meta.url),
);
/** What is in no listener of Istio's own. */
const OURS = new RegExp(`${ECHO}|redis_proxy`);
const isUpdate = process.env["UPDATE_GOLDEN"] === "1";

function documentsOf(file: string): readonly (Document & object)[] {
  return parseAllDocuments(readFileSync(`${TESTDATA}${file}`, "utf8")).map(
    (document) => document.toJS() as Document & object,
  );
}

/** Without what is not Istio's, and with its namespaces first. */
function manifestOf(name: string): string {
  const objects = ["in", "out"]
    .flatMap((side) => documentsOf(`${name}.${side}.yaml`))
    .filter(({ apiVersion }) => apiVersion?.startsWith("networking.istio.io/") === true);
  const namespaces = new Set(objects.map(({ metadata }) => metadata?.namespace ?? "default"));
  for (const proxy of Object.values(CASES[name] ?? {})) namespaces.add(proxy.namespace);
  for (const known of ["default", "istio-system"]) namespaces.delete(known);
  return [
    ...Array.from(namespaces, (own) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: own },
    })),
    ...objects,
  ]
    .map((object) => stringify(object, { aliasDuplicateObjects: false }))
    .join("---\n");
}

/** What the resources do not say: waypoints, Sidecars. */
function clusterOf(name: string): string | undefined {
  const file = `${TESTDATA}${name}.cluster.yaml`;
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

const missing = [missingRig("etcd", "kube-apiserver", "istiod"), missingGatewayApi()];
describeWith("a real istiod", missing, () => {
  const stops: (() => Promise<unknown>)[] = [];

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  test.each(Object.keys(CASES))("makes of the objects of %s what is reviewed", async (name) => {
    const server = await ApiServer.start();
    stops.push(() => server.stop());
    await server.install(ISTIO_CRDS);
    const root = { apiVersion: "v1", kind: "Namespace", metadata: { name: "istio-system" } };
    await apply(server, stringify(root));
    const cluster = clusterOf(name);
    const isAmbient = cluster?.includes("gateway.networking.k8s.io") === true;
    if (isAmbient) await apply(server, readFileSync(GATEWAY_API_CRDS, "utf8"));
    await apply(server, manifestOf(name));
    if (cluster !== undefined)
      await waitUntil("its kinds are served", async () => {
        await applyWithStatus(server, cluster);
        return true;
      });
    const istiod = await Istiod.start(server, "127.0.0.1", isAmbient);
    stops.push(() => istiod.stop());
    const view = async (): Promise<string> => {
      const proxies: Record<string, unknown> = {};
      for (const [key, proxy] of Object.entries(CASES[name] ?? {}))
        proxies[key] = {
          ...proxy,
          listeners: proxyView(await listenersOf(istiod.port, proxy)),
          ...((proxy.type === "waypoint" || name === "stock") && {
            clusters: await clustersOf(istiod.port, proxy),
          }),
        };
      const head = { madeFrom: inputHash(name), proxies };
      return stringify(head, { lineWidth: 0, aliasDuplicateObjects: false });
    };
    const file = goldenFile(name);
    if (isUpdate) {
      await expect.poll(view, { timeout: 20_000 }).toMatch(OURS);
      writeFileSync(file, await view());
    }
    await expect.poll(view, { timeout: 20_000 }).toBe(readFileSync(file, "utf8"));
  });
});
