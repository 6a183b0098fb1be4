// Each hazard of the real host, committed by a tiny module: the test must fail and name the rule.

import { describe, expect, it } from "vitest";

import {
  GrpcServer,
  HostRuleViolation,
  RULES,
  TestHost,
  type RuleName,
  type TestHostOptions,
} from "./index.js";
import {
  DIAL_HEADERS_BYTES,
  PASS_WRITES,
  REPLY,
  SERVER_CLUSTER,
  callback,
  onData,
  watModule,
} from "./testing/wat-module.js";
import { TcpServer } from "./tcp-server.js";

const SELF = "(local.get 0)";
const CARRIER = { carrier: { internalListener: true } } as const;

/** Both take the text REPLY as the name of a cluster. */
const HTTP_CALL_TO_REPLY = `(drop (call $http_call (i32.const 16) (i32.const 5)
  (i32.const 128) (i32.const ${String(DIAL_HEADERS_BYTES)})
  (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 8)))`;
const GRPC_STREAM_TO_REPLY = `(drop (call $grpc_stream (i32.const 16) (i32.const 5) (i32.const 16)
  (i32.const 5) (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0)))`;

function unreachable(): GrpcServer {
  const server = new GrpcServer();
  server.reachability = "no-endpoints";
  return server;
}

/** What `run` throws; fails when it throws nothing. */
function violationOf(run: () => void): HostRuleViolation {
  try {
    run();
  } catch (error) {
    if (error instanceof HostRuleViolation) return error;
    throw error;
  }
  throw new Error("no rule was found broken");
}

function expectViolation(rule: RuleName, run: () => void): HostRuleViolation {
  const violation = violationOf(run);
  expect(violation.rule).toBe(rule);
  expect(violation.message).toContain(RULES[rule]);
  return violation;
}

/** Runs the module, one client of which sends a byte. */
function sendOneByte(body: string, options: Partial<TestHostOptions> = {}): TestHost {
  const host = new TestHost({ module: watModule(body), ...options });
  const client = host.connect();
  host.runUntilIdle();
  client.send(Buffer.from("x"));
  host.runUntilIdle();
  return host;
}

describe("a trap", () => {
  const trapping = onData("(unreachable)");

  it("fails the test and says which call it was in", () => {
    const violation = expectViolation("trap", () => sendOneByte(trapping));
    expect(violation.message).toContain("unreachable; in proxy_on_downstream_data(2)");
    expect(violation.cause).toBeInstanceOf(WebAssembly.RuntimeError);
  });

  it("is also memory out of bounds, division by zero and endless recursion", () => {
    expectViolation("trap", () => sendOneByte(onData("(drop (i32.load (i32.const -4)))")));
    expectViolation("trap", () =>
      sendOneByte(onData("(drop (i32.div_u (i32.const 1) (i32.sub (local.get 1) (i32.const 1))))")),
    );
    const recursive = "(func $deeper (call $deeper) (call $deeper))";
    expectViolation("trap", () => sendOneByte(recursive + onData("(call $deeper)")));
  });

  it("fails the VM for good: every later event throws the same", () => {
    const host = new TestHost({ module: watModule(trapping) });
    const [first, second] = [host.connect(), host.connect()];
    host.runUntilIdle();
    first.send(Buffer.from("x"));
    const violation = violationOf(() => host.runUntilIdle());
    expect(host.vm.failure).toBe(violation);
    second.send(Buffer.from("x"));
    expect(violationOf(() => host.runUntilIdle())).toBe(violation);
  });
});

