import { describe, expect, it } from "vitest";
import type { ObjectStatus } from "../kubernetes/status-writer.js";
import { withFormerProgress } from "./former-progress.js";

function status(asking: number, acknowledged: number, { refused = 0, generation = 1 } = {}) {
  const isDone = asking === acknowledged;
  return {
    observedGeneration: generation,
    conditions: [
      condition("Accepted", "True", generation),
      condition("Programmed", isDone ? "True" : "False", generation),
    ],
    proxies: { asking, acknowledged, refused },
    programmed: `${acknowledged}/${asking}`,
  } satisfies ObjectStatus;
}

function condition(type: string, is: "True" | "False", observedGeneration: number) {
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  return { type, status: is, reason: "R", message: "", observedGeneration, lastTransitionTime };
}

describe("what was said of proxies before", () => {
  it.each([
    ["proxies are missing", status(1, 1)],
    ["proxies have yet to answer once more", status(3, 2)],
    ["nobody is there", status(0, 0)],
  ])("stays while %s", (_, now) => {
    expect(withFormerProgress(now, status(3, 3))).toEqual(status(3, 3));
  });

  it("leaves everything else as it is now", () => {
    const now = { ...status(1, 1), warnings: ["new"] };
    expect(withFormerProgress(now, status(3, 3))).toEqual({ ...status(3, 3), warnings: ["new"] });
  });

  it.each([
    ["there are as many", status(3, 3), status(3, 3)],
    ["there are more", status(4, 3), status(3, 3)],
    ["one refuses it", status(2, 1, { refused: 1 }), status(3, 3)],
    ["it was of another generation", status(1, 1, { generation: 2 }), status(3, 3)],
    ["there was nothing", status(1, 1), undefined],
    ["there was no such thing", status(1, 1), { conditions: "none", proxies: { asking: 7 } }],
  ])("does not count when %s", (_, now, former) => {
    expect(withFormerProgress(now, former)).toBe(now);
  });
});
