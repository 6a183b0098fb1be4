import { expect, test } from "vitest";
import { formatSocketAddress, parseSocketAddress } from "./socket-address.js";

test.each([
  ["127.0.0.1:18000", "127.0.0.1", 18000, "127.0.0.1:18000"],
  ["control-plane.mesh:1", "control-plane.mesh", 1, "control-plane.mesh:1"],
  [":18000", "127.0.0.1", 18000, "127.0.0.1:18000"],
  ["[::1]:65535", "::1", 65535, "[::1]:65535"],
])("%s", (text, host, port, formatted) => {
  expect(parseSocketAddress(text)).toEqual({ host, port });
  expect(formatSocketAddress(parseSocketAddress(text))).toBe(formatted);
});

test.each(["", "18000", "host:", "host:65536", "host:-1", "::1:80", "a b:1", "host:1x"])(
  "%j is refused",
  (text) => {
    expect(() => parseSocketAddress(text)).toThrow(JSON.stringify(text));
  },
);
