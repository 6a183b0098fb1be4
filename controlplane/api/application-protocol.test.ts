import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { validateResource } from "./kinds.js";

function validate(settings: string) {
  return validateResource(
    parse(`apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: orders }
spec:
  protocol: orders
  codec: dubbo
${settings.replaceAll(/^/gm, "  ")}
`),
  );
}

function settingsOf(settings: string): unknown {
  const validation = validate(settings);
  if (validation.outcome !== "valid" || validation.resource.kind !== "ApplicationProtocol")
    throw new Error(JSON.stringify(validation));
  return validation.resource.spec.settings;
}

function findingsOf(settings: string): string[] {
  const validation = validate(settings);
  const faults = validation.outcome === "invalid" ? validation.faults : [];
  return [...faults, ...validation.warnings].map(({ path, message }) => `${path}: ${message}`);
}

describe("the settings of a protocol", () => {
  it("are all optional", () => {
    expect(findingsOf("")).toEqual([]);
    expect(settingsOf("")).toEqual({});
  });

  it("are what the module's configuration has", () => {
    const yaml = `connectionMode: IN_ORDER
limits:
  maxFrameBytes: 536870912
  maxRequestsPerDownstreamConnection: 2
  maxRequestsPerUpstreamConnection: 3
  maxRequests: 4
  maxPendingRequests: 5
  maxConnections: 6
  maxBufferedBytes: 4294967295
  maxRequestsAwaitingRoutes: 8
defaultTimeout: 0s
connectTimeout: 1.5s
upstreamHeartbeat: 0s
upstreamIdleTimeout: 1m30s
frameTimeout: 45s
streamIdleTimeout: 2m
initialFetchTimeout: 1ms`;
    expect(findingsOf(yaml)).toEqual([]);
    expect(settingsOf(yaml)).toEqual({
      connectionMode: "IN_ORDER",
      limits: {
        maxFrameBytes: 536870912,
        maxRequestsPerDownstreamConnection: 2,
        maxRequestsPerUpstreamConnection: 3,
        maxRequests: 4,
        maxPendingRequests: 5,
        maxConnections: 6,
        maxBufferedBytes: 4294967295,
        maxRequestsAwaitingRoutes: 8,
      },
      defaultTimeoutMs: 0,
      connectTimeoutMs: 1500,
      upstreamHeartbeatMs: 0,
      upstreamIdleTimeoutMs: 90_000,
      frameTimeoutMs: 45_000,
      streamIdleTimeoutMs: 120_000,
      initialFetchTimeoutMs: 1,
    });
  });

  it.each([
    [
      "connectionMode: shared",
      'connectionMode: must be one of SHARED, IN_ORDER, EXCLUSIVE, DEDICATED, not "shared"',
    ],
    ["limits: 5", "limits: must be an object, not 5"],
    [
      "limits: { maxRequests: 0 }",
      "limits.maxRequests: must be an integer from 1 to 4294967295, not 0",
    ],
    [
      "limits: { maxConnections: 4294967296 }",
      "limits.maxConnections: must be an integer from 1 to 4294967295, not 4294967296",
    ],
    [
      "limits: { maxFrameBytes: 536870913, maxBufferedBytes: 4294967295 }",
      "limits.maxFrameBytes: must be an integer from 1 to 536870912, not 536870913",
    ],
    [
      "limits: { maxFrameBytes: 16MiB }",
      'limits.maxFrameBytes: must be an integer from 1 to 536870912, not "16MiB"',
    ],
    ["limits: { maxRequest: 1 }", "limits.maxRequest: unknown field; did you mean `maxRequests`?"],
    ["defaultTimout: 1s", "defaultTimout: unknown field; did you mean `defaultTimeout`?"],
    ["defaultTimeout: 15", "defaultTimeout: must be a string, not 15; put it in quotes"],
    [
      "defaultTimeout: soon",
      "defaultTimeout: must be a duration such as `1.5s` or `100ms`, not `soon`",
    ],
    ["defaultTimeout: 10us", "defaultTimeout: must be `0s` or at least 1ms, not `10us`"],
    ["defaultTimeout: 600h", "defaultTimeout: must be at most 2147483647ms, not `600h`"],
    ["connectTimeout: 0s", "connectTimeout: must be at least 1ms, not `0s`"],
    ["upstreamHeartbeat: 600h", "upstreamHeartbeat: must be at most 2147483647ms, not `600h`"],
    ["upstreamIdleTimeout: 0s", "upstreamIdleTimeout: must be at least 1ms, not `0s`"],
    ["initialFetchTimeout: 0s", "initialFetchTimeout: must be at least 1ms, not `0s`"],
  ])("are refused if wrong: %s", (yaml, finding) => {
    expect(validate(yaml).outcome).toBe("invalid");
    expect(findingsOf(yaml)).toEqual([`spec.${finding}`]);
  });

  it.each([
    [
      "limits: { maxBufferedBytes: 1024 }",
      "limits.maxBufferedBytes: no frame larger than maxBufferedBytes, 1024, gets through; maxFrameBytes is 16777216",
    ],
    [
      "limits: { maxFrameBytes: 536870912 }",
      "limits.maxFrameBytes: no frame larger than maxBufferedBytes, 268435456, gets through; maxFrameBytes is 536870912",
    ],
    [
      "connectionMode: EXCLUSIVE\nlimits: { maxRequestsPerUpstreamConnection: 2 }",
      "limits.maxRequestsPerUpstreamConnection: has no effect with EXCLUSIVE, where it is 1",
    ],
  ])("are accepted with a warning if they contradict each other: %s", (yaml, finding) => {
    expect(validate(yaml).outcome).toBe("valid");
    expect(findingsOf(yaml)).toEqual([`spec.${finding}`]);
  });
});

