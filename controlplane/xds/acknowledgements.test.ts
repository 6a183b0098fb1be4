import { describe, expect, it } from "vitest";
import { acknowledgements, measuredBy, type Progress, ProgressState } from "./acknowledgements.js";

const { NotAsked, Accepted, Pending, Refused } = ProgressState;

/** @param states by node, of `a` and `b`. */
function progress(states: Readonly<Record<string, readonly number[]>>, version = "1"): Progress {
  const nodes = Object.entries(states).map(([node, of]) => [node, Uint8Array.from(of)] as const);
  return {
    names: ["a", "b"],
    versions: [version, version],
    nodes: new Map(nodes),
    refusals: new Map(
      nodes.flatMap(([node, of]) =>
        of[0] === Refused ? [["a", [{ node, message: `of ${node}` }]] as const] : [],
      ),
    ),
  };
}

describe("what several control planes know of proxies", () => {
  it("counts a proxy once, which is as far as the last of its streams", () => {
    const one = progress({ p: [Accepted, Accepted], q: [Accepted, NotAsked] });
    const two = progress({ p: [Pending, Accepted], r: [Refused, NotAsked] });
    expect(acknowledgements([one, two])).toEqual(
      new Map([
        ["a", { proxies: 3, accepted: 1, refused: 1, refusals: [{ node: "r", message: "of r" }] }],
        ["b", { proxies: 1, accepted: 1, refused: 0, refusals: [] }],
      ]),
    );
  });

  it("puts together by name what is numbered in different ways", () => {
    const one = progress({ p: [Accepted, Pending] });
    const two: Progress = {
      names: ["b", "c"],
      versions: ["1", "1"],
      nodes: new Map([["q", Uint8Array.of(Accepted, Pending)]]),
      refusals: new Map(),
    };
    const counts = [...acknowledgements([one, two])].map(([name, { proxies, accepted }]) => [
      name,
      `${accepted}/${proxies}`,
    ]);
    expect(Object.fromEntries(counts)).toEqual({ a: "1/1", b: "1/2", c: "0/1" });
  });

  it("takes what was made of another version for something that is to come", () => {
    const of = progress({ p: [Accepted, Accepted], q: [Refused, NotAsked] });
    const measured = measuredBy(of, (name) => (name === "a" ? "2" : "1"));
    expect(measured.nodes).toEqual(
      new Map([
        ["p", Uint8Array.of(Pending, Accepted)],
        ["q", Uint8Array.of(Pending, NotAsked)],
      ]),
    );
    expect(measured.refusals).toEqual(new Map());
    expect(measuredBy(of, () => "1")).toBe(of);
  });

  it("is nothing for nobody", () => {
    expect(acknowledgements([])).toEqual(new Map());
  });
});