describe("continue_stream", () => {
  it("twice for one connection in one VM call", () => {
    const twice = `(call $reply ${SELF}) (call $continue ${SELF}) (call $continue ${SELF})`;
    const violation = expectViolation("second-continue", () => sendOneByte(onData(twice)));
    expect(violation.message).toContain("context 2 in proxy_on_downstream_data(2)");
  });

  it("once in each of two VM calls is no violation", () => {
    const once = `(call $reply ${SELF}) (call $continue ${SELF})`;
    const host = new TestHost({ module: watModule(PASS_WRITES + onData(once)) });
    const client = host.connect();
    host.runUntilIdle();
    client.send(Buffer.from("ab"), [1]);
    host.runUntilIdle();
    expect(client.received.toString()).toBe(REPLY + REPLY);
  });

  it.each(["on_downstream_connection_close", "on_done", "on_log", "on_delete"])(
    "for a downstream connection from %s",
    (name) => {
      const parameters = name === "on_downstream_connection_close" ? 2 : 1;
      const body = "(call $continue (i32.const 2))";
      const module = watModule(
        onData("") + callback(name, parameters, body, name === "on_done" ? 1 : undefined),
      );
      const host = new TestHost({ module });
      const [first, second] = [host.connect(), host.connect()];
      host.runUntilIdle();
      first.send(Buffer.from("x"));
      second.close();
      const violation = expectViolation("continue-from-close", () => host.runUntilIdle());
      expect(violation.message).toContain(`proxy_${name}(3)`);
    },
  );

  it("for another downstream connection from a downstream's own on_upstream_data", () => {
    const module = watModule(
      onData(
        `(call $reply ${SELF}) (if (i32.eq ${SELF} (i32.const 3)) (then (call $continue ${SELF})))`,
      ) + callback("on_upstream_data", 3, "(call $continue (i32.const 2))", 0),
    );
    const host = new TestHost({ module });
    const clients = [host.connect(), host.connect()];
    host.runUntilIdle();
    for (const client of clients) client.send(Buffer.from("x"));
    expectViolation("continue-from-own-write", () => host.runUntilIdle());
  });

  it("behind which the same connection is closed in the same VM call", () => {
    const body = onData(`(call $reply ${SELF}) (call $continue ${SELF}) (call $close ${SELF})`);
    expectViolation("close-behind-continue", () => sendOneByte(body));
  });

  it("with the request still in the read buffer", () => {
    expectViolation("request-echoed", () => sendOneByte(onData(`(call $continue ${SELF})`)));
  });

  it("by returning Continue, which hands the request to echo as well", () => {
    const body = callback("on_downstream_data", 3, "", 0);
    expectViolation("request-echoed", () => sendOneByte(body));
  });

  it("with the request still in the read buffer, when the test permits it", () => {
    const module = watModule(onData(`(call $continue ${SELF})`) + PASS_WRITES);
    const host = new TestHost({ module, permit: ["request-echoed"] });
    const client = host.connect();
    host.runUntilIdle();
    client.send(Buffer.from("request"));
    host.runUntilIdle();
    expect(client.received.toString()).toBe("request");
  });
});

describe("many connections in one VM call", () => {
  /** When the last of the clients sends, all get their reply in one VM call. */
  function replyToAll(clients: number, limits?: TestHostOptions["limits"]): TestHost {
    const last = String(clients + 1);
    const body = `(local $i i32) (call $reply ${SELF})
      (if (i32.eq ${SELF} (i32.const ${last})) (then
        (local.set $i (i32.const 2))
        (loop $next
          (call $continue (local.get $i))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.le_u (local.get $i) (i32.const ${last}))))))`;
    const module = watModule(onData(body) + PASS_WRITES);
    const host = new TestHost({ module, ...(limits && { limits }) });
    const connected = Array.from({ length: clients }, () => host.connect());
    host.runUntilIdle();
    for (const client of connected) client.send(Buffer.from("x"));
    host.runUntilIdle();
    for (const client of connected) expect(client.received.toString()).toBe(REPLY);
    return host;
  }

  it("over 64 continues fail", () => {
    expectViolation("too-many-continues", () => replyToAll(65));
  });

  it("64 continues pass with a warning, each write nested in the one before", () => {
    const host = replyToAll(64);
    expect(host.warnings).toEqual([
      "more than 32 continue_stream to downstream connections in one VM call",
    ]);
    expect(host.vm.stats.peakNesting).toBe(65);
  });

  it("32 continues pass without a warning", () => {
    expect(replyToAll(32).warnings).toEqual([]);
  });

  it("the limit can be set", () => {
    expectViolation("too-many-continues", () => replyToAll(5, { maxContinues: 4 }));
  });

  it("VM calls that nest too deep fail", () => {
    const violation = expectViolation("nesting", () => replyToAll(10, { maxNesting: 5 }));
    expect(violation.message).toContain("6 calls deep at proxy_on_upstream_data, limit 5");
  });
});