describe("what a protocol tells of its requests", () => {
  function specOf(fields: string) {
    const validation = validate(fields);
    if (validation.outcome !== "valid" || validation.resource.kind !== "ApplicationProtocol")
      throw new Error(JSON.stringify(validation));
    return validation.resource.spec;
  }

  it("is nothing, unless it is asked for", () => {
    expect(specOf("")).toMatchObject({
      accessLog: undefined,
      tracing: undefined,
      stats: undefined,
      peerMetadata: undefined,
    });
  });

  it("has a line of its own if no other is given", () => {
    const { accessLog } = specOf("accessLog: {}");
    expect(accessLog).toMatchObject({ format: { kind: "text" }, otlp: undefined });
    expect(accessLog?.format).toMatchObject({
      text: expect.stringContaining("%RESPONSE_FLAGS%") as string,
    });
  });

  it.each([
    [
      'accessLog: { text: "a", json: { b: "c" } }',
      "accessLog.json: must not be there together with `text`",
    ],
    ['accessLog: { text: "" }', "accessLog.text: must not be empty"],
    ["accessLog: { json: {} }", "accessLog.json: must not be empty"],
    [
      'accessLog: { json: { a: "100%" } }',
      "accessLog.json.a: a `%` that begins no operator such as `%ROUTE_NAME%` must be written `%%`",
    ],
    ["accessLog: { otlp: {} }", "accessLog.otlp.cluster: is required"],
    [
      `accessLog: { json: { a: "${"%PROTOCOL%".repeat(64)}", b: "%PROTOCOL%" } }`,
      "accessLog.json: must not have more than 64 operators together, not 65",
    ],
    [
      `tracing: { cluster: a, serviceName: b, tags: { a: "${"%PROTOCOL%".repeat(64)}", b: "%PROTOCOL%" } }`,
      "tracing.tags: must not have more than 64 operators together, not 65",
    ],
    [
      `stats: { methodAttribute: ${"m".repeat(257)} }`,
      "stats.methodAttribute: must not be longer than 256 bytes",
    ],
    [
      "accessLog: { filter: { percentage: { value: 0 } } }",
      "accessLog.filter.percentage.value: must be above 0 and at most 100, not 0",
    ],
    [
      'accessLog: { text: "a\\nb" }',
      "accessLog.text: must be one line, without line breaks and other control characters within it",
    ],
    [
      "accessLog: { otlp: { cluster: a, flushInterval: 5ms } }",
      "accessLog.otlp.flushInterval: must be at least 10ms, not `5ms`",
    ],
    [
      "tracing: { cluster: a, serviceName: b, tags: { '': c } }",
      'tracing.tags[""]: the name of a tag must not be empty',
    ],
    ["tracing: { cluster: a }", "tracing.serviceName: is required"],
    [
      "tracing: { cluster: a, serviceName: b, randomSamplingPercentage: 101 }",
      "tracing.randomSamplingPercentage: must be from 0 to 100, not 101",
    ],
    [
      "stats: { durationBucketsMs: [1, 10, 10] }",
      "stats.durationBucketsMs[2]: must be larger than the one before",
    ],
    ["stats: { maxMethods: 0 }", "stats.maxMethods: must be an integer from 1 to 1000, not 0"],
    [
      "stats: { istio: { reporter: source } }",
      'stats.istio.reporter: must be one of SOURCE, DESTINATION, not "source"',
    ],
    [
      "stats: { istio: { labels: { source_app: shop, team: a } } }",
      "stats.istio.labels.team: is no label of Istio's metrics",
    ],
  ])("is refused if wrong: %s", (yaml, finding) => {
    expect(findingsOf(yaml)).toEqual([`spec.${finding}`]);
  });

  it("may end its line as Envoy's formats do", () => {
    expect(findingsOf('accessLog: { text: "%ROUTE_NAME%\\n" }')).toEqual([]);
  });

  it("may use operators that are known only at the end", () => {
    expect(findingsOf('accessLog: { text: "%DURATION% %ATTR(status)% 5%%" }')).toEqual([]);
    const [finding] = findingsOf('accessLog: { text: "%DURATON%" }');
    expect(finding).toContain("spec.accessLog.text: unknown operator `%DURATON%`; there are ATTR,");
    expect(finding).toContain("DURATION");
  });
});
