// The filter chain, by a module with two filters that do what their configurations say
// (wasm-test/units/line-filters.ts).
import { describe, expect, it } from "vitest";
import { builtModule } from "../modules/built-module.js";
import { LineClient, LineMesh, LineServer } from "./line-fixture.js";
import { pluginConfiguration, type FilterOptions, type MeshOptions } from "./mesh.js";

const MODULE = await builtModule("test/line-filters");

function filter(name: "first" | "second", words: string): FilterOptions {
  return { name: `test.${name}`, config: Buffer.from(words).toString("base64") };
}

function meshOf(server: LineServer, options: Partial<MeshOptions> = {}): LineMesh {
  return new LineMesh({ clusters: { v1: [server] }, module: MODULE, ...options });
}

/** What filters have told, in order. */
function told(mesh: LineMesh): string[] {
  return mesh.host.logs.map(({ message }) => message).filter((text) => text.startsWith("test."));
}

function ask(mesh: LineMesh, ...lines: readonly string[]): LineClient {
  const client = mesh.connect();
  client.send(...lines);
  mesh.run();
  return client;
}

describe("filters of a route configuration", () => {
  it("meet requests in the order of the module and responses in the other", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, { filters: [filter("second", "trace"), filter("first", "trace")] });
    const client = ask(mesh, "GET a");
    expect(client.answers).toEqual(["v1: GET a"]);
    expect(told(mesh)).toEqual([
      expect.stringMatching(/^test\.first onRequest: GET to v1 from [0-9.]+:\d+$/),
      expect.stringMatching(/^test\.second onRequest: GET to v1 from [0-9.]+:\d+$/),
      "test.second onResponse: 10",
      "test.first onResponse: 10",
      expect.stringMatching(/^test\.first onEnd: - 0 6\/10 0ms demo_20880\/default [0-9.]+:\d+ 1$/),
      expect.stringMatching(/^test\.second onEnd: - 0 6\/10 0ms/),
    ]);
  });

  it("are not called where there is none", () => {
    const mesh = meshOf(new LineServer("v1"));
    expect(ask(mesh, "GET a").answers).toEqual(["v1: GET a"]);
    expect(told(mesh)).toEqual([]);
  });

  it("give way to a route's own, which may disable them", () => {
    const destinations = [{ cluster: "v1" }];
    const mesh = meshOf(new LineServer("v1"), {
      filters: [filter("first", "refuse"), filter("second", "trace")],
      routes: [
        {
          match: [{ name: "verb", exact: "PUT" }],
          destinations,
          filters: [{ name: "test.first", disabled: true }],
        },
        {
          match: [{ name: "verb", exact: "GET" }],
          destinations,
          filters: [filter("first", "trace")],
        },
        { destinations },
      ],
    });
    const client = ask(mesh, "PUT a", "GET b", "DEL c");
    expect(client.answers).toEqual([
      "v1: PUT a",
      "v1: GET b",
      "ERR metaproto: refused by a filter",
    ]);
    const requests = told(mesh).filter((text) => text.includes("onRequest"));
    expect(requests.map((text) => text.replace(/ from .*/, ""))).toEqual([
      "test.second onRequest: PUT to v1",
      "test.first onRequest: GET to v1",
      "test.second onRequest: GET to v1",
    ]);
  });

  it("see requests that no route matches", () => {
    const mesh = meshOf(new LineServer("v1"), {
      filters: [filter("first", "trace")],
      routes: [{ match: [{ name: "verb", exact: "GET" }], destinations: [{ cluster: "v1" }] }],
    });
    const client = ask(mesh, "PUT a");
    expect(client.answers).toEqual(["ERR metaproto: no route of demo_20880 matches this request"]);
    expect(told(mesh)).toEqual([
      expect.stringMatching(/^test\.first onRequest: PUT to /),
      expect.stringMatching(/^test\.first onEnd: NR 2 6\/59 0ms demo_20880\/ none 0$/),
    ]);
  });

  it.each([
    [[{ name: "test.third" }], 'filters[0].name: this module has no filter "test.third"'],
    [[filter("first", "nonsense")], "filters[0].words: this is nonsense"],
    [[filter("first", ""), filter("first", "")], "filters[1].name: given twice"],
    [[{ name: "", config: "" }], 'filters[0].name: this module has no filter ""'],
  ] as const)("that are wrong are refused: %j", (filters, fault) => {
    const server = new LineServer("v1");
    const mesh = meshOf(server);
    const wrong = { clusters: { v1: [server] }, filters: filters as readonly FilterOptions[] };
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration(wrong));
    }).toThrow();
    const logs = mesh.host.logs.map(({ message }) => message);
    expect(logs.join("\n")).toContain(fault);
  });
});

