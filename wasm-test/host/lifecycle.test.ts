// VMs, plugins, workers, ticks and queues.

import { describe, expect, test } from "vitest";

import { TestHost } from "./index.js";
import { PROBE_MODULE, ProbeHost } from "./testing/probe-host.js";
import { callback, onData, watModule } from "./testing/wat-module.js";

/** Logs the text at address 16, "reply". */
const LOG = "(drop (call $log (i32.const 2) (i32.const 16) (i32.const 5)))";

describe("starting", () => {
  test("calls _initialize, then creates, starts and configures the plugin", () => {
    const host = new TestHost({
      module: watModule(
        `(func (export "_initialize") ${LOG})` +
          callback("on_context_create", 2, LOG) +
          callback("on_vm_start", 2, LOG, 1) +
          callback("on_configure", 2, LOG, 1),
      ),
    });
    expect(host.logs.map(({ contextId }) => contextId)).toEqual([1, 1, 1, 1]);
  });

  test.each(["on_vm_start", "on_configure"])("fails when %s returns false", (name) => {
    const module = watModule(callback(name, 2, "", 0));
    expect(() => new TestHost({ module })).toThrow(`proxy_${name} returned false`);
  });

  test("fails for a module that is none of proxy-wasm", () => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    expect(() => new TestHost({ module: empty })).toThrow("the module exports no memory");
  });

  test("a second plugin of the internal listener has a root context of its own", () => {
    const host = new TestHost({
      module: PROBE_MODULE,
      pluginConfiguration: "down",
      upstreamPlugin: { rootId: "up", configuration: "up" },
    });
    expect(host.logged()).toEqual(["configure down", "configure up"]);
    expect(host.logs.map(({ contextId }) => contextId)).toEqual([1, 2]);
  });
});

describe("shutting down", () => {
  const host = (doneResult: number) =>
    new TestHost({
      module: watModule(callback("on_done", 1, "", doneResult) + callback("on_delete", 1, LOG)),
    });

  test("deletes the root context when proxy_on_done says so", () => {
    const finished = host(1);
    finished.workers[0]?.shutdown();
    finished.runUntilIdle();
    expect(finished.logged()).toHaveLength(1);
  });

  test("waits for proxy_done otherwise", () => {
    const pending = host(0);
    pending.workers[0]?.shutdown();
    pending.runUntilIdle();
    expect(pending.logged()).toHaveLength(0);
    expect(pending.workers[0]?.isPendingDone).toBe(true);
  });
});

test("ticks come each period of the fake clock", () => {
  const probe = ProbeHost.start();
  probe.run("tick");
  probe.host.advance(99);
  expect(probe.takeLog()).toEqual([]);
  probe.host.advance(1);
  expect(probe.takeLog()).toEqual(["tick"]);
  // The probe sets the period to 0 in its first tick.
  probe.host.advance(1000);
  expect(probe.takeLog()).toEqual([]);
});

test("posted work runs on a clean stack, after the VM call that posted it", () => {
  const probe = ProbeHost.start();
  probe.host.vm.stats.reset();
  expect(probe.run("post;log:posted;post;log:posted again")).toEqual([
    "posted 0",
    "-- posted",
    "posted 0",
    "-- posted again",
  ]);
  expect(probe.host.vm.stats.peakNesting).toBe(1);
});

describe("workers", () => {
  test("have each a VM, and a queue of the last that registered it", () => {
    const register = callback(
      "on_configure",
      2,
      "(drop (call $register (i32.const 80) (i32.const 5) (i32.const 0)))",
      1,
    );
    const enqueue = onData("(drop (call $enqueue (i32.const 1) (i32.const 0) (i32.const 0)))");
    const module = watModule(register + enqueue + callback("on_queue_ready", 2, LOG));
    const host = new TestHost({ module, workers: 2 });
    const client = host.connect({ worker: 0 });
    host.runUntilIdle();
    client.send(Buffer.from("x"));
    host.runUntilIdle();
    expect(host.logged()).toHaveLength(1);
    const calls = host.workers.map(({ vm }) => vm.stats.hostCalls["proxy_log"]);
    expect(calls).toEqual([0, 1]);
  });

  test("share clusters, and connections stay with their worker", () => {
    const probe = ProbeHost.start({ workers: 2 });
    const clients = [0, 1].map((worker) => probe.connect(worker));
    for (const client of clients) probe.run("replace:hello;continue", client);
    expect(clients.map(({ received }) => received.toString())).toEqual(["hello", "hello"]);
    const calls = probe.host.workers.map(({ vm }) => vm.stats.hostCalls["proxy_continue_stream"]);
    expect(calls).toEqual([1, 1]);
  });

  test("of an index that does not exist accept nothing", () => {
    expect(() => new TestHost({ module: PROBE_MODULE }).connect({ worker: 1 })).toThrow(
      "no worker 1",
    );
  });
});

describe("a context that is gone", () => {
  test("cannot be made effective any more, from the next event on", () => {
    const logUnlessEffective = `(if (call $effective (i32.const 2)) (then ${LOG}))`;
    const host = new TestHost({ module: watModule(onData(logUnlessEffective)) });
    const [first, second] = [host.connect(), host.connect()];
    host.runUntilIdle();
    second.send(Buffer.from("x"));
    host.runUntilIdle();
    expect(host.logged()).toHaveLength(0);
    first.reset();
    second.send(Buffer.from("x"));
    host.runUntilIdle();
    expect(host.logged()).toHaveLength(1);
  });

  test("is counted no more", () => {
    const probe = ProbeHost.start();
    const client = probe.connect();
    expect(probe.host.workers[0]?.contextCount).toBe(2);
    client.reset();
    probe.host.runUntilIdle();
    expect(probe.host.workers[0]?.contextCount).toBe(1);
  });
});
