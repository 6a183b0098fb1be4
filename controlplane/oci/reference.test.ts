import { describe, expect, test } from "vitest";
import { formatReference, isLoopback, parseReference, versionOf } from "./reference.js";

const DIGEST = `sha256:${"0a".repeat(32)}`;

describe("a reference", () => {
  test.each([
    ["oci://registry.example/team/dubbo:1.0", "registry.example/team/dubbo:1.0", "1.0"],
    ["registry.example/a/b/c", "registry.example/a/b/c", "latest"],
    ["localhost/dubbo:x", "localhost/dubbo:x", "x"],
    ["127.0.0.1:5000/dubbo", "127.0.0.1:5000/dubbo", "latest"],
    ["[::1]:5000/dubbo:x", "[::1]:5000/dubbo:x", "x"],
    [`registry.example/dubbo@${DIGEST}`, `registry.example/dubbo@${DIGEST}`, DIGEST],
    [`registry.example/dubbo:1@${DIGEST}`, `registry.example/dubbo:1@${DIGEST}`, DIGEST],
    ["docker.io/dubbo:1", "docker.io/library/dubbo:1", "1"],
  ])("%s is %s and asks for %s", (text, formatted, version) => {
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(formatted);
    expect(versionOf(reference)).toBe(version);
  });

  test.each([
    ["dubbo:1.0", "must begin with a registry"],
    ["team/dubbo", "must begin with a registry"],
    ["https://registry.example/dubbo", "must begin with a registry"],
    ["oci://user:secret@registry.example/dubbo", "must begin with a registry"],
    ["registry.example/Team/dubbo", "the repository must consist of"],
    ["registry.example/", "the repository must consist of"],
    ["registry.example/../dubbo", "the repository must consist of"],
    ["registry.example/dubbo:", "the tag must consist of"],
    ["registry.example/dubbo:a/b", "the tag must consist of"],
    ["registry.example/dubbo@sha256:00", "64 hexadecimal digits"],
    ["registry.example/dubbo@md5:00", "64 hexadecimal digits"],
    [`registry.example/${"a".repeat(2_000)}`, "longer than 1024"],
  ])("%s is none", (text, reason) => {
    expect(() => parseReference(text)).toThrow(reason);
  });

  test.each([
    ["localhost", true],
    ["localhost:5000", true],
    ["127.1.2.3:5000", true],
    ["[::1]:5000", true],
    ["127.0.0.1.example", false],
    ["localhost.example:5000", false],
    ["10.0.0.1", false],
  ])("%s on this machine: %s", (registry, expected) => {
    expect(isLoopback(registry)).toBe(expected);
  });
});
