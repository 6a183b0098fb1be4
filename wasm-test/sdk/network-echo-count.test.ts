// The example network-echo-count on the host emulator.

import { beforeEach, describe, expect, it } from "vitest";

import { LogLevel, TestHost } from "../host/index.js";
import { builtModule } from "../modules/built-module.js";

const MODULE = await builtModule("network-echo-count");

let host: TestHost;

beforeEach(() => {
  host = new TestHost({ module: MODULE, permit: ["request-echoed"] });
});

const counter = (name: string) => Number(host.metrics.counters.get(`echo_count.${name}`));
const gauge = (name: string) => Number(host.metrics.gauges.get(`echo_count.${name}`));

describe("network-echo-count", () => {
  it("passes bytes through, counts them, and logs once when the connection closes", () => {
    const client = host.connect();
    host.runUntilIdle();
    client.send(Buffer.from("hello "));
    host.runUntilIdle();
    client.send(Buffer.from("world"));
    host.runUntilIdle();
    expect(client.received.toString()).toBe("hello world");
    expect(counter("downstream_rx_bytes_total")).toBe(11);
    expect(counter("downstream_tx_bytes_total")).toBe(11);
    expect(gauge("downstream_cx_active")).toBe(1);
    expect(host.logged()).toEqual([]);
    client.close();
    host.runUntilIdle();
    expect(gauge("downstream_cx_active")).toBe(0);
    expect(counter("downstream_cx_total")).toBe(1);
    expect(host.logged(LogLevel.Info)).toEqual([
      `connection ${String(client.contextId)}: 11 bytes in, 11 bytes out`,
    ]);
  });

  it("keeps its memory constant over 100,000 connections, by collecting at its ticks", () => {
    const connections = (count: number) => {
      for (let i = 0; i < count; i++) {
        const client = host.connect();
        host.runUntilIdle();
        client.send(Buffer.from("x"));
        client.close();
        host.runUntilIdle();
        if (i % 1000 === 0) host.advance(10_000);
      }
    };
    connections(5000);
    const size = host.vm.memory.sizeBytes;
    connections(95_000);
    expect(host.vm.memory.sizeBytes).toBe(size);
    expect(counter("downstream_cx_total")).toBe(100_000);
    expect(host.workers[0]?.contextCount).toBe(1);
  });
});
