import { describe, expect, it } from "vitest";
import { numbersIn, rangesOf } from "./number-ranges.js";

describe("ranges of numbers", () => {
  it.each([
    [[], ""],
    [[0], "0"],
    [[0, 1, 2], "0-2"],
    [[0, 2, 3, 9], "0,2-3,9"],
  ])("of %j are %j, and are read back", (numbers, text) => {
    expect(rangesOf(numbers)).toBe(text);
    expect(numbersIn(text, 10)).toEqual(numbers);
  });

  it.each(["10", "0-10", "3-2", "2,1", "1,1", "a", "1-", "-1", "1.5", "9999999999", " 1"])(
    "refuses %j, since ten there are",
    (text) => {
      expect(() => numbersIn(text, 10)).toThrow("is no range below 10");
    },
  );
});
