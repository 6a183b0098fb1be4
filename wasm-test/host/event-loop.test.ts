import { describe, expect, it } from "vitest";

import { EventLoop } from "./event-loop.js";

const START_NS = 1_000_000_000n;

describe("turns", () => {
  it("run in the order they were posted, those posted meanwhile last", () => {
    const loop = new EventLoop(START_NS);
    const seen: string[] = [];
    loop.post(() => {
      seen.push("first");
      loop.post(() => seen.push("third"));
    });
    loop.post(() => seen.push("second"));
    expect(loop.runUntilIdle()).toBe(3);
    expect(seen).toEqual(["first", "second", "third"]);
  });

  it("end with what was left for their end, also when they throw", () => {
    const loop = new EventLoop(START_NS);
    const seen: string[] = [];
    loop.post(() => {
      loop.atEndOfTurn(() => seen.push("end"));
      throw new Error("turn failed");
    });
    loop.post(() => seen.push("next turn"));
    expect(() => loop.runUntilIdle()).toThrow("turn failed");
    loop.runUntilIdle();
    expect(seen).toEqual(["end", "next turn"]);
  });

  it("that never end are noticed", () => {
    const loop = new EventLoop(START_NS);
    const again = () => {
      loop.post(again);
    };
    again();
    expect(() => loop.runUntilIdle(1000)).toThrow("still busy after 1000 turns");
  });
});

describe("timers", () => {
  it("fire at their own time, in the order of their times", () => {
    const loop = new EventLoop(START_NS);
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name} ${String(loop.nowNs - START_NS)}`);
    loop.setTimer(20, note("late"));
    loop.setTimer(10, note("early"));
    loop.setTimer(10, note("early, set later"));
    loop.advance(9);
    expect(seen).toEqual([]);
    loop.advance(100);
    expect(seen).toEqual(["early 10000000", "early, set later 10000000", "late 20000000"]);
    expect(loop.nowNs).toBe(START_NS + 109_000_000n);
  });

  it("that are set by a timer fire within the same advance when they are due", () => {
    const loop = new EventLoop(START_NS);
    let count = 0;
    const tick = () => {
      count++;
      loop.setTimer(10, tick);
    };
    loop.setTimer(10, tick);
    loop.advance(1000);
    expect(count).toBe(100);
  });

  it("that are cancelled do not fire", () => {
    const loop = new EventLoop(START_NS);
    let fired = false;
    const timer = loop.setTimer(1, () => (fired = true));
    timer.cancel();
    timer.cancel();
    loop.advance(10);
    expect(fired).toBe(false);
  });

  it("take fractions of a millisecond", () => {
    const loop = new EventLoop(START_NS);
    loop.advance(0.25);
    expect(loop.nowNs).toBe(START_NS + 250_000n);
  });
});
