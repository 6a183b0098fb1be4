// The built module as a worker of Envoy would run it, with frames that were recorded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFrame, RecordedServer, TestMesh } from "metaproto-test";

const file = (path) => new URL(path, import.meta.url);
const module = file("../build/__codec__.wasm");
const frame = (name) => Buffer.from(readFrame(file(`frames/${name}.hex`)));

/** What opens a session, and `__recorded__`. */
const sent = [frame("connect-request"), frame("request")];
/** Their answers. */
const responses = [frame("connect-response"), frame("response")];

const name = "__name__";
const config = { attribute: "__attribute__", refuse: ["something else", "__recorded__"] };

/** An answer has nothing of its request: each session has a connection of its own. */
const format = {
  lengthOf: (bytes) => (bytes.length < 4 ? undefined : 4 + Buffer.from(bytes).readUInt32BE()),
  idOf: () => new Uint8Array(),
};

/** What a client gets for the request behind its session, with the filter's counter and what has reached the server. */
function exchange(options) {
  const server = new RecordedServer(format, responses);
  const mesh = new TestMesh({ module, servers: [server], ...options });
  const client = mesh.connect();
  client.send(sent[0]);
  mesh.run();
  assert.deepEqual(Buffer.from(client.take()), responses[0]);
  client.send(sent[1]);
  mesh.run();
  assert.deepEqual(mesh.host.warnings, []);
  return { answer: Buffer.from(client.take()), requests: server.requests.length - 1, mesh };
}

test("a request whose attribute has another value passes", () => {
  const filters = [{ name, config: { ...config, refuse: ["something else"] } }];
  const { answer, requests, mesh } = exchange({ filters });
  assert.deepEqual(answer, responses[1]);
  assert.equal(requests, 1);
  assert.equal(mesh.stat("__metric___refused"), 0);
});

test("others are refused with the protocol's own error", () => {
  const { answer, requests, mesh } = exchange({ filters: [{ name, config }] });
  assert.equal(answer.readInt32BE(4), sent[1].readInt32BE(4)); // its xid
  assert.notEqual(answer.readInt32BE(16), 0); // an error
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
