// What a module may ask of a stock Envoy: what it is given, and not a call more.
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { CAPABILITIES } from "../../controlplane/modules/host-calls.js";
import { metaproto } from "./support/control-plane.js";
import { waitUntil } from "./support/deadline.js";
import { Envoy } from "./support/envoy.js";
import { LineServer, readLine } from "./support/line-server.js";
import { freePort } from "./support/ports.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { Workshop } from "./support/workshop.js";

const workshop = new Workshop();
let envoy: Envoy | undefined;
let server: LineServer | undefined;

afterEach(async () => {
  await envoy?.stop();
  envoy = undefined;
  await server?.stop();
  workshop.dispose();
});

interface PluginConfig {
  capability_restriction_config: { readonly allowed_capabilities: Record<string, object> };
}

/** All configurations of plugins in a bootstrap. */
function pluginsIn(value: unknown): PluginConfig[] {
  if (typeof value !== "object" || value === null) return [];
  const own = "vm_config" in value ? [value as unknown as PluginConfig] : [];
  return [...own, ...Object.values(value).flatMap(pluginsIn)];
}

async function staticBootstrap(port: number, endpoint: number): Promise<string> {
  const config = workshop.path("config");
  const modules = workshop.path("modules");
  mkdirSync(config, { recursive: true });
  mkdirSync(modules, { recursive: true });
  copyFileSync(await buildWasm("line"), `${modules}/line.wasm`);
  writeFileSync(
    `${config}/service.yaml`,
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: keys }
spec:
  hosts: [keys.acme]
  addresses: [127.0.0.1]
  ports: [{ number: ${String(port)}, name: tcp-metaprotocol-line }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { tcp-metaprotocol-line: ${String(endpoint)} } }]
`,
  );
  const { code, stdout, stderr } = await metaproto(
    "static",
    "--config",
    config,
    "--modules",
    modules,
    // Of a version of Envoy that not all supported ones are.
    "--unread-timeout",
    "0s",
  );
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

describe("the calls of a module", () => {
  test("are those that it is given: one that it is not given fails", async () => {
    server = await LineServer.start("a");
    const port = await freePort();
    const bootstrap: unknown = parse(await staticBootstrap(port, server.port));
    const plugins = pluginsIn(bootstrap);
    expect(plugins).toHaveLength(2);
    for (const { capability_restriction_config: restriction } of plugins)
      expect(Object.keys(restriction.allowed_capabilities).sort()).toEqual(
        [...CAPABILITIES].sort(),
      );
    const ask = async (): Promise<TcpConnection> => {
      const connection = await TcpConnection.connect(port);
      connection.write(Buffer.from("GET a\n"));
      return connection;
    };

    envoy = await Envoy.start({ bootstrap: stringify(bootstrap) });
    const answered = await ask();
    expect(await readLine(answered)).toBe("a: GET a");
    answered.destroy();
    await envoy.stop();

    const others = CAPABILITIES.filter((name) => name !== "proxy_set_buffer_bytes");
    const allowed = Object.fromEntries(others.map((name) => [name, {}]));
    for (const plugin of plugins)
      plugin.capability_restriction_config = { allowed_capabilities: allowed };
    const restricted = await Envoy.start({
      bootstrap: stringify(bootstrap),
      expectedFailures: /restricted proxy-wasm capability/,
    });
    envoy = restricted;
    const unanswered = await ask();
    await waitUntil("a call that is refused", () =>
      restricted.log().some((line) => line.includes("capability: proxy_set_buffer_bytes")),
    );
    expect(server.requests).toBe(1);
    unanswered.destroy();
  });
});
