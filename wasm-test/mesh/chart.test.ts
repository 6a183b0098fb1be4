// The Helm chart on a real API server: what it makes is valid, and the controller needs every permission that it gives
// and no other.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestAuthority } from "../../controlplane/identity/testing/test-authority.js";
import { DOCUMENTS } from "../../controlplane/api/reference/testing/whole-documents.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { freePort } from "../envoy/support/ports.js";
import { ApiServer } from "./support/api-server.js";
import { CHART, missingChartTool, render, run } from "./support/chart-tools.js";
import { Controller, CONTROLLER_NAMESPACE } from "./support/controller.js";
import { apply, type Document, pathOf } from "./support/resources.js";
import {
  GATEWAY_API_CRDS,
  ISTIO_CRDS,
  missingGatewayApi,
  missingRig,
} from "./support/rig-binaries.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const USER = `system:serviceaccount:${CONTROLLER_NAMESPACE}:metaproto`;
const SERVICE_ACCOUNT = `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/serviceaccounts/metaproto`;
const ISTIO = "/apis/networking.istio.io";
const MERGE_PATCH = "application/merge-patch+json";
const MANAGED_BY = "app.kubernetes.io/managed-by";

const VALUES: Readonly<Record<string, readonly string[]>> = {
  "its defaults": [],
  "everything on": [
    "watchNamespaces={shop,edge}",
    "extraArgs={--unread-timeout=10s}",
    "modules.delivery=http",
    "waypoints=true",
    "modules.dockerConfigSecretName=registries",
    "istio.rootNamespace=root",
    "istio.trustDomain=example.org",
    "istio.clusterDomain=example.org",
    "image.digest=sha256:" + "a".repeat(64),
    "webhook.certificate.secretName=metaproto-tls",
    "webhook.certificate.caBundle=PEM",
    "webhook.failurePolicy=Ignore",
    "webhook.annotations.cert-manager\\.io/inject-ca-from=metaproto-system/metaproto",
    "webhook.namespaceSelector.matchLabels.team=a",
    "monitoring.podMonitor.enabled=true",
    "monitoring.rules.enabled=true",
    "monitoring.dashboards.enabled=true",
    "networkPolicy.apiServers[0].ipBlock.cidr=10.0.0.0/28",
    "networkPolicy.extraEgress[0].ports[0].port=5000",
    "serviceAccount.annotations.a=b",
    "podAnnotations.a=b",
    "podLabels.c=d",
    "priorityClassName=system-cluster-critical",
    "nodeSelector.kubernetes\\.io/os=linux",
    "tolerations[0].operator=Exists",
    "imagePullSecrets[0].name=registry",
  ],
  "everything off": [
    "replicas=1",
    "serviceAccount.create=false",
    "rbac.create=false",
    "webhook.enabled=false",
    "podDisruptionBudget.enabled=false",
    "networkPolicy.enabled=false",
  ],
  "another name": ["fullnameOverride=other", "nameOverride=else"],
};

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Rendered extends Document {
  readonly rules?: readonly Rule[];
  readonly spec?: {
    readonly template?: {
      readonly metadata: object;
      readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] };
    };
  };
}

function isOfOperator({ apiVersion }: Document): boolean {
  return apiVersion.startsWith("monitoring.coreos.com/");
}

describeWith("the Helm chart", [missingChartTool("helm")], () => {
  test("is without complaints", () => {
    expect(run("helm", "lint", "--strict", CHART)).toContain("0 chart(s) failed");
  });

  test("refuses values that it does not know", () => {
    expect(() => render("a", "webhook.failurePolicy=Maybe")).toThrow("/webhook/failurePolicy");
    expect(() => render("a", "replica=3")).toThrow("replica");
  });

  test("gives the controller the Secret of registries where one is named, and else none", () => {
    const of = (...values: readonly string[]): string =>
      JSON.stringify(render("a", ...values).find(({ kind }) => kind === "Deployment"));
    const text = of("modules.dockerConfigSecretName=pull");
    expect(text).toContain('"--docker-config=/etc/metaproto/registries/config.json"');
    expect(text).toContain(
      '{"name":"registries","mountPath":"/etc/metaproto/registries","readOnly":true}',
    );
    const items = [{ key: ".dockerconfigjson", path: "config.json" }];
    const secret = { secretName: "pull", items };
    expect(text).toContain(JSON.stringify({ name: "registries", secret }));
    expect(of()).not.toContain("registries");
  });

  test("is what the manifests are made of", () => {
    const script = `${ROOT}scripts/render-manifests.mjs`;
    const { status, stderr } = spawnSync(process.execPath, [script, "--check"]);
    expect(stderr.toString()).toBe("");
    expect(status).toBe(0);
  });
});

