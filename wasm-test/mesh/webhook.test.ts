// The webhook of `metaproto controller`, asked by a real API server.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TestAuthority } from "../../controlplane/identity/testing/test-authority.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { freePort } from "../envoy/support/ports.js";
import { type ApiResponse, ApiServer } from "./support/api-server.js";
import { Controller, CONTROLLER_NAMESPACE } from "./support/controller.js";
import { prepareCluster } from "./support/prepared-cluster.js";
import { missingRig } from "./support/rig-binaries.js";

const NAMESPACES = "/api/v1/namespaces";
const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const CONFIGURATION = `${CONFIGURATIONS}/metaproto`;
const ROUTERS = "/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters";
const HOST = "127.0.0.1";
const MERGE_PATCH = "application/merge-patch+json";

const BAD_REGEX = "spec.routes[0].match.attributes.method.regex";

function router(name: string, ...routes: readonly object[]): object {
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: { name },
    spec: {
      hosts: ["greeter"],
      routes: routes.map((route) => ({ route: [{ destination: { host: "greeter" } }], ...route })),
    },
  };
}

const GOOD = router("good", {});
const WARNED = router("warned", {}, {});
/** Nothing that a schema could say. */
const BAD = router("bad", { match: { attributes: { method: { regex: "a(?=b)" } } } });

