// The built module as a worker of Envoy would run it, with frames that were recorded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFrame, RecordedServer, TestMesh } from "metaproto-test";

const file = (path) => new URL(path, import.meta.url);
const module = file("../build/__name__.wasm");
const frame = (name) => Buffer.from(readFrame(file(`../captures/${name}.hex`)));

const request = frame("request");
const response = frame("response");

/** What a recorded server must know of the protocol: where frames end, and where their ids are. */
const format = {
  lengthOf: (bytes) => (bytes.length < 8 ? undefined : Buffer.from(bytes).readUInt32BE(4)),
  idOf: (bytes) => bytes.subarray(8, 12),
};

function start(options) {
  const server = new RecordedServer(format, response);
  const mesh = new TestMesh({ module, servers: [server], ...options });
  return { server, mesh };
}

/** What a client gets for these bytes, and what has reached the server. */
function exchange(bytes, options) {
  const { server, mesh } = start(options);
  const client = mesh.connect();
  client.send(bytes, options?.sizes);
  mesh.run();
  assert.deepEqual(mesh.host.warnings, []);
  return { answer: Buffer.from(client.take()), requests: server.requests, client };
}

const withId = (bytes, id) => {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(id, 8);
  return copy;
};

test("a request is answered, in whatever pieces it comes", () => {
  for (let size = 1; size <= request.length; size++) {
    const sizes = Array.from({ length: Math.floor(request.length / size) }, () => size);
    const { answer, requests } = exchange(request, { sizes });
    assert.deepEqual(answer, response);
    assert.equal(requests.length, 1);
  }
});

test("clients with the same ids get their own answers", () => {
  const { mesh, server } = start();
  const clients = [mesh.connect(), mesh.connect()];
  for (const client of clients) client.send(Buffer.concat([request, withId(request, 8)]));
  mesh.run();
  for (const client of clients) {
    const answers = Buffer.from(client.take());
    const ids = [answers.readUInt32BE(8), answers.readUInt32BE(response.length + 8)];
    assert.deepEqual(ids.sort(), [7, 8]);
  }
  assert.equal(server.requests.length, 4);
});

test("routes match the method and tags; what none of them matches is the protocol's own error", () => {
  const routes = (match) => ({ routes: [{ match }] });
  assert.deepEqual(exchange(request, routes({ method: { exact: "count" } })).answer, response);
  assert.deepEqual(exchange(request, routes({ item: { prefix: "berlin/" } })).answer, response);
  const { answer, requests } = exchange(request, routes({ caller: { exact: "stranger" } }));
  assert.equal(answer.readUInt8(2), 1); // a response
  assert.equal(answer.readUInt8(3), 3); // not found
  assert.equal(answer.readUInt32BE(8), 7);
  assert.match(answer.toString("latin1"), /metaproto: no route of service matches this request$/);
  assert.equal(requests.length, 0);
});

test("a route sets a tag, and lengths follow", () => {
  const requestMutation = [
    { key: "caller", value: "somebody else" },
    { key: "lane", value: "fast" },
  ];
  const { answer, requests } = exchange(request, { routes: [{ requestMutation }] });
  const [sent] = requests.map((bytes) => Buffer.from(bytes));
  assert.equal(sent.readUInt32BE(4), sent.length);
  assert.match(
    sent.toString("latin1"),
    /item\x0bberlin\/lamp\x06caller\x0dsomebody else\x04lane\x04fast$/,
  );
  assert.deepEqual(answer, response);
});

test("what nobody answers gets no answer; pings are answered by the proxy", () => {
  const oneway = exchange(frame("oneway"));
  assert.equal(oneway.answer.length, 0);
  assert.equal(oneway.requests.length, 1);
  const ping = exchange(frame("ping"));
  assert.deepEqual(ping.answer, frame("pong"));
  assert.equal(ping.requests.length, 0);
});

test("another protocol is refused, and so are lengths that lie", () => {
  assert.equal(exchange(Buffer.from("GET / HTTP/1.1\r\n\r\n")).client.closed, true);
  for (const [at, byte] of [
    [7, 14], // the frame: shorter than its header
    [12, 255], // the method
    [18, 255], // the tags
  ]) {
    const wrong = Buffer.from(request);
    wrong.writeUInt8(byte, at);
    const { answer, requests } = exchange(wrong);
    assert.equal(answer.readUInt8(3), 7); // malformed; then the connection is closed
    assert.equal(requests.length, 0);
  }
});