describe("the write path", () => {
  it("may not stop, on a downstream connection", () => {
    const body =
      onData(`(call $reply ${SELF}) (call $continue ${SELF})`) +
      callback("on_upstream_data", 3, "", 1);
    const violation = expectViolation("stop-on-write-path", () => sendOneByte(body));
    expect(violation.message).toContain("context 2 (downstream)");
  });

  it("may not stop, on an upstream connection", () => {
    const body =
      onData("(if (i32.eq (local.get 0) (i32.const 2)) (then (drop (call $dial))))") +
      callback("on_new_connection", 1, `(call $choose_server ${SELF})`, 0) +
      callback("on_upstream_data", 3, "", 1);
    const server = new TcpServer({
      onConnection: (connection) => {
        connection.write(Buffer.from("hello"));
      },
    });
    const clusters = { ...CARRIER, [SERVER_CLUSTER]: { endpoints: [server] } };
    const violation = expectViolation("stop-on-write-path", () => sendOneByte(body, { clusters }));
    expect(violation.message).toContain("context 3 (upstream)");
  });
});

describe("http_call", () => {
  it("that dials while a continue is queued", () => {
    const body = onData(`(call $reply ${SELF}) (call $continue ${SELF}) (drop (call $dial))`);
    const violation = expectViolation("dial-behind-continue", () =>
      sendOneByte(body, { clusters: CARRIER }),
    );
    expect(violation.message).toContain("http_call to carrier behind continue_stream of context 2");
  });

  it("to any other cluster may be made while a continue is queued", () => {
    const body = onData(`(call $reply ${SELF}) (call $continue ${SELF}) (drop (call $dial))`);
    const clusters = { carrier: { http: () => "never" as const } };
    expect(sendOneByte(body + PASS_WRITES, { clusters }).vm.failure).toBeUndefined();
  });

  // In on_new_connection of a dial, whose VM call is nested in the one that dials.
  it.each([
    ["http_call", { http: "no-endpoints" as const }, HTTP_CALL_TO_REPLY],
    ["grpc_stream", { grpc: unreachable() }, GRPC_STREAM_TO_REPLY],
  ])("or %s to a cluster without hosts, in a nested VM call", (_name, cluster, call) => {
    const body =
      onData("(if (i32.eq (local.get 0) (i32.const 2)) (then (drop (call $dial))))") +
      callback("on_new_connection", 1, `(if (i32.eq ${SELF} (i32.const 3)) (then ${call}))`, 0);
    const clusters = { ...CARRIER, [REPLY]: cluster };
    expectViolation("endless-callback", () => sendOneByte(body, { clusters }));
  });

  it("or gRPC stream to a cluster without hosts fails at once in an outermost VM call", () => {
    const clusters = { [REPLY]: { grpc: unreachable() } };
    expect(sendOneByte(onData(GRPC_STREAM_TO_REPLY), { clusters }).vm.failure).toBeUndefined();
  });

  it("whose head of a request is passed on to the server", () => {
    const body =
      callback("on_new_connection", 1, `(call $choose_server ${SELF})`, 0) +
      onData(
        `(if (i32.eq ${SELF} (i32.const 2)) (then (drop (call $dial))) (else (call $continue ${SELF})))`,
      );
    const clusters = { ...CARRIER, [SERVER_CLUSTER]: { endpoints: [new TcpServer()] } };
    expectViolation("request-head-sent", () => sendOneByte(body, { clusters }));
  });
});

describe("host calls at the wrong time", () => {
  it("while the host allocates memory", () => {
    const allocator = `(func (export "proxy_on_memory_allocate") (param i32) (result i32)
      (drop (call $time (i32.const 0))) (i32.const 65536))`;
    const read = `(drop (call $get_buffer
      (i32.const 2) (i32.const 0) (i32.const 10) (i32.const 0) (i32.const 4)))`;
    const host = new TestHost({ module: watModule(onData(read), allocator) });
    const client = host.connect();
    host.runUntilIdle();
    client.send(Buffer.from("x"));
    const violation = expectViolation("restricted-call", () => host.runUntilIdle());
    expect(violation.message).toContain(
      "proxy_get_current_time_nanoseconds in proxy_on_downstream_data(2) > proxy_on_memory_allocate(0)",
    );
  });

  it("while the VM starts", () => {
    const body = '(func (export "_initialize") (drop (call $dial)))';
    expectViolation("restricted-call", () => new TestHost({ module: watModule(body) }));
  });

  it("from the start section", () => {
    const body =
      "(func $main (drop (call $log (i32.const 2) (i32.const 16) (i32.const 5)))) (start $main)";
    expectViolation("start-section", () => new TestHost({ module: watModule(body) }));
  });
});
