// The built modules as workers of Envoy would run them, with frames that were recorded.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dubboFrames, readFrame, RecordedServer, TestMesh, thriftFrames } from "metaproto-test";

const file = (path) => new URL(path, import.meta.url);
const frame = (name) => readFrame(file(`frames/${name}.hex`));

const USED_UP = "metaproto: the caller's quota is used up";
const MINUTE_MS = 60_000;
const config = { name: "reports", requests: 2, interval: "1m" };

function meshOf({ protocol = "dubbo", ...options } = {}) {
  const frames = protocol === "dubbo" ? dubboFrames : thriftFrames;
  const server = new RecordedServer(frames, frame(`${protocol}-response`));
  const module = file(`../build/${protocol}.wasm`);
  const filters = [{ name: "quota", config }];
  return new TestMesh({ module, servers: [server], filters, ...options });
}

/** The recorded request as an application of this name, of 13 letters, would send it. */
function requestOf(application) {
  const text = Buffer.from(frame("dubbo-request")).toString("latin1");
  assert.equal(application.length, "peer-consumer".length);
  return Buffer.from(text.replace("peer-consumer", application), "latin1");
}

/** Whether each of the requests was answered by the server, or else refused by the filter. */
function ask(mesh, requests, options) {
  const client = mesh.connect(options);
  const answers = requests.map((request) => {
    client.send(request);
    mesh.run();
    const answer = client.take();
    assert.ok(answer.length > 0, "no answer");
    return !Buffer.from(answer).includes(USED_UP);
  });
  assert.deepEqual(mesh.host.warnings, []);
  return answers;
}

const from = (address) => ({ sourceAddress: address });
const times = (count, request) => Array.from({ length: count }, () => request);

for (const protocol of ["dubbo", "thrift"]) {
  test(`a client has its requests in a minute, and again in the next one: ${protocol}`, () => {
    const mesh = meshOf({ protocol });
    const request = frame(`${protocol}-request`);
    assert.deepEqual(ask(mesh, times(4, request), from("10.1.0.1:1000")), [
      ...[true, true],
      ...[false, false],
    ]);
    assert.deepEqual(ask(mesh, times(1, request), from("10.1.0.1:2000")), [false]);
    assert.deepEqual(ask(mesh, times(2, request), from("10.1.0.2:1000")), [true, true]);
    mesh.advance(MINUTE_MS);
    assert.deepEqual(ask(mesh, times(3, request), from("10.1.0.1:3000")), [true, true, false]);
    assert.equal(mesh.stat("quota_ok"), 6);
    assert.equal(mesh.stat("quota_used_up"), 4);
  });
}

test("callers are told apart by an attribute, wherever they are", () => {
  const caller = "remote.application";
  const mesh = meshOf({ filters: [{ name: "quota", config: { ...config, caller } }] });
  const [one, other] = [requestOf("shop-frontend"), requestOf("night-reports")];
  assert.deepEqual(ask(mesh, [one, other, one], from("10.1.0.1:1000")), [true, true, true]);
  assert.deepEqual(ask(mesh, [one, other, other], from("10.1.0.2:1000")), [false, true, false]);
});

test("all workers count together", () => {
  const mesh = meshOf({ workers: 2 });
  const request = frame("dubbo-request");
  const answers = [0, 1, 0, 1].map((worker) => {
    return ask(mesh, [request], { worker, ...from("10.1.0.1:1000") })[0];
  });
  assert.deepEqual(answers, [true, true, false, false]);
});

describe("a route", () => {
  const byMethod = (method, filters) => ({ match: { method: { exact: method } }, filters });

  test("may have a quota of its own, which is another one if it has another name", () => {
    const own = { name: "greetings", requests: 3, interval: "1m" };
    const mesh = meshOf({ routes: [byMethod("sayHello", [{ name: "quota", config: own }]), {}] });
    const other = Buffer.from(frame("dubbo-request").map((byte) => byte));
    other.write("sayAdieu", other.indexOf("sayHello"), "latin1");
    const hello = frame("dubbo-request");
    assert.deepEqual(ask(mesh, times(4, hello), from("10.1.0.1:1")), [true, true, true, false]);
    assert.deepEqual(ask(mesh, times(3, other), from("10.1.0.1:2")), [true, true, false]);
  });

  test("may do without", () => {
    const mesh = meshOf({ routes: [byMethod("sayHello", [{ name: "quota", disabled: true }])] });
    assert.ok(ask(mesh, times(5, frame("dubbo-request"))).every(Boolean));
  });
});

describe("a configuration", () => {
  const refused = [
    [{}, "name: missing"],
    [{}, "requests: missing"],
    [{}, "interval: missing"],
    [{ ...config, name: "" }, "name: must have 1 to 64 bytes"],
    [{ ...config, name: "x".repeat(65) }, "name: must have 1 to 64 bytes"],
    [{ ...config, requests: -1 }, "requests: not between 0 and 4294967295"],
    [{ ...config, interval: "0s" }, "interval: must be above 0s"],
    [{ ...config, interval: 60 }, 'interval: expected a duration such as "1m30s"'],
    [{ ...config, burst: 1 }, 'unknown field "burst"'],
  ];
  for (const [wrong, fault] of refused) {
    test(`is refused: ${fault}`, () => {
      const filters = [{ name: "quota", config: wrong }];
      assert.throws(() => meshOf({ filters }), new RegExp(fault));
    });
  }

  test("of 0 requests lets nobody pass", () => {
    const filters = [{ name: "quota", config: { ...config, requests: 0 } }];
    assert.deepEqual(ask(meshOf({ filters }), [frame("dubbo-request")]), [false]);
  });
});
