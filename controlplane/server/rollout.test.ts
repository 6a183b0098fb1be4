import { describe, expect, test } from "vitest";
import { type Canary, DEFAULT_SETTINGS } from "../ir/protocol.js";
import type { PluginVersion } from "../translate/ir-to-xds/plugin-version.js";
import { dialNameOf } from "../translate/ir-to-xds/translate-to-xds.js";
import type { VariantNode } from "../xds/snapshot.js";
import { versionFor } from "./rollout.js";

const SOURCE = {
  url: "oci://r.example/a:2",
  sha256: undefined,
  isVolatile: false,
  publicKey: undefined,
};

function version(name: string, canary?: Omit<Canary, "source">): PluginVersion {
  const digest = name.padEnd(64, "0");
  return {
    protocol: {
      name: "acme",
      module: "acme",
      settings: DEFAULT_SETTINGS,
      ...(canary && { canary: { ...canary, source: SOURCE } }),
    },
    module: { name: "acme", digest, code: new Uint8Array() },
    digest,
  };
}

function node(fields: Partial<VariantNode> = {}): VariantNode {
  return { id: "edge-1", labels: {}, refuses: () => false, ...fields };
}

const refusing = (...versions: readonly PluginVersion[]): Pick<VariantNode, "refuses"> => ({
  refuses: (name) => versions.some((each) => dialNameOf(each) === name),
});

describe("the version that a proxy gets", () => {
  const stable = version("aa");
  const former = [version("bb"), version("cc")];
  const canary = version("dd", { labels: { track: "canary", zone: "a" }, percent: 100 });

  test("is the canary with all of its labels, and only then", () => {
    const versions = { stable, canary, former };
    const labels = { track: "canary", zone: "a", app: "x" };
    expect(versionFor(versions, node({ labels }))).toBe(canary);
    expect(versionFor(versions, node({ labels: { track: "canary" } }))).toBe(stable);
    expect(versionFor(versions, node({ labels: { ...labels, zone: "b" } }))).toBe(stable);
    expect(versionFor({ stable, canary: undefined, former }, node({ labels }))).toBe(stable);
  });

  test("is what it does not refuse: canary, stable, and what was before", () => {
    const versions = { stable, canary, former };
    const labels = { track: "canary", zone: "a" };
    const given = (...refused: readonly PluginVersion[]): PluginVersion =>
      versionFor(versions, node({ labels, ...refusing(...refused) }));
    expect(given(canary)).toBe(stable);
    expect(given(canary, stable)).toBe(former[0]);
    expect(given(canary, stable, version("bb"))).toBe(former[1]);
    // Nothing that it would take: it keeps what it has.
    expect(given(canary, stable, ...former)).toBe(stable);
  });

  test("is the canary for about as many as it says, the same ones and more as it grows", () => {
    const chosen = (percent: number): string[] => {
      const each = version("dd", { labels: {}, percent });
      return Array.from({ length: 2_000 }, (_, index) => `edge-${String(index)}`).filter(
        (id) => versionFor({ stable, canary: each, former }, node({ id })) === each,
      );
    };
    expect(chosen(0)).toEqual([]);
    expect(chosen(100)).toHaveLength(2_000);
    const [few, more] = [chosen(10), chosen(30)];
    expect(few.length).toBeGreaterThan(140);
    expect(few.length).toBeLessThan(260);
    expect(more).toEqual(expect.arrayContaining(few));
    expect(chosen(10)).toEqual(few);
  });
});