describeWith("the webhook", [missingRig("etcd", "kube-apiserver")], () => {
  let server: ApiServer;
  let folder: string;
  let controller: Controller | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "metaproto-webhook-"));
    server = await ApiServer.start();
    await prepareCluster(server, "shop");
    await create(`${NAMESPACES}/${CONTROLLER_NAMESPACE}/secrets`, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "metaproto-webhook" },
    });
    // From before there was a webhook.
    await create(ROUTERS, { ...BAD, metadata: { name: "old" } });
  });

  afterEach(async () => {
    await controller?.stop();
    controller = undefined;
    await server.call("DELETE", CONFIGURATION);
  });

  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function create(path: string, body: object): Promise<void> {
    expect(await server.call("POST", path, body)).toMatchObject({ status: 201 });
  }

  function call(method: string, path: string, body?: object, type?: string): Promise<ApiResponse> {
    return server.call(method, `${ROUTERS}${path}`, body, type);
  }

  /** What the server makes of it, which it does not keep. */
  const judge = (body: object): Promise<ApiResponse> => call("POST", "?dryRun=All", body);

  async function configure(port: number, failurePolicy: string, caBundle?: string): Promise<void> {
    await create(CONFIGURATIONS, {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: "metaproto" },
      webhooks: [
        {
          name: "validate.metaproto.io",
          admissionReviewVersions: ["v1"],
          sideEffects: "None",
          failurePolicy,
          timeoutSeconds: 5,
          matchPolicy: "Equivalent",
          rules: [
            {
              apiGroups: ["metaprotocol.aeraki.io", "dubbo.aeraki.io", "redis.aeraki.io"],
              apiVersions: ["*"],
              operations: ["CREATE", "UPDATE"],
              resources: ["*"],
            },
          ],
          clientConfig: {
            url: `https://${HOST}:${String(port)}/validate`,
            ...(caBundle !== undefined && { caBundle }),
          },
        },
      ],
    });
  }

  async function start(port: number, ...args: readonly string[]): Promise<Controller> {
    const address = `--webhook-address=${HOST}:${String(port)}`;
    controller = await Controller.start(server, "--plaintext", address, ...args);
    return controller;
  }

  /** What a resource that is right is told once the server has learnt of a configuration. */
  const isAnswering = async (): Promise<boolean> => (await judge(WARNED)).warnings.length === 1;

  describe("with an authority of its own", () => {
    test("is found by the API server, and refuses what it says with the field", async () => {
      const port = await freePort();
      await configure(port, "Fail");
      await start(port);
      await waitUntil("the webhook answers", isAnswering, { timeoutMs: 60_000 });
      expect(await judge(BAD)).toMatchObject({
        status: 422,
        body: {
          reason: "Invalid",
          message: expect.stringMatching(
            /^admission webhook "validate\.metaproto\.io" denied the request: spec\.routes\[0\]\.match\.attributes\.method\.regex: .+/,
          ) as string,
          details: { kind: "MetaRouter", name: "bad", causes: [{ field: BAD_REGEX }] },
        },
      });
    });

    test("lets pass what is right, with its warnings, and all that it has no say in", async () => {
      const port = await freePort();
      await configure(port, "Fail");
      const { metric } = await start(port);
      await waitUntil("the webhook answers", isAnswering, { timeoutMs: 60_000 });
      expect(await judge(GOOD)).toMatchObject({ status: 201, warnings: [] });
      expect(await judge(WARNED)).toMatchObject({
        status: 201,
        warnings: ["spec.routes[1]: is never reached: a route before it takes every request"],
      });
      const labels = { metadata: { labels: { team: "a" } } };
      expect(await call("PATCH", "/old", labels, MERGE_PATCH)).toMatchObject({ status: 200 });
      const status = { status: { warnings: ["written by a test"] } };
      expect(await call("PATCH", "/old/status", status, MERGE_PATCH)).toMatchObject({
        status: 200,
      });
      expect(await call("DELETE", "/old?dryRun=All")).toMatchObject({ status: 200 });
      const name = 'metaproto_admission_requests_total{kind="MetaRouter",result="warned"}';
      expect(await metric(name)).toBeGreaterThan(0);
    });

    test("keeps its authority over a restart", async () => {
      const port = await freePort();
      await configure(port, "Fail");
      const first = await start(port);
      await waitUntil("the webhook answers", isAnswering, { timeoutMs: 60_000 });
      const before = await server.call("GET", CONFIGURATION);
      await first.killAndRestart();
      await waitUntil("the webhook answers", isAnswering, { timeoutMs: 60_000 });
      expect((await server.call("GET", CONFIGURATION)).body).toEqual(before.body);
    });
  });

  test("that is away refuses or lets pass, by policy", async () => {
    const port = await freePort();
    await configure(port, "Fail");
    await expect
      .poll(async () => (await judge(GOOD)).body)
      .toMatchObject({
        message: expect.stringContaining(
          'failed calling webhook "validate.metaproto.io"',
        ) as string,
      });
    await server.call("DELETE", CONFIGURATION);
    await configure(port, "Ignore");
    await expect.poll(async () => (await judge(GOOD)).status).toBe(201);
    expect(await judge(BAD)).toMatchObject({ status: 201 });
    // What alerts ask for.
    const metrics = String((await server.call("GET", "/metrics")).body);
    for (const name of ["rejection_count", "fail_open_count"])
      expect(metrics).toMatch(
        new RegExp(
          `^apiserver_admission_webhook_${name}\\{.*name="validate\\.metaproto\\.io".*\\} [1-9]`,
          "m",
        ),
      );
    expect(metrics).toContain('error_type="calling_webhook_error"');
  });

  test("with a certificate in files takes another when it comes", async () => {
    const files = ["cert", "key"].map((name) => join(folder, `${name}.pem`));
    const [certificate = "", key = ""] = files;
    const write = (authority: TestAuthority): void => {
      const { certificateChain, privateKey } = authority.identity({ dns: HOST });
      writeFileSync(certificate, certificateChain);
      writeFileSync(key, privateKey);
    };
    const bundle = (authority: TestAuthority): string =>
      Buffer.from(authority.certificate).toString("base64");
    const [first, second] = [new TestAuthority(), new TestAuthority()];
    write(first);
    const port = await freePort();
    await configure(port, "Fail", bundle(first));
    await start(port, `--webhook-cert=${certificate}`, `--webhook-key=${key}`);
    await waitUntil("the webhook answers", isAnswering, { timeoutMs: 60_000 });
    write(second);
    await server.call("DELETE", CONFIGURATION);
    await configure(port, "Fail", bundle(second));
    await waitUntil("the other certificate is served", isAnswering, { timeoutMs: 60_000 });
    expect(await server.call("GET", CONFIGURATION)).toMatchObject({
      body: { webhooks: [{ clientConfig: { caBundle: bundle(second) } }] },
    });
  });
});
