// Routes that change again and again, with each filter: what is made of a configuration goes with its table, also of
// one that is refused.
import { describe, expect, it } from "vitest";
import { AccessLogSchema } from "../../controlplane/gen/metaproto/filters/v1/access_log_pb.js";
import {
  AuthorizationPolicy_Action as Action,
  AuthorizationSchema,
} from "../../controlplane/gen/metaproto/filters/v1/authorization_pb.js";
import { FaultSchema } from "../../controlplane/gen/metaproto/filters/v1/fault_pb.js";
import { GlobalRateLimitSchema } from "../../controlplane/gen/metaproto/filters/v1/global_rate_limit_pb.js";
import { LocalRateLimitSchema } from "../../controlplane/gen/metaproto/filters/v1/local_rate_limit_pb.js";
import { StatsSchema } from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import { TracingSchema } from "../../controlplane/gen/metaproto/filters/v1/tracing_pb.js";
import { filterOptions } from "../filters/filter-options.js";
import { builtModule } from "../modules/built-module.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import { type FilterOptions, type RouteOptions, routeConfiguration } from "./mesh.js";
import { RouteControl } from "./route-control.js";

/** The module, which tells what its heap holds. */
const HELD = await builtModule("test/held-dubbo");
const NAME = "demo_20880";
const UPDATES = 100;

const METHOD = [{ name: "method", specifier: { case: "exact", value: "x" } }] as const;
const TEXT = "method %ATTR(method)% %RESPONSE_FLAGS% %UPSTREAM_HOST% %TRACE_ID%";
const BUCKET = { maxTokens: 10, tokensPerFill: 5, fillInterval: { nanos: 50_000_000 } };

const FILTERS: Readonly<Record<string, FilterOptions>> = {
  "a log of lines": filterOptions(AccessLogSchema, {
    format: { case: "text", value: TEXT },
    output: { case: "log", value: true },
  }),
  "a log of records": filterOptions(AccessLogSchema, {
    format: { case: "json", value: { members: { method: "%ATTR(method)%", rest: TEXT } } },
    output: { case: "otlp", value: { cluster: "collector" } },
  }),
  stats: filterOptions(StatsSchema, { methodAttribute: "method", istio: {} }),
  tracing: filterOptions(TracingSchema, {
    ...{ cluster: "collector", serviceName: "demo" },
    tags: { method: "of %ATTR(method)%" },
  }),
  authorization: filterOptions(AuthorizationSchema, {
    policies: [
      { name: "a/deny", action: Action.DENY, rules: [{ to: [{ match: [...METHOD] }] }] },
      { name: "a/allow", rules: [{ from: [{ ipBlocks: ["127.0.0.0/8"], namespaces: ["b*"] }] }] },
    ],
  }),
  faults: filterOptions(FaultSchema, {
    match: [...METHOD],
    delay: { duration: { case: "fixed", value: { nanos: 20_000_000 } }, perMillion: 20_000 },
  }),
  "local rate limits": filterOptions(LocalRateLimitSchema, {
    ...{ name: "bucket", tokenBucket: BUCKET },
    conditions: [{ match: [...METHOD], tokenBucket: BUCKET }],
  }),
  "global rate limits": filterOptions(GlobalRateLimitSchema, {
    ...{ domain: "demo", cluster: "limiter", timeout: { nanos: 50_000_000 }, match: [...METHOD] },
    descriptors: [{ entries: [{ key: "method", source: { case: "attribute", value: "method" } }] }],
  }),
};

const REFUSED = filterOptions(FaultSchema, {});

const POLICIES: Partial<RouteOptions> = {
  requestMutation: [{ operation: "SET", key: "a", value: "%ATTR(method)% of %ROUTE_NAME%" }],
  responseMutation: [{ operation: "SET", key: "b", value: "by %UPSTREAM_HOST%" }],
  retryPolicy: { attempts: 2, retryOn: ["RESET"] },
  mirrors: [{ cluster: "v1", perMillion: 10 }],
};

/** Heap after so many tables, and after as many again. */
function heapAfter(filters: readonly FilterOptions[], more: Partial<RouteOptions>): number[] {
  const control = new RouteControl();
  const clusters = { v1: [new Provider("v1")] };
  const mesh = new DubboMesh({
    ...{ clusters, module: HELD },
    plugin: { routeConfigurations: [], discoveryCluster: "control" },
    host: {
      clusters: {
        control: { grpc: control.grpc },
        collector: { endpoints: [] },
        limiter: { endpoints: [] },
      },
    },
  });
  mesh.connect(NAME);
  return [1, 2, 3].map(() => {
    for (let i = 0; i < UPDATES; i++) {
      const route = { name: `r${String(i % 2)}`, destinations: [{ cluster: "v1" }], ...more };
      control.publish([routeConfiguration({ clusters, filters, routes: [route] }, NAME)]);
      mesh.host.advance(20);
    }
    mesh.host.advance(3_000);
    const isRefused = filters.includes(REFUSED);
    expect(mesh.stat(isRefused ? "route_table_update" : "route_table_rejected")).toBe(0);
    return mesh.stat("probe_heap_bytes");
  });
}

describe("the heap of tables that come and go", () => {
  it.each(Object.entries(FILTERS))("does not grow with %s", (_, filter) => {
    const [, before, after] = heapAfter([filter], {});
    expect(after).toBe(before);
  });

  it("does not grow with tables that are refused", () => {
    const [, before, after] = heapAfter([REFUSED], {});
    expect(after).toBe(before);
  });

  it("does not grow with mutations, retries and mirrors", () => {
    const [, before, after] = heapAfter([], POLICIES);
    expect(after).toBe(before);
  });
});
