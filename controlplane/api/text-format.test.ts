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
    for (const later of ["%UPSTREAM_HOST%", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"]) {
      expect(textFormatFault(later, "request")).toContain("unknown operator");
      expect(textFormatFault(later, "response")).toBeUndefined();
    }
    for (const last of ["%DURATION%", "%TRACE_ID%", "%SPAN_ID%"])
      expect(textFormatFault(last, "response")).toContain("unknown operator");
  });

  it.each([
    ["%ROUTE_NAME(x)%", "`%ROUTE_NAME(x)%` takes nothing in parentheses"],
    ["%ATTR()%", "`%ATTR()%` must name an attribute, such as `%ATTR(method)%`"],
    [`%ATTR(${"a".repeat(257)})%`, "must not name an attribute of more than 256 bytes"],
    ["%START_TIME(%F %Q)%", "`%START_TIME(%F %Q)%` has no conversion `%Q`"],
    ["%START_TIME(%3)%", "`%START_TIME(%3)%` has no conversion `%3`"],
    [`%START_TIME(${"a".repeat(65)})%`, "must not have a format of more than 64 bytes"],
    ["%ROUTE_NAME:0%", "`%ROUTE_NAME:0%` must have a length from 1 to 1024"],
    ["%ROUTE_NAME:1025%", "`%ROUTE_NAME:1025%` must have a length from 1 to 1024"],
    ["%PROTOCOL%".repeat(65), "must not have more than 64 operators"],
  ])("is refused where a module would refuse it: %s", (format, fault) => {
    expect(textFormatFault(format, "end")).toContain(fault);
  });

  it.each([
    "%START_TIME%",
    "%START_TIME(%F %T.%3f%z %%)%",
    `%ATTR(${"a".repeat(256)}):1024%`,
    "%PROTOCOL%".repeat(64),
  ])("may have all that modules read: %s", (format) => {
    expect(textFormatFault(format, "end")).toBeUndefined();
  });

  it("may have lone percent signs where Aeraki's texts may", () => {
    expect(textFormatFault("50% or 100%", "request")).toContain("must be written `%%`");
    expect(textFormatFault("50% or 100%", "request", true)).toBeUndefined();
    expect(withoutLoneSigns("50% of %ROUTE_NAME%, %%")).toBe("50%% of %ROUTE_NAME%, %%");
  });
});
