// How Istio's own agent takes what the controller gives proxies in the place of code: a URL of the controller, or an image.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { metaproto } from "../envoy/support/control-plane.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import {
  ImageRegistry,
  missingImageRegistry,
  REGISTRY_USER,
} from "../envoy/support/image-registry.js";
import { freePort } from "../envoy/support/ports.js";
import { AgentXds } from "./support/agent-xds.js";
import { ApiServer } from "./support/api-server.js";
import { Controller } from "./support/controller.js";
import { Istiod } from "./support/istiod.js";
import { wasmPlugin } from "./support/istiod-client.js";
import { prepareCluster } from "./support/prepared-cluster.js";
import { apply } from "./support/resources.js";
import { missingRig } from "./support/rig-binaries.js";

const WEB = { address: "10.9.9.1", namespace: "shop", labels: { app: "web" } };

const resources = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: greeter, namespace: shop }
spec:
  hosts: [greeter.shop]
  addresses: [240.250.0.2]
  ports: [{ number: 20880, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: 10.9.9.9 }]
`;

const missing = [
  missingRig("etcd", "kube-apiserver", "istiod", "pilot-agent"),
  missingImageRegistry(),
];

describeWith("a module that Istio's agent fetches", missing, () => {
  const stops: (() => Promise<unknown>)[] = [];
  let folder: string;
  let server: ApiServer;
  let istiod: Istiod;
  let registry: ImageRegistry;
  let agent: AgentXds;
  let digest: string;

  const url = ({ address }: ImageRegistry): string => `oci://${address}/team/dubbo:1.0`;

  const bind = (from: ImageRegistry): Promise<void> =>
    apply(
      server,
      JSON.stringify({
        apiVersion: "metaprotocol.aeraki.io/v1alpha1",
        kind: "ApplicationProtocol",
        metadata: { name: "dubbo" },
        spec: { protocol: "dubbo", codec: "dubbo", module: { url: url(from) } },
      }),
    );

  /** While `check` runs, with a cache of its own. */
  async function withController(
    args: readonly string[],
    check: () => Promise<void>,
  ): Promise<void> {
    const cache = mkdtempSync(join(folder, "cache-"));
    const common = ["--plaintext", "--module-stage=0s", `--module-cache=${cache}`];
    const controller = await Controller.start(server, ...common, ...args);
    try {
      await check();
    } finally {
      await controller.stop();
    }
  }

  /** Until its code is of this place: what the agent makes of it is a file. */
  const fileFrom = (place: string): Promise<Buffer> =>
    waitUntil(
      `istiod has it from ${place}`,
      async () => {
        const name = "metaproto.dubbo";
        const given = await wasmPlugin(`127.0.0.1:${String(istiod.port)}`, WEB, name);
        if (!JSON.stringify(remoteOf(given)).includes(place)) return undefined;
        const taken = await wasmPlugin(`unix:${agent.socket}`, WEB, name);
        const code = taken.config?.vm.value?.code?.specifier;
        if (code?.case !== "local" || code.value.specifier.case !== "filename")
          throw new Error(`it is no file: ${code?.case ?? "nothing"}`);
        return agent.file(code.value.specifier.value);
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );

  const remoteOf = ({ config }: Awaited<ReturnType<typeof wasmPlugin>>): object => {
    const specifier = config?.vm.value?.code?.specifier;
    if (specifier?.case !== "remote") return {};
    const { httpUri, sha256 } = specifier.value;
    return { uri: httpUri?.uri ?? "", sha256 };
  };

  async function push(to: ImageRegistry, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await metaproto(
      ...["push", await buildWasm("dubbo"), url(to), ...args],
    );
    expect([code, stderr]).toEqual([0, ""]);
    return /^digest +(\S+)$/m.exec(stdout)?.[1] ?? "";
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "metaproto-delivery-"));
    registry = await ImageRegistry.start();
    stops.push(() => registry.stop());
    digest = await push(registry);
    server = await ApiServer.start();
    stops.push(() => server.stop());
    await prepareCluster(server, "shop");
    await apply(server, resources);
    await bind(registry);
    istiod = await Istiod.start(server);
    stops.push(() => istiod.stop());
    agent = await AgentXds.start({ server, discoveryPort: istiod.securePort, sidecar: WEB });
    stops.push(() => agent.stop());
  });

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const sha256Of = (code: Uint8Array): string => createHash("sha256").update(code).digest("hex");

  test("comes from the controller by its digest", async () => {
    const port = await freePort();
    const args = ["--module-delivery=http", `--module-address=127.0.0.1:${String(port)}`];
    await withController(args, async () => {
      const sha256 = sha256Of(readFileSync(await buildWasm("dubbo")));
      const file = await fileFrom(`http://127.0.0.1:${String(port)}/modules/${sha256}.wasm`);
      expect(sha256Of(file)).toBe(sha256);
    });
  });

  test("is an image by its digest, whatever its tag means later", async () => {
    await withController(["--module-delivery=oci"], async () => {
      const file = await fileFrom(`oci://${registry.address}/team/dubbo@${digest}`);
      expect(sha256Of(file)).toBe(sha256Of(readFileSync(await buildWasm("dubbo"))));
    });
  });

  test("is refused where it would need a password, which nobody is told", async () => {
    const closed = await ImageRegistry.start(true);
    stops.push(() => closed.stop());
    const config = join(folder, "config.json");
    const { username, password } = REGISTRY_USER;
    const auth = Buffer.from(`${username}:${password}`).toString("base64");
    writeFileSync(config, JSON.stringify({ auths: { [closed.address]: { auth } } }));
    await push(closed, "--docker-config", config);
    await bind(closed);
    await withController(["--module-delivery=oci", `--docker-config=${config}`], async () => {
      const path = "/apis/metaprotocol.aeraki.io/v1alpha1/applicationprotocols/dubbo";
      await waitUntil(
        "the status says so",
        async () =>
          JSON.stringify((await server.call("GET", path)).body).includes(
            "proxies could not fetch it, since they have no password",
          ),
        { timeoutMs: 60_000 },
      );
      const { body } = await server.call("GET", "/apis/networking.istio.io/v1alpha3/envoyfilters");
      const filters = JSON.stringify(body);
      expect(filters).toContain(`oci://${registry.address}/team/dubbo@${digest}`);
      for (const secret of [password, auth, closed.address]) expect(filters).not.toContain(secret);
    });
  });
});