describe("a configuration in JSON", () => {
  function configure(text: string): LineMesh {
    const server = new LineServer("v1");
    const mesh = meshOf(server);
    const filters = [{ name: "test.json", config: Buffer.from(text).toString("base64") }];
    const wrong = { clusters: { v1: [server] }, filters };
    try {
      mesh.host.reconfigure(pluginConfiguration(wrong));
    } catch {
      // What is wrong has been logged.
    }
    return mesh;
  }

  it.each([
    ["", "{}"],
    ["{}", "{}"],
    ['{"count":7,"texts":["a","b\\u00e9"]}', "{count=7;texts=[a,b\u00e9];}"],
    ['{"isOn":true,"longestWait":"1.5s"}', "{isOn=true;longestWait=1500ms;}"],
    ['{"is_on":false,"longest_wait":"0.0001s","count":null}', "{isOn=false;longestWait=1ms;}"],
    ['{"longestWait":"1h30m"}', "{longestWait=5400000ms;}"],
    ['{"longestWait":"1m30.25s20ms"}', "{longestWait=90270ms;}"],
    ['{"longestWait":".5ms"}', "{longestWait=1ms;}"],
    ['{"longestWait":"1.ms1us"}', "{longestWait=2ms;}"],
    ['{"longestWait":"16.1s"}', "{longestWait=16100ms;}"],
    ['{"longestWait":"2147483.647s"}', "{longestWait=2147483647ms;}"],
    ['{"longestWait":"0"}', "{longestWait=0ms;}"],
    ['{"texts":[],"inner":{"inner":{"count":1}}}', "{texts=[];inner={inner={count=1;};};}"],
  ])("is read: %s", (text, read) => {
    expect(told(configure(text))).toEqual([`test.json read ${read}`]);
  });

  it.each([
    ["[]", ["filters[0]: expected an object"]],
    ["{", ["filters[0]: malformed JSON: expected a key in quotes at line 1, column 2"]],
    ['{"count":1}}', ["filters[0]: malformed JSON: expected the end at line 1, column 12"]],
    ['{"count":0}', ["filters[0].count: must be at least 1"]],
    ['{"count":"one"}', ["filters[0].count: not a number"]],
    ['{"count":1,"count":2}', ["filters[0].count: given twice"]],
    ['{"size":1}', ['filters[0]: unknown field "size"']],
    ['{"longestWait":5}', ['filters[0].longestWait: expected a duration such as "1m30s"']],
    ['{"longestWait":"5"}', ["filters[0].longestWait: not a duration"]],
    ['{"longestWait":""}', ["filters[0].longestWait: not a duration"]],
    ['{"longestWait":"."}', ["filters[0].longestWait: not a duration"]],
    ['{"longestWait":".s"}', ["filters[0].longestWait: not a duration"]],
    ['{"longestWait":"1s2"}', ["filters[0].longestWait: not a duration"]],
    ['{"longestWait":"1 s"}', ["filters[0].longestWait: not a duration"]],
    ['{"longestWait":"1sm"}', ["filters[0].longestWait: not a duration"]],
    ['{"longestWait":"-1s"}', ["filters[0].longestWait: negative"]],
    ['{"longestWait":"597h"}', ["filters[0].longestWait: longer than 2147483.647s"]],
    [
      `{"longestWait":"${"9".repeat(400)}h9h"}`,
      ["filters[0].longestWait: longer than 2147483.647s"],
    ],
    [
      '{"texts":["a",1,""],"inner":{"isOn":"yes"}}',
      [
        "filters[0].texts[1]: expected a string",
        "filters[0].texts[2]: must not be empty",
        "filters[0].inner.isOn: expected true or false",
      ],
    ],
    ['{"texts":["missing"]}', ["filters[0].texts: must not be missing"]],
    [`${'{"inner":'.repeat(40)}1${"}".repeat(40)}`, [/nested too deep/]],
  ])("that is wrong is refused, with all that is: case %#", (text, faults) => {
    const mesh = configure(text);
    expect(told(mesh)).toEqual([]);
    const logs = mesh.host.logs.map(({ message }) => message).join("\n");
    for (const fault of faults) expect(logs).toMatch(fault);
    expect(logs.match(/filters\[0\]/g)).toHaveLength(faults.length);
  });
});

