import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ModuleServer } from "./module-server.js";

const DIGEST = "a".repeat(64);
const CODE = new TextEncoder().encode("a module");

let server: ModuleServer;
let base: string;

beforeEach(async () => {
  server = new ModuleServer((sha256) => Promise.resolve(sha256 === DIGEST ? CODE : undefined));
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  base = `http://127.0.0.1:${String(port)}`;
});

afterEach(() => server.stop());

describe("the server of modules", () => {
  test("gives a module to who knows its digest", async () => {
    const response = await fetch(`${base}/modules/${DIGEST}.wasm`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/wasm");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(CODE);
    const head = await fetch(`${base}/modules/${DIGEST}.wasm`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(CODE.length));
  });

  test("has agents ask again for what is not at hand, and nobody for anything else", async () => {
    expect((await fetch(`${base}/modules/${"b".repeat(64)}.wasm`)).status).toBe(503);
    for (const path of ["/", "/modules/", `/modules/${DIGEST}`, `/modules/../${DIGEST}.wasm`])
      expect((await fetch(`${base}${path}`)).status).toBe(404);
    const posted = await fetch(`${base}/modules/${DIGEST}.wasm`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});
