import { describe, expect, it } from "vitest";
import { BoundedCache } from "./bounded-cache.js";

describe("a bounded cache", () => {
  it("makes again what has not been used for longest, when there is no room for all", () => {
    const made: string[] = [];
    const cache = new BoundedCache<string>(3, (_key, value) => value.length);
    const get = (key: string, value: string): string =>
      cache.get(key, () => {
        made.push(key);
        return value;
      });
    get("a", "1");
    get("b", "1");
    get("c", "1");
    get("a", "1");
    get("d", "1");
    expect(made).toEqual(["a", "b", "c", "d"]);
    get("a", "1");
    get("c", "1");
    expect(made).toEqual(["a", "b", "c", "d"]);
    get("b", "1");
    expect(made).toEqual(["a", "b", "c", "d", "b"]);
  });

  it("returns what is too large to be kept", () => {
    const cache = new BoundedCache<string>(3, (_key, value) => value.length);
    expect(cache.get("a", () => "12345")).toBe("12345");
    expect(cache.get("a", () => "6")).toBe("6");
  });
});