describe("a filter that answers", () => {
  it("keeps the request from the server and from the filters behind it, which hear of its end", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, {
      filters: [filter("first", "refuse"), filter("second", "trace")],
    });
    expect(ask(mesh, "GET a").answers).toEqual(["ERR metaproto: refused by a filter"]);
    expect(server.texts).toEqual([]);
    expect(told(mesh)).toEqual([
      expect.stringMatching(/^test\.second onEnd: UAEX 2 6\/35 0ms demo_20880\/default none 0$/),
    ]);
    expect(mesh.stat("local_reply_uaex")).toBe(1);
  });

  it("keeps its turn among answers that are missing", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(server, { filters: [filter("first", "refuse only=PUT")] });
    const client = ask(mesh, "GET a", "PUT b", "GET c");
    expect(client.answers).toEqual([]);
    server.answer();
    mesh.run();
    expect(client.answers).toEqual([
      "v1: GET a",
      "ERR metaproto: refused by a filter",
      "v1: GET c",
    ]);
  });
});

describe("a filter that pauses", () => {
  it("for a time lets the request go on by itself", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, { filters: [filter("first", "delay"), filter("second", "trace")] });
    const client = ask(mesh, "GET a");
    mesh.host.advance(40);
    expect(server.texts).toEqual([]);
    mesh.host.advance(30);
    expect(client.answers).toEqual(["v1: GET a"]);
    expect(told(mesh).at(-1)).toMatch(/^test\.second onEnd: - 0 6\/10 (50|60|70)ms/);
  });

  it("for a time is asked then, and may still answer", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, {
      filters: [filter("first", "trace delay late"), filter("second", "trace")],
    });
    const client = ask(mesh, "GET a");
    mesh.host.advance(40);
    expect(client.answers).toEqual([]);
    mesh.host.advance(30);
    expect(client.answers).toEqual(["ERR metaproto: refused by a filter"]);
    expect(server.texts).toEqual([]);
    expect(told(mesh).slice(1)).toEqual([
      expect.stringMatching(/^test\.first onDelayed: GET from [0-9.]+:\d+$/),
      expect.stringMatching(/^test\.first onEnd: UAEX 2 6\/\d+ [567]0ms/),
      expect.stringMatching(/^test\.second onEnd: UAEX /),
    ]);
    // Chunks that are kept for reuse.
    const kept = mesh.stat("buffered_bytes");
    ask(mesh, "GET b");
    mesh.host.advance(100);
    expect(mesh.stat("buffered_bytes")).toBe(kept);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("holds the request until it is resumed, and others pass meanwhile", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, {
      filters: [filter("first", "pause only=GET"), filter("second", "trace")],
    });
    const waiting = ask(mesh, "GET a");
    const other = ask(mesh, "PUT b");
    expect(other.answers).toEqual(["v1: PUT b"]);
    expect(server.texts).toEqual(["PUT b"]);
    // The filter that pauses looks at no more than GET: the other one answers.
    expect(waiting.answers).toEqual([]);
  });

  it("lets go on, or answers, later", () => {
    for (const [verb, answer] of [
      ["RELEASE", "v1: GET a"],
      ["REFUSE", "ERR metaproto: refused by a filter"],
    ] as const) {
      const mesh = meshOf(new LineServer("v1"), { filters: [filter("first", "pause")] });
      ask(mesh, "GET a");
      ask(mesh, verb);
      const idle = mesh.stat("buffered_bytes");
      const waiting = ask(mesh, "GET a");
      expect(waiting.answers).toEqual([]);
      expect(ask(mesh, verb).answers).toEqual(["ERR metaproto: released"]);
      mesh.host.advance(20);
      expect(waiting.answers).toEqual([answer]);
      expect(mesh.stat("downstream_rq_active")).toBe(0);
      expect(mesh.stat("buffered_bytes")).toBe(idle);
    }
  });

  it("is told when the client goes away, and to resume it then does nothing", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, { filters: [filter("first", "pause trace")] });
    ask(mesh, "RELEASE");
    const idle = mesh.stat("buffered_bytes");
    const client = ask(mesh, "GET a");
    client.socket.close();
    mesh.run();
    expect(told(mesh).at(-1)).toMatch(/^test\.first onEnd: DC 2 6\/0 /);
    expect(ask(mesh, "RELEASE").answers).toEqual(["ERR metaproto: released"]);
    mesh.host.advance(20);
    expect(server.texts).toEqual([]);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(mesh.stat("buffered_bytes")).toBe(idle);
  });
});

