import { describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS } from "../ir/protocol.js";
import type { PluginVersion } from "../translate/ir-to-xds/plugin-version.js";
import { PluginRollout } from "./plugin-rollout.js";

const TIMES = { stageMs: 10_000, deadlineMs: 60_000 };

function version(letter: string): PluginVersion {
  const digest = letter.repeat(64);
  const protocol = { name: "dubbo", module: "dubbo", settings: DEFAULT_SETTINGS };
  return { protocol, digest, module: { name: "dubbo", digest, code: new Uint8Array() } };
}

function running(...plugins: readonly (readonly [string, ...string[]])[]) {
  return new Map(
    plugins.map(([letter, ...nodes]) => [`metaproto.dubbo.${letter.repeat(12)}`, new Set(nodes)]),
  );
}

const [a, b] = [version("a"), version("b")];

/** With `a` in use, `b` begins at 0. */
function upgrade(isForSome = false, isRecovered = false): PluginRollout {
  const rollout = new PluginRollout(TIMES, a, isForSome);
  rollout.want(b, 0, new Map(), isRecovered);
  return rollout;
}

describe("a new version of a plugin", () => {
  test("is used at once where there was none before", () => {
    const rollout = new PluginRollout(TIMES, undefined, false);
    expect(rollout.want(a, 0, new Map())).toBe(true);
    expect(rollout.current).toBe(a);
    expect(rollout.want({ ...a }, 1, new Map())).toBe(false);
  });

  test("is used when it was there long enough, if nobody runs the one before", () => {
    const rollout = upgrade();
    expect([rollout.current, rollout.next]).toEqual([a, b]);
    expect(rollout.advance(9_999, new Map())).toBe(false);
    expect(rollout.advance(10_000, new Map())).toBe(true);
    expect([rollout.current, rollout.next]).toEqual([b, undefined]);
  });

  test("waits for all proxies that run the one before", () => {
    const rollout = upgrade();
    expect(rollout.advance(20_000, running(["a", "one", "two"], ["b", "one"]))).toBe(false);
    expect(rollout.advance(20_001, running(["a", "one", "two"], ["b", "one", "two"]))).toBe(true);
  });

  test("waits for each plugin of a proxy: that of outbound and those of inbound listeners", () => {
    const rollout = upgrade();
    const plugins = new Map([
      ["metaproto.dubbo.aaaaaaaaaaaa", new Set(["one"])],
      ["metaproto.dubbo.inbound.12345678.aaaaaaaaaaaa", new Set(["one"])],
      ["metaproto.dubbo.bbbbbbbbbbbb", new Set(["one"])],
    ]);
    expect(rollout.advance(20_000, plugins)).toBe(false);
    plugins.set("metaproto.dubbo.inbound.12345678.bbbbbbbbbbbb", new Set(["one"]));
    expect(rollout.advance(20_000, plugins)).toBe(true);
  });

  test("is used after the deadline where some run it: others may be connected to another replica", () => {
    const some = running(["a", "one", "two"], ["b", "one"]);
    const rollout = upgrade();
    expect(rollout.advance(59_999, some)).toBe(false);
    expect(rollout.advance(60_000, some)).toBe(true);
  });

  test("is never used where none runs it, and that is told", () => {
    const none = running(["a", "one", "two"]);
    const rollout = upgrade();
    expect(rollout.faultOf(59_999, none)).toBeUndefined();
    rollout.advance(3_600_000, none);
    expect(rollout.current).toBe(a);
    expect(rollout.faultOf(3_600_000, none)).toBe(
      `none of 2 proxies (one, two) has started it, sha256 ${b.digest}; ` +
        `the version before stays in use, sha256 ${a.digest}`,
    );
    const plugins = new Map([
      ...none,
      ["metaproto.dubbo.inbound.12345678.aaaaaaaaaaaa", new Set(["one"])],
    ]);
    expect(rollout.faultOf(3_600_000, plugins)).toContain("none of 2 proxies (one, two) has");
    expect(rollout.want(a, 3_600_001, none)).toBe(true);
    expect(rollout.faultOf(3_600_001, none)).toBeUndefined();
  });

  test("is taken back for a while where none runs it, and offered again, less and less often", () => {
    const none = running(["a", "one", "two"]);
    const rollout = upgrade();
    const turns: string[] = [];
    for (let second = 1; second <= 1000; second++)
      if (rollout.advance(second * 1000, none))
        turns.push(`${second} ${rollout.next === undefined ? "back" : "offered"}`);
    expect(turns).toEqual(
      ["60 back", "120 offered", "180 back", "300 offered", "360 back", "600 offered"].concat(
        "660 back",
      ),
    );
    expect(rollout.pending).toBe(b);
    expect(rollout.faultOf(1_000_000, none)).toContain("none of 2 proxies");
    // Nothing is used that proxies are not to have, and what was offered again has its time.
    const all = running(["a", "one", "two"], ["b", "one", "two"]);
    expect(rollout.advance(1_001_000, all)).toBe(false);
    expect(rollout.advance(1_140_000, none)).toBe(true);
    expect(rollout.next).toBe(b);
    expect(rollout.advance(1_149_999, all)).toBe(false);
    expect(rollout.advance(1_150_000, all)).toBe(true);
    expect([rollout.current, rollout.pending]).toEqual([b, undefined]);
  });

  test("waits for proxies to come back when the control plane began in the middle of it", () => {
    const rollout = upgrade(false, true);
    expect(rollout.advance(10_000, new Map())).toBe(false);
    expect(rollout.advance(60_000, new Map())).toBe(true);
  });

  test("of canaries waits for one of them, however long that takes", () => {
    const rollout = upgrade(true);
    expect(rollout.advance(3_600_000, running(["a", "one"]))).toBe(false);
    expect(rollout.faultOf(3_600_000, new Map())).toMatch(/^no canary has started it, sha256 b+;/);
    expect(rollout.advance(3_600_000, running(["a", "one"], ["b", "two"]))).toBe(true);
  });
});
