// The built module as a worker of Envoy would run it, with frames that were recorded.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readFrame, RecordedServer, TestMesh } from "metaproto-test";

const file = (path) => new URL(path, import.meta.url);
const module = file("../build/__codec__.wasm");
/** `__recorded__`, and its answer. */
const request = readFrame(file("frames/request.hex"));
const response = readFrame(file("frames/response.hex"));

const name = "__name__";
const config = { attribute: "__attribute__", refuse: ["something else", "__recorded__"] };

/** Requests are the recorded one. Answers need no id of theirs where ids stay as they are. */
const format = { lengthOf: () => request.length, idOf: () => new Uint8Array() };
const plugin = {
  connectionMode: "IN_ORDER",
  // What `protocol.yaml` is compiled to.
  codecConfiguration: readFileSync(file("../build/table.txt"), "utf8").trim(),
};

/** What a client gets for the request, with the filter's counter and what has reached the server. */
function exchange(options) {
  const server = new RecordedServer(format, response);
  const mesh = new TestMesh({ module, servers: [server], plugin, ...options });
  const client = mesh.connect();
  client.send(request);
  mesh.run();
  assert.deepEqual(mesh.host.warnings, []);
  return { answer: Buffer.from(client.take()), requests: server.requests.length, mesh };
}

test("a request whose attribute has another value passes", () => {
  const filters = [{ name, config: { ...config, refuse: ["something else"] } }];
  const { answer, requests, mesh } = exchange({ filters });
  assert.deepEqual(new Uint8Array(answer), response);
  assert.equal(requests, 1);
  assert.equal(mesh.stat("__metric___refused"), 0);
});

test("others are refused with the protocol's own error", () => {
  const { answer, requests, mesh } = exchange({ filters: [{ name, config }] });
  assert.ok(__refusal__);
  assert.equal(requests, 0);
  assert.equal(mesh.stat("__metric___refused"), 1);
});

test("a route may do without the filter", () => {
  const match = { __attribute__: { exact: "__recorded__" } };
  const routes = [{ match, filters: [{ name, disabled: true }] }, {}];
  assert.equal(exchange({ filters: [{ name, config }], routes }).requests, 1);
});

test("a wrong configuration is refused, with the place of what is wrong", () => {
  const filters = [{ name, config: { refuse: "__recorded__" } }];
  assert.throws(() => exchange({ filters }), /filters\[0\]\.refuse: expected an array/);
  assert.throws(() => exchange({ filters }), /filters\[0\]\.attribute: missing/);
});