describe("the end of a request", () => {
  it("comes once, whatever ends it", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(server, {
      filters: [filter("first", "trace")],
      routes: [{ destinations: [{ cluster: "v1" }], timeout: "0.1s" }],
    });
    const ends = (): string[] => told(mesh).filter((text) => text.includes("onEnd"));
    ask(mesh, "GET late");
    mesh.host.advance(200);
    expect(ends()).toEqual([expect.stringMatching(/onEnd: UT 2 9\/\d+ 1\d0ms .* 1$/)]);
    const gone = ask(mesh, "GET gone");
    gone.socket.close();
    mesh.run();
    expect(ends().at(-1)).toMatch(/onEnd: DC 2 9\/0 /);
    ask(mesh, "GET cut");
    for (const { connection } of server.requests) connection.close();
    mesh.run();
    mesh.host.advance(20);
    expect(ends().at(-1)).toMatch(/onEnd: UC 2 8\/\d+ /);
    expect(ends()).toHaveLength(3);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("is told of requests beyond a bound too", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(server, {
      filters: [filter("first", "trace")],
      clusterSettings: { v1: { maxRequests: 1 } },
    });
    const client = ask(mesh, "GET a", "GET b");
    server.answer();
    mesh.run();
    expect(client.answers[1]).toContain("too many requests");
    const ends = told(mesh).filter((text) => text.includes("onEnd"));
    expect(ends.map((text) => text.split(" ")[2])).toEqual(["-", "UO"]);
  });
});

describe("a filter's metrics", () => {
  it("are sums over the workers, handed over once a second", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(server, { filters: [filter("first", "count")], host: { workers: 2 } });
    const clients = [0, 1, 1].map(
      (worker) => new LineClient(mesh.connectSocket(undefined, worker)),
    );
    for (const client of clients) client.send("GET a", "GET b");
    mesh.run();
    expect(mesh.stat("test_total")).toBe(6);
    expect(mesh.stat("test_active")).toBe(6);
    clients[1]?.socket.close();
    expect(mesh.stat("test_active")).toBe(4);
    server.answer();
    mesh.run();
    expect(mesh.stat("test_active")).toBe(0);
    expect(mesh.stat("test_total")).toBe(6);
  });
});

describe("host calls of a filter in another context's name", () => {
  it("leave the connection that is being read as it is", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, { filters: [filter("first", "who")] });
    // Of each client the address is asked for while the server's connection is read.
    for (let i = 0; i < 3; i++) {
      const client = ask(mesh, "GET a", `GET ${"b".repeat(70_000)}`, "GET c");
      expect(client.answers.map((answer) => answer.slice(0, 9))).toEqual([
        "v1: GET a",
        "v1: GET b",
        "v1: GET c",
      ]);
    }
    expect(server.requests.map(({ connection }) => connection.isOpen)).not.toContain(false);
    expect(told(mesh).filter((text) => /client: [0-9.]+:\d+$/.test(text))).toHaveLength(9);
    expect(mesh.stat("upstream_rq_unmatched")).toBe(0);
    expect(mesh.host.warnings).toEqual([]);
  });
});

describe("a filter's slot", () => {
  it("is its own, zero at first, and lasts until the end", () => {
    const mesh = meshOf(new LineServer("v1"), {
      filters: [filter("first", "mark"), filter("second", "mark")],
    });
    ask(mesh, "GET a", "GET bb");
    ask(mesh, "GET ccc");
    const slots = told(mesh).map((text) => text.replace("test.", ""));
    expect(slots.filter((text) => text.includes("slot: "))).toEqual(
      Array.from({ length: 6 }, (_, index) => `${index % 2 === 0 ? "first" : "second"} slot: 0`),
    );
    expect(slots.filter((text) => text.includes("at end"))).toEqual([
      "first slot at end: 6",
      "second slot at end: 6",
      "first slot at end: 7",
      "second slot at end: 7",
      "first slot at end: 8",
      "second slot at end: 8",
    ]);
  });
});
