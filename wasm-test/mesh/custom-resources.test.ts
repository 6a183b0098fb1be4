// Our CustomResourceDefinitions in a real API server: it takes them, what the control plane takes it takes too, and what
// fields must be together it checks.
import { afterAll, beforeAll, expect, test } from "vitest";
import { validateResource } from "../../controlplane/api/kinds.js";
import { customResourceDefinitions } from "../../controlplane/api/reference/custom-resources.js";
import { DOCUMENTS } from "../../controlplane/api/reference/testing/whole-documents.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { ApiServer, type ApiResponse } from "./support/api-server.js";
import { missingRig } from "./support/rig-binaries.js";

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string }[];
  };
}

const DEFINITIONS = customResourceDefinitions().map(({ document }) => document as Definition);
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

function pathOf(kind: string): string {
  const spec = DEFINITIONS.find((item) => item.spec.names.kind === kind)?.spec;
  if (spec === undefined) throw new Error(kind);
  const scope = spec.scope === "Namespaced" ? "/namespaces/default" : "";
  return `/apis/${spec.group}/${spec.versions[0]?.name ?? ""}${scope}/${spec.names.plural}`;
}

describeWith("the definitions of our kinds", [missingRig("etcd", "kube-apiserver")], () => {
  let server: ApiServer;

  beforeAll(async () => {
    server = await ApiServer.start();
    for (const definition of DEFINITIONS) {
      const { status, body } = await server.call("POST", CRDS, definition);
      if (status !== 201) throw new Error(`${definition.metadata.name}: ${JSON.stringify(body)}`);
    }
    for (const { spec } of DEFINITIONS)
      await waitUntil(`${spec.names.plural} are served`, async () => {
        const { status } = await server.call("GET", pathOf(spec.names.kind));
        return status === 200;
      });
  });

  afterAll(() => server.stop());

  /** What the server makes of it, which it does not keep. */
  function judge(document: { readonly kind: string }): Promise<ApiResponse> {
    return server.call("POST", `${pathOf(document.kind)}?dryRun=All`, document);
  }

  const router = (spec: object) => ({
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: { name: "demo" },
    spec: { hosts: ["demo.test"], ...spec },
  });
  const to = (weight?: number) => ({ destination: { host: "demo.test" }, weight });
  const route = (fields: object) => router({ routes: [{ route: [to()], ...fields }] });

  test("are without complaints", async () => {
    for (const { metadata } of DEFINITIONS) {
      const { body } = await server.call("GET", `${CRDS}/${metadata.name}`);
      const { status } = body as { status: { conditions: { type: string; status: string }[] } };
      expect(status.conditions.map(({ type, status: is }) => `${type} ${is}`).sort()).toEqual([
        "Established True",
        "NamesAccepted True",
      ]);
    }
  });

  test.each(DOCUMENTS.map((document) => [document.kind, document] as const))(
    "%s: it takes what the control plane takes",
    async (_, document) => {
      expect(await judge(document)).toMatchObject({ status: 201 });
      const variants = [...variantsOf(document.spec)].map((spec) => ({ ...document, spec }));
      let refused = 0;
      const worker = async (): Promise<void> => {
        for (let next = variants.pop(); next !== undefined; next = variants.pop()) {
          const isValid = validateResource(next).outcome === "valid";
          const { status, body } = await judge(next);
          if (isValid) expect({ status, next, body }).toMatchObject({ status: 201 });
          else if (status === 422) refused++;
        }
      };
      await Promise.all(Array.from({ length: 8 }, worker));
      expect(refused).toBeGreaterThan(30);
    },
  );

  test.each([
    ["weights", route({ route: [to(50), to(49)] }), "must add up to 100"],
    ["nothing to do", router({}), "one of routes, localRateLimit"],
    ["a mirror's share alone", route({ mirrorPercentage: { value: 5 } }), "needs mirror"],
    [
      "two matches",
      route({ match: { attributes: { a: { exact: "a", prefix: "b" } } } }),
      "at most 1",
    ],
    [
      "a value that goes",
      route({ requestMutation: [{ key: "a", operation: "remove", value: "b" }] }),
      "value is required",
    ],
    ["a fault of nothing", route({ fault: {} }), "one of delay and abort"],
    [
      "a delay without percentage",
      route({ fault: { delay: { fixedDelay: "1s" } } }),
      "percentage is required",
    ],
    [
      "intervals of retries",
      route({ retries: { attempts: 1, backoff: "2s", maxInterval: "1s" } }),
      "must not be shorter than backoff",
    ],
    ["a limit of nothing", router({ localRateLimit: {} }), "one of tokenBucket and conditions"],
    ["no hosts", { ...route({}), spec: { hosts: [], routes: [] } }, "spec.hosts"],
    [
      "a protocol without codec",
      {
        apiVersion: "metaprotocol.aeraki.io/v1alpha1",
        kind: "ApplicationProtocol",
        metadata: { name: "demo" },
        spec: { protocol: "demo" },
      },
      "exactly one of codec and frame",
    ],
    [
      "a policy from nobody",
      {
        apiVersion: "metaprotocol.aeraki.io/v1alpha1",
        kind: "MetaAuthorizationPolicy",
        metadata: { name: "demo" },
        spec: { rules: [{ from: [{ source: {} }] }] },
      },
      "at least 1",
    ],
  ])("refuse %s, as the control plane does", async (_, document, message) => {
    expect(validateResource(document)).toMatchObject({ outcome: "invalid" });
    const { status, body } = await judge(document);
    expect(status).toBe(422);
    expect((body as { message: string }).message).toContain(message);
  });

  test("show in a table what has become of a resource, and keep its status apart from its spec", async () => {
    const path = pathOf("MetaRouter");
    expect(await server.call("POST", path, route({}))).toMatchObject({ status: 201 });
    const condition = (type: string, status: string, message = "") => ({
      type,
      status,
      reason: "R",
      message,
      lastTransitionTime: "2026-01-01T00:00:00Z",
    });
    const status = {
      observedGeneration: 1,
      programmed: "3/4",
      conditions: [condition("Accepted", "True"), condition("Degraded", "True", "who comes first")],
      unknown: 1,
    };
    const patched = await server.call(
      "PATCH",
      `${path}/demo/status`,
      { spec: { hosts: ["other.test"] }, status },
      "application/merge-patch+json",
    );
    expect(patched.body).toMatchObject({
      metadata: { generation: 1 },
      spec: { hosts: ["demo.test"] },
      status: { programmed: "3/4", observedGeneration: 1 },
    });
    expect((patched.body as { status: object }).status).not.toHaveProperty("unknown");
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const { body } = await server.call("GET", path, undefined, "application/json", accept);
    const table = body as {
      columnDefinitions: { name: string; priority: number }[];
      rows: { cells: unknown[] }[];
    };
    const shown = table.columnDefinitions.map(({ name }, index) => [
      name,
      table.rows[0]?.cells[index],
    ]);
    expect(Object.fromEntries(shown)).toMatchObject({
      Name: "demo",
      Hosts: '["demo.test"]',
      Accepted: "True",
      Programmed: "3/4",
      Degraded: "who comes first",
    });
  });
});

/** Copies of a value with one part of it replaced by something odd. */
function* variantsOf(value: unknown): Generator {
  yield* [[], {}, 0, -1, 0.5, 1e300, "", "x", true];
  if (typeof value !== "object" || value === null) return;
  for (const [key, part] of Object.entries(value))
    for (const variant of variantsOf(part))
      yield Array.isArray(value)
        ? value.map((item: unknown, index) => (String(index) === key ? variant : item))
        : { ...value, [key]: variant };
}
