import { describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS, type ModuleSettings } from "../../ir/protocol.js";
import type { ModuleVersion } from "./module-version.js";
import { pluginVersions } from "./plugin-version.js";

const CODE: ModuleVersion = { name: "line", digest: "a".repeat(64), code: new Uint8Array() };

function digestOf(settings: ModuleSettings, module = CODE): string | undefined {
  const protocol = { name: "orders", module: "line", settings };
  return pluginVersions([protocol], new Map([["line", module]]))[0]?.digest;
}

describe("the digest of a plugin", () => {
  test("is that of the code without settings, and covers both with them", () => {
    expect(digestOf(DEFAULT_SETTINGS)).toBe(CODE.digest);
    const settings = { ...DEFAULT_SETTINGS, limits: { maxRequests: 1 } };
    const digest = digestOf(settings);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(digest).not.toBe(CODE.digest);
    expect(digestOf({ ...settings })).toBe(digest);
    expect(digestOf(settings, { ...CODE, digest: "b".repeat(64) })).not.toBe(digest);
  });

  test("differs with every setting", () => {
    const variants: ModuleSettings[] = [
      DEFAULT_SETTINGS,
      { ...DEFAULT_SETTINGS, connectionMode: "shared" },
      { ...DEFAULT_SETTINGS, connectionMode: "inOrder" },
      { ...DEFAULT_SETTINGS, connectionMode: "exclusive" },
      { ...DEFAULT_SETTINGS, limits: { maxFrameBytes: 1 } },
      { ...DEFAULT_SETTINGS, limits: { maxRequestsPerDownstreamConnection: 1 } },
      { ...DEFAULT_SETTINGS, limits: { maxRequestsPerUpstreamConnection: 1 } },
      { ...DEFAULT_SETTINGS, limits: { maxRequests: 1 } },
      { ...DEFAULT_SETTINGS, limits: { maxPendingRequests: 1 } },
      { ...DEFAULT_SETTINGS, limits: { maxConnections: 1 } },
      { ...DEFAULT_SETTINGS, limits: { maxBufferedBytes: 1 } },
      { ...DEFAULT_SETTINGS, limits: { maxRequestsAwaitingRoutes: 1 } },
      { ...DEFAULT_SETTINGS, defaultTimeoutMs: 0 },
      { ...DEFAULT_SETTINGS, defaultTimeoutMs: 1 },
      { ...DEFAULT_SETTINGS, connectTimeoutMs: 1 },
      { ...DEFAULT_SETTINGS, upstreamHeartbeatMs: 0 },
      { ...DEFAULT_SETTINGS, upstreamIdleTimeoutMs: 1 },
      { ...DEFAULT_SETTINGS, initialFetchTimeoutMs: 1 },
      { ...DEFAULT_SETTINGS, codecConfiguration: "AA==" },
    ];
    const digests = variants.map((settings) => digestOf(settings));
    expect(new Set(digests).size).toBe(variants.length);
  });

  test("a protocol whose module is not at hand has none", () => {
    const protocol = { name: "orders", module: "none", settings: DEFAULT_SETTINGS };
    expect(pluginVersions([protocol], new Map([["line", CODE]]))).toEqual([]);
  });
});
