import { describe, expect, it } from "vitest";
import { hasOperators, textFormatFault, withoutLoneSigns } from "./text-format.js";

describe("a text with operators", () => {
  it.each([
    ["no operators", "plain", false],
    ["one", "%ROUTE_NAME%", true],
    ["one with an argument and a length", "a%ATTR(x-user)%b%ATTR(y):10%", true],
    ["a percent sign", "100%%", false],
  ])("with %s is right", (_, format, has) => {
    expect(textFormatFault(format, "request")).toBeUndefined();
    expect(hasOperators(format)).toBe(has);
    expect(withoutLoneSigns(format)).toBe(format);
  });

  it("may not have what is known only later", () => {
    expect(textFormatFault("%DURATION%", "request")).toContain("unknown operator `%DURATION%`");
    expect(textFormatFault("%DURATION%", "end")).toBeUndefined();
  });

  it("may have lone percent signs where Aeraki's texts may", () => {
    expect(textFormatFault("50% or 100%", "request")).toContain("must be written `%%`");
    expect(textFormatFault("50% or 100%", "request", true)).toBeUndefined();
    expect(withoutLoneSigns("50% of %ROUTE_NAME%, %%")).toBe("50%% of %ROUTE_NAME%, %%");
  });
});
