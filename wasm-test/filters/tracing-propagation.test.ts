// Contexts of traces: which are understood, and what the server gets.
import { describe, expect, it } from "vitest";
import { dubboRequest } from "../envoy/support/dubbo-wire.js";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { TraceCollector } from "./trace-collector.js";
import { ALWAYS, TracedMesh, tracedBy } from "./traced-mesh.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const LOW = "a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

describe("without a context", () => {
  it("a trace begins, and the server learns of it", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.call({ user: "gold" });
    const { traceId, spanId, parentSpanId } = traced.collector.span;
    expect(parentSpanId).toBe("");
    expect(traced.received).toEqual({
      user: "gold",
      traceparent: `00-${traceId}-${spanId}-01`,
    });
  });

  it("one that is not recorded goes on as such, so that nobody behind decides anew", () => {
    const traced = new TracedMesh({ perMillion: 0, b3: true });
    traced.call({ tracestate: "a=1", "x-b3-parentspanid": PARENT });
    expect(traced.received).toEqual({
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/) as string,
      "x-b3-traceid": expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      "x-b3-spanid": expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      "x-b3-sampled": "0",
    });
    expect(traced.collector.spans).toEqual([]);
  });

  it("and without a place for one the span is made, and counted what could not be written", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS }, FRAMED);
    traced.call();
    expect(traced.collector.spans).toHaveLength(1);
    expect(traced.mesh.stat("mutation_skipped")).toBe(1);
  });

  it("Dubbo has one among its attachments", () => {
    const collector = new TraceCollector();
    const provider = new Provider("v1");
    const traced = tracedBy(collector, { perMillion: ALWAYS });
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, ...traced });
    mesh.connect().request({ id: 1n, method: "sayHello", attachments: { user: "gold" } });
    mesh.host.advance(1200);
    const { traceId, spanId } = collector.span;
    const traceparent = `00-${traceId}-${spanId}-01`;
    const [request] = provider.requests.filter(({ frame }) => !frame.isEvent);
    const wanted = dubboRequest({
      id: request?.frame.id ?? 0n,
      method: "sayHello",
      attachments: { user: "gold", traceparent },
    });
    expect(request?.frame.body.toString("latin1")).toBe(wanted.subarray(16).toString("latin1"));
  });
});

describe("W3C's context", () => {
  it("makes the span a child, and goes on with its state", () => {
    const traced = new TracedMesh({ perMillion: 0 });
    traced.call({ TraceParent: TRACEPARENT, tracestate: "rojo=1,congo=2" });
    const { span } = traced.collector;
    expect(span).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
      traceState: "rojo=1,congo=2",
      flags: 1,
    });
    const headers = Object.entries(traced.received).map(([key, value]) => [
      key.toLowerCase(),
      value,
    ]);
    expect(Object.fromEntries(headers)).toEqual({
      traceparent: `00-${TRACE}-${span.spanId}-01`,
      tracestate: "rojo=1,congo=2",
    });
  });

  it("that is not recorded passes untouched, whatever is asked for here", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS, b3: true });
    const headers = { traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: "a=1" };
    traced.call(headers);
    expect(traced.received).toEqual(headers);
    expect(traced.collector.spans).toEqual([]);
    expect(traced.mesh.stat("mutation_skipped")).toBe(0);
  });

  it("of a later version goes on in this one", () => {
    const traced = new TracedMesh({});
    traced.call({ traceparent: `cc-${TRACE}-${PARENT}-03-later` });
    const { span } = traced.collector;
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, flags: 3 });
    expect(traced.received.traceparent).toBe(`00-${TRACE}-${span.spanId}-03`);
  });

  it.each([
    ["zeros", `00-${"0".repeat(32)}-${PARENT}-01`],
    ["upper case", TRACEPARENT.toUpperCase()],
    ["too short", TRACEPARENT.slice(0, -1)],
    ["too long", `${TRACEPARENT}-x`],
    ["nothing", ""],
    ["a lot", "0".repeat(5000)],
  ])("that is none begins a trace: %s", (_, traceparent) => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.call({ traceparent, tracestate: "a=1" });
    const { span } = traced.collector;
    expect(span).toMatchObject({ parentSpanId: "", traceState: "" });
    expect(span.traceId).not.toBe(TRACE);
    expect(traced.received).toEqual({ traceparent: `00-${span.traceId}-${span.spanId}-01` });
  });

  it("has a long state cut between two members", () => {
    const traced = new TracedMesh({});
    const state = Array.from({ length: 30 }, (_, i) => `k${String(i)}=${"v".repeat(20)}`).join(",");
    traced.call({ traceparent: TRACEPARENT, tracestate: state });
    const { traceState } = traced.collector.span;
    expect(traceState.length).toBeLessThanOrEqual(512);
    expect(state.startsWith(`${traceState},`)).toBe(true);
  });
});