describeWith(
  "the Helm chart in a cluster",
  [missingRig("etcd", "kube-apiserver"), missingChartTool("helm"), missingGatewayApi()],
  () => {
    let server: ApiServer;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "metaproto-chart-"));
      server = await ApiServer.start(USER);
      await server.install(ISTIO_CRDS);
      await apply(server, readFileSync(GATEWAY_API_CRDS, "utf8"));
      await server.install(`${CHART}/crds/metaproto.yaml`);
      for (const name of [CONTROLLER_NAMESPACE, "istio-system", "shop", "edge", "default"])
        await apply(server, `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`);
      const enforce = { "pod-security.kubernetes.io/enforce": "restricted" };
      const path = `/api/v1/namespaces/${CONTROLLER_NAMESPACE}`;
      await server.call("PATCH", path, { metadata: { labels: enforce } }, MERGE_PATCH);
    });

    afterAll(async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    test.each(Object.entries(VALUES))("is valid with %s", async (_, values) => {
      const documents = render(CONTROLLER_NAMESPACE, ...values) as readonly Rendered[];
      for (const document of documents.filter((item) => !isOfOperator(item))) {
        const path = `${pathOf(document)}?dryRun=All&fieldValidation=Strict`;
        const { status, body } = await server.call("POST", path, document);
        expect(status, `${document.kind}: ${JSON.stringify(body)}`).toBe(201);
      }
    });

    test("makes pods that the strictest profile admits", async () => {
      for (const values of [[], VALUES["everything on"] ?? []]) {
        const documents = render(CONTROLLER_NAMESPACE, ...values) as readonly Rendered[];
        const template = documents.find(({ kind }) => kind === "Deployment")?.spec?.template;
        const pod = {
          ...template,
          metadata: { name: "pod" },
          spec: { ...template?.spec, priorityClassName: undefined },
        };
        const path = `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/pods?dryRun=All`;
        const { status, body } = await server.call("POST", path, pod);
        expect(status, JSON.stringify(body)).toBe(201);
      }
    });

    test("leaves the webhook its authority over an upgrade by Helm", async () => {
      // The rig's server was built without telling it its version.
      const chart = join(folder, "chart");
      cpSync(CHART, chart, { recursive: true });
      const about = readFileSync(`${CHART}/Chart.yaml`, "utf8").replace(/^kubeVersion:.*$/m, "");
      writeFileSync(join(chart, "Chart.yaml"), about);
      const release = ["metaproto", chart, "--namespace=helm", `--kubeconfig=${server.kubeconfig}`];
      const values = ["--skip-crds", "--set=webhook.failurePolicy=Ignore"];
      run("helm", "install", ...release, ...values, "--create-namespace");
      const secret = "/api/v1/namespaces/helm/secrets/metaproto-webhook";
      const configuration =
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/metaproto-helm";
      const text = Buffer.from(new TestAuthority().certificate).toString("base64");
      // As the controller does it.
      const put = async (path: string, change: (object: object) => object): Promise<void> => {
        const { body } = await server.call("GET", path);
        expect(await server.call("PUT", path, change(body as object))).toMatchObject({
          status: 200,
        });
      };
      await put(secret, (object) => ({ ...object, data: { "ca.crt": text } }));
      await put(configuration, (object) => {
        const [webhook] = (object as { webhooks: readonly { clientConfig: object }[] }).webhooks;
        const clientConfig = { ...webhook?.clientConfig, caBundle: text };
        return { ...object, webhooks: [{ ...webhook, clientConfig }] };
      });
      run("helm", "upgrade", ...release, ...values, "--set=webhook.timeoutSeconds=7");
      expect(await server.call("GET", secret)).toMatchObject({
        body: { data: { "ca.crt": text } },
      });
      expect(await server.call("GET", configuration)).toMatchObject({
        body: { webhooks: [{ timeoutSeconds: 7, clientConfig: { caBundle: text } }] },
      });
      run("helm", "uninstall", "metaproto", "--namespace=helm", release[3] ?? "");
      expect(await server.call("GET", configuration)).toMatchObject({ status: 404 });
    });

    describe("gives its ServiceAccount", () => {
      let documents: readonly Rendered[];
      let controller: Controller | undefined;
      let monitoring: string;

      beforeAll(async () => {
        const [webhookPort, monitoringPort] = [await freePort(), await freePort()];
        const port = `service.webhookPort=${String(webhookPort)}`;
        documents = render(CONTROLLER_NAMESPACE, port, "waypoints=true");
        for (const document of documents) {
          // Nobody here gives Services an address that leads to pods.
          const body =
            document.kind === "Service"
              ? { ...document, spec: { type: "ExternalName", externalName: "localhost" } }
              : document;
          const { status, body: answer } = await server.call("POST", pathOf(document), body);
          expect(status, JSON.stringify(answer)).toBe(201);
        }
        const deployment = documents.find(({ kind }) => kind === "Deployment");
        const args = deployment?.spec?.template?.spec.containers[0]?.args ?? [];
        const kubeconfig = join(folder, "kubeconfig.json");
        writeFileSync(kubeconfig, JSON.stringify(server.kubeconfigOf(await token())));
        monitoring = `http://127.0.0.1:${String(monitoringPort)}`;
        controller = await Controller.start(
          server,
          ...args.slice(1).filter((arg) => !/^--(xds|admin)-address=/.test(arg)),
          `--kubeconfig=${kubeconfig}`,
          `--monitoring-address=127.0.0.1:${String(monitoringPort)}`,
          `--webhook-address=127.0.0.1:${String(webhookPort)}`,
          "--plaintext",
        );
      });

      afterAll(() => controller?.stop());

      async function token(): Promise<string> {
        const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
        const { body } = await server.call("POST", `${SERVICE_ACCOUNT}/token`, request);
        return (body as { status: { token: string } }).status.token;
      }

      /** `<verb> <group>/<resource>`, with a name where the rule has one. */
      function granted(): readonly string[] {
        const rules = documents.flatMap(({ rules = [] }) => rules);
        return rules
          .flatMap(({ apiGroups, resources, resourceNames = [""], verbs }) =>
            verbs.flatMap((verb) =>
              apiGroups.flatMap((group) =>
                resources.flatMap((resource) =>
                  resourceNames.map((name) => `${verb} ${group}/${resource} ${name}`.trim()),
                ),
              ),
            ),
          )
          .sort();
      }

      function used(): readonly string[] {
        const named = new Set(granted().filter((line) => line.split(" ").length === 3));
        const lines = server.audit().map(({ verb, apiGroup, resource, name }) => {
          const line = `${verb} ${apiGroup}/${resource}`;
          return named.has(`${line} ${name}`) ? `${line} ${name}` : line;
        });
        return [...new Set(lines)].sort();
      }

      async function items(path: string): Promise<readonly Document[]> {
        const { body } = await server.call("GET", path);
        return (body as { items: readonly Document[] }).items;
      }

      /** Objects of the controller's, of which one loses what says so, one is edited, and one goes. */
      async function disturb(version: string, plural: string): Promise<void> {
        const all = `${ISTIO}/${version}/${plural}`;
        const own = async (): Promise<readonly string[]> =>
          (await items(all)).map(
            ({ metadata }) =>
              `${ISTIO}/${version}/namespaces/${metadata.namespace ?? ""}/${plural}/${metadata.name}`,
          );
        await expect.poll(own, { timeout: 60_000 }).not.toEqual([]);
        const [path = ""] = await own();
        const before = await server.call("GET", path);
        const { spec } = before.body as { spec: unknown };
        const label = async (): Promise<unknown> => {
          const { body } = await server.call("GET", path);
          return (body as { metadata: { labels?: Record<string, string> } }).metadata.labels?.[
            MANAGED_BY
          ];
        };
        const unlabelled = { metadata: { labels: { [MANAGED_BY]: null } } };
        await server.call("PATCH", path, unlabelled, MERGE_PATCH);
        await expect.poll(label, { timeout: 60_000 }).toBe("metaproto");
        const edited =
          plural === "envoyfilters"
            ? { spec: { priority: 7 } }
            : { spec: { hosts: ["edited.test"] } };
        await server.call("PATCH", path, edited, MERGE_PATCH);
        const specNow = async (): Promise<unknown> =>
          ((await server.call("GET", path)).body as { spec: unknown }).spec;
        await expect.poll(specNow, { timeout: 60_000 }).toEqual(spec);
      }

      test("what it needs, each of it, and nothing else", async () => {
        await apply(server, RESOURCES);
        for (const document of DOCUMENTS) {
          const group = document.apiVersion.split("/", 1)[0] ?? "";
          if (!group.endsWith(".aeraki.io")) continue;
          const namespaced = document.kind !== "ApplicationProtocol";
          const metadata = { ...document.metadata, ...(namespaced && { namespace: "default" }) };
          const whole = { ...document, metadata } as Document;
          const { status, body } = await server.call("POST", pathOf(whole), whole);
          expect(status, JSON.stringify(body)).toBe(201);
        }
        await disturb("v1alpha3", "envoyfilters");
        await disturb("v1", "virtualservices");
        await apply(server, GONE_REPLICA);
        for (const path of [
          `${ISTIO}/v1/namespaces/edge/gateways/ingress`,
          "/api/v1/namespaces/shop/services/greeter",
        ])
          await server.call("DELETE", path);
        await expect.poll(used, { timeout: 90_000, interval: 1_000 }).toEqual(granted());
        expect(server.audit().filter(({ isAllowed }) => !isAllowed)).toEqual([]);
      });

      test("a webhook that refuses what is wrong, found by its Service", async () => {
        const bad = {
          apiVersion: "metaprotocol.aeraki.io/v1alpha1",
          kind: "MetaRouter",
          metadata: { name: "bad", namespace: "shop" },
          spec: {
            hosts: ["a"],
            routes: [
              {
                match: { attributes: { m: { regex: "(?=b)" } } },
                route: [{ destination: { host: "a" } }],
              },
            ],
          },
        };
        await expect
          .poll(async () => (await server.call("POST", pathOf(bad), bad)).body)
          .toMatchObject({
            message: expect.stringContaining(
              "denied the request: spec.routes[0].match.attributes.m.regex",
            ) as string,
          });
      });

      test("probes and metrics, and no page that tells more", async () => {
        expect((await fetch(`${monitoring}/healthz`)).status).toBe(200);
        expect((await fetch(`${monitoring}/readyz`)).status).toBe(200);
        expect(await (await fetch(`${monitoring}/metrics`)).text()).toContain(
          'metaproto_certificate_expiry_timestamp_seconds{use="webhook"}',
        );
        expect((await fetch(`${monitoring}/debug/proxies`)).status).toBe(404);
      });

      test("no say in anything else", async () => {
        const bearer = await token();
        const forbidden: readonly (readonly [string, string])[] = [
          ["GET", "/api/v1/secrets"],
          ["GET", `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/secrets`],
          ["GET", `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/secrets/other`],
          ["GET", "/api/v1/namespaces/istio-system/secrets/istio-ca-secret"],
          ["GET", "/api/v1/namespaces/shop/configmaps"],
          ["GET", "/api/v1/namespaces/istio-system/configmaps/other"],
          ["GET", "/api/v1/pods"],
          ["DELETE", "/api/v1/namespaces/shop/services/greeter"],
          ["DELETE", `${ISTIO}/v1/namespaces/edge/gateways/ingress`],
          ["POST", "/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters"],
          ["DELETE", "/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters/greeter"],
          ["GET", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/other"],
          ["GET", "/apis/coordination.k8s.io/v1/namespaces/shop/leases"],
          ["GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles"],
        ];
        for (const [method, path] of forbidden)
          expect(await server.callAs(bearer, method, path), `${method} ${path}`).toMatchObject({
            status: 403,
          });
      });
    });
  },
);

