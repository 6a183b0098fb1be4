// The examples of proxy-wasm-as in a real Envoy, with the envoy.yaml that stands beside them.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { parse } from "yaml";

import { buildWasm } from "../../scripts/build-wasm.mjs";
import { Envoy } from "./support/envoy.js";
import { TcpConnection } from "./support/tcp-connection.js";

await buildWasm("http-headers");
await buildWasm("network-echo-count");

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXAMPLES = new URL("../../assembly/proxy-wasm-as/examples/", import.meta.url);

interface Bootstrap {
  readonly static_resources: {
    readonly listeners: readonly { address: { socket_address: { port_value: number } } }[];
  };
}

/** The oldest Envoy that is supported, and the one that the machine's other tests use. */
const VERSIONS = ["1.36.2", undefined];

/** The example's own bootstrap, on a port that is free. */
async function startExample(name: string, version: string | undefined): Promise<Envoy> {
  const yaml = readFileSync(new URL(`${name}/envoy.yaml`, EXAMPLES), "utf8");
  const bootstrap = parse(yaml) as Bootstrap;
  for (const listener of bootstrap.static_resources.listeners) {
    listener.address.socket_address.port_value = 0;
  }
  return Envoy.start({ bootstrap, cwd: ROOT, ...(version === undefined ? {} : { version }) });
}

let envoy: Envoy | undefined;

afterEach(async () => {
  const running = envoy;
  envoy = undefined;
  await running?.stop();
});

describe.each(VERSIONS)("network-echo-count in Envoy %s", (version) => {
  test("counts the bytes of each connection and logs once when it closes", async () => {
    envoy = await startExample("network-echo-count", version);
    const port = await envoy.listenerPort("echo");
    const first = await TcpConnection.connect(port);
    first.write(Buffer.from("hello"));
    expect((await first.read(5)).toString()).toBe("hello");
    const second = await TcpConnection.connect(port);
    second.write(Buffer.alloc(100_000, "x"));
    expect(await second.read(100_000)).toHaveLength(100_000);

    const metric = (name: string) => `wasmcustom.echo_count.${name}`;
    expect(await envoy.stat(metric("downstream_cx_active"))).toBe(2);
    first.destroy();
    second.destroy();
    await envoy.waitForStat(metric("downstream_cx_active"), (value) => value === 0);
    expect(await envoy.stat(metric("downstream_cx_total"))).toBe(2);
    expect(await envoy.stat(metric("downstream_rx_bytes_total"))).toBe(100_005);
    expect(await envoy.stat(metric("downstream_tx_bytes_total"))).toBe(100_005);

    const lines = envoy.log().filter((line) => line.includes("bytes in"));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/connection \d+: 5 bytes in, 5 bytes out/);
    expect(lines[1]).toMatch(/connection \d+: 100000 bytes in, 100000 bytes out/);
  });

  test("serves thousands of connections one after the other", async () => {
    envoy = await startExample("network-echo-count", version);
    const port = await envoy.listenerPort("echo");
    for (let batch = 0; batch < 40; batch++) {
      const connections = await Promise.all(
        Array.from({ length: 50 }, () => TcpConnection.connect(port)),
      );
      for (const connection of connections) connection.write(Buffer.from("ping"));
      const answers = await Promise.all(connections.map((connection) => connection.read(4)));
      expect(answers.every((answer) => answer.toString() === "ping")).toBe(true);
      for (const connection of connections) connection.destroy();
    }
    const active = "wasmcustom.echo_count.downstream_cx_active";
    await envoy.waitForStat(active, (value) => value === 0);
    expect(await envoy.stat("wasmcustom.echo_count.downstream_cx_total")).toBe(2000);
  });
});

describe.each(VERSIONS)("http-headers in Envoy %s", (version) => {
  async function get(headers: Record<string, string>): Promise<Response> {
    if (envoy === undefined) throw new Error("no Envoy");
    const port = await envoy.listenerPort("http");
    return fetch(`http://127.0.0.1:${String(port)}/some/path?x=1`, { headers });
  }

  test("changes the headers of requests and responses", async () => {
    envoy = await startExample("http-headers", version);
    const response = await get({ "x-internal": "from outside" });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("hello\n");
    expect(response.headers.get("x-seen-plugin")).toBe("hello from wasm");
    expect(response.headers.get("x-seen-internal")).toBe("");
    expect(response.headers.get("x-internal")).toBeNull();
    expect(response.headers.get("x-request-path")).toBe("/some/path?x=1");
  });

  test("answers blocked requests itself", async () => {
    envoy = await startExample("http-headers", version);
    const response = await get({ "x-block": "yes" });
    expect(response.status).toBe(403);
    expect(await response.text()).toBe("blocked\n");
    expect(response.headers.get("content-type")).toBe("text/plain");
  });
});
