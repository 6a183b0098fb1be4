import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { closeNow, listenOn } from "../runtime/http-listener.js";
import { AwaitedWatch } from "./awaited-watch.js";
import { kubernetesContext } from "./kube-config.js";

let server: Server;
let folder: string;
let seen: IncomingMessage[];
let connections: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-kubeconfig-"));
  seen = [];
  connections = 0;
  server = createServer((request, response) => {
    seen.push(request);
    response.end("{}");
  });
  server.on("connection", () => connections++);
  await listenOn(server, "127.0.0.1", 0);
});

afterEach(async () => {
  vi.useRealTimers();
  await closeNow(server);
  rmSync(folder, { recursive: true });
});

const address = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function context(how: object = {}, user: object = { token: "secret" }) {
  const cluster = { server: `${address()}/behind/`, "insecure-skip-tls-verify": true, ...how };
  const file = join(folder, "config");
  writeFileSync(
    file,
    JSON.stringify({
      "current-context": "here",
      contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "shop" } }],
      clusters: [{ name: "c", cluster }],
      users: [{ name: "u", user }],
    }),
  );
  return kubernetesContext(file, "metaproto/1");
}

const WHO = { authorization: "Bearer secret", "user-agent": "metaproto/1" };

describe("a kubeconfig", () => {
  it("says where requests go, and who asks, over one connection", async () => {
    const { api, namespace } = context();
    expect(namespace).toBe("shop");
    const query = { labelSelector: "a=b" };
    await api.request({ method: "GET", path: "/api/v1/services", query });
    await api.request({ method: "POST", path: "/api/v1/services", body: {} });
    const contentType = "application/merge-patch+json";
    await api.request({ method: "PATCH", path: "/api/v1/services/a", body: {}, contentType });
    api.close();
    expect(seen.map(({ method, url }) => `${method ?? ""} ${url ?? ""}`)).toEqual([
      "GET /behind/api/v1/services?labelSelector=a%3Db",
      "POST /behind/api/v1/services",
      "PATCH /behind/api/v1/services/a",
    ]);
    expect(seen.map(({ headers }) => headers["content-type"])).toEqual([
      undefined,
      "application/json",
      contentType,
    ]);
    for (const { headers } of seen) expect(headers).toMatchObject(WHO);
    expect(connections).toBe(1);
  });

  it("says the same of watches", async () => {
    const { config } = context().api;
    const watch = new AwaitedWatch({
      config,
      signal: new AbortController().signal,
      seconds: 290,
      onOpen: () => undefined,
      read: (object) => object,
    });
    await watch.watch("/api/v1/services", {}, () => undefined).catch(() => undefined);
    expect(seen[0]?.url).toMatch(/^\/behind\/api\/v1\/services\?watch=true&/);
    expect(seen[0]?.headers).toMatchObject(WHO);
  });

  it("may name a token's file, as pods have it, which is read again", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const tokenFile = join(folder, "token");
    const config = { tokenFile };
    const { api } = context({}, { "auth-provider": { name: "tokenFile", config } });
    for (const token of ["first", "second"]) {
      writeFileSync(tokenFile, token);
      await api.request({ method: "GET", path: "/a" });
      vi.setSystemTime(Date.now() + 61_000);
    }
    api.close();
    const sent = seen.map(({ headers }) => headers.authorization);
    expect(sent).toEqual(["Bearer first", "Bearer second"]);
  });

  it("may name a proxy", async () => {
    const tunnels: unknown[] = [];
    server.on("connect", ({ url }: IncomingMessage, socket: Socket) => {
      tunnels.push(url);
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      server.emit("connection", socket);
    });
    const { api } = context({ server: "http://cluster.test:8080", "proxy-url": address() });
    for (const path of ["/a", "/b"]) await api.request({ method: "GET", path });
    api.close();
    expect(seen.map(({ url }) => url)).toEqual(["/a", "/b"]);
    expect(tunnels).toEqual(["cluster.test:8080"]);
  });

  it("that names no cluster is refused", () => {
    const file = join(folder, "empty");
    writeFileSync(file, "{}");
    expect(() => kubernetesContext(file, "metaproto/1")).toThrow("names no current cluster");
  });
});