/** Of a replica that was killed long ago. */
const GONE_REPLICA = `apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: metaproto-replica-gone
  namespace: ${CONTROLLER_NAMESPACE}
  labels: { metaproto.io/component: replica }
spec: { holderIdentity: gone, renewTime: "2026-01-01T00:00:00.000000Z" }
`;

const RESOURCES = `apiVersion: v1
kind: Service
metadata: { name: greeter, namespace: shop }
spec: { selector: { app: greeter }, ports: [{ name: tcp-metaprotocol-dubbo, port: 20880 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop, annotations: { interface: org.shop.Orders } }
spec:
  hosts: [org.shop.orders]
  addresses: [10.96.0.10]
  ports: [{ number: 20880, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ingress, namespace: edge }
spec:
  selector: { istio: ingress }
  servers: [{ port: { number: 20880, name: tcp-metaprotocol-dubbo, protocol: TCP }, hosts: ["*"] }]
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: orders, namespace: shop }
spec:
  hosts: [org.shop.orders]
  gateways: [edge/ingress]
  routes: [{ route: [{ destination: { host: org.shop.orders } }] }]
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: greeter, namespace: shop }
spec: { hosts: [greeter], routes: [{ route: [{ destination: { host: greeter } }] }] }
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: second, namespace: shop }
spec: { hosts: [greeter], routes: [{ route: [{ destination: { host: greeter } }] }] }
`;