describe("B3", () => {
  const SEPARATE = { "x-b3-traceid": TRACE, "x-b3-spanid": PARENT, "x-b3-sampled": "1" };

  it("in one header goes on in one, besides W3C's", () => {
    const traced = new TracedMesh({});
    traced.call({ b3: `${TRACE}-${PARENT}-1-00000000000000aa` });
    const { span } = traced.collector;
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    expect(traced.received).toEqual({
      traceparent: `00-${TRACE}-${span.spanId}-01`,
      b3: `${TRACE}-${span.spanId}-1`,
    });
  });

  it("in several headers goes on in several", () => {
    const traced = new TracedMesh({});
    traced.call({ ...SEPARATE, "x-b3-parentspanid": "00000000000000aa" });
    const { span } = traced.collector;
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    expect(traced.received).toEqual({
      traceparent: `00-${TRACE}-${span.spanId}-01`,
      "x-b3-traceid": TRACE,
      "x-b3-spanid": span.spanId,
      "x-b3-parentspanid": PARENT,
      "x-b3-sampled": "1",
    });
  });

  it("of 64 bits keeps its id", () => {
    const traced = new TracedMesh({});
    traced.call({ ...SEPARATE, "x-b3-traceid": LOW });
    expect(traced.collector.span.traceId).toBe(`${"0".repeat(16)}${LOW}`);
    expect(traced.received["x-b3-traceid"]).toBe(LOW);
  });

  it("that decides nothing is decided here, and goes on decided", () => {
    const b3 = `${TRACE}-${PARENT}`;
    const recorded = new TracedMesh({ perMillion: ALWAYS });
    recorded.call({ b3 });
    expect(recorded.received.b3).toBe(`${TRACE}-${recorded.collector.span.spanId}-1`);
    const dropped = new TracedMesh({ perMillion: 0 });
    dropped.call({ b3 });
    expect(dropped.collector.spans).toEqual([]);
    expect(dropped.received.b3).toMatch(new RegExp(`^${TRACE}-[0-9a-f]{16}-0$`));
  });

  it("that only decides is followed", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.call({ b3: "0" });
    expect(traced.received).toEqual({ b3: "0" });
    expect(traced.collector.spans).toEqual([]);
    const recorded = new TracedMesh({ perMillion: 0 });
    recorded.call({ "x-b3-flags": "1" });
    expect(recorded.collector.span.parentSpanId).toBe("");
    expect(recorded.received).toMatchObject({ "x-b3-flags": "1" });
    expect(recorded.received).not.toHaveProperty("x-b3-sampled");
  });

  it("is written besides W3C's where that is asked for", () => {
    const traced = new TracedMesh({ b3: true });
    traced.call({ traceparent: TRACEPARENT, b3: `${TRACE}-${PARENT}-1`, "x-b3-flags": "1" });
    const { span } = traced.collector;
    expect(traced.received).toEqual({
      traceparent: `00-${TRACE}-${span.spanId}-01`,
      // Receivers prefer it to the other form: it must not tell of another span.
      b3: `${TRACE}-${span.spanId}-1`,
      "x-b3-traceid": TRACE,
      "x-b3-spanid": span.spanId,
      "x-b3-parentspanid": PARENT,
      "x-b3-sampled": "1",
    });
  });

  it("gives way to W3C's", () => {
    const traced = new TracedMesh({});
    traced.call({ ...SEPARATE, "x-b3-traceid": "f".repeat(32), traceparent: TRACEPARENT });
    expect(traced.collector.span.traceId).toBe(TRACE);
  });
});
