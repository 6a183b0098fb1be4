// The real service, asked as Envoy asks it: what end-to-end tests of the global rate limit rely on.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  RateLimitResponse_Code,
  RateLimitService as RateLimitServiceDefinition,
} from "../../gen/envoy/service/ratelimit/v3/rls_pb.js";
import { waitUntil } from "./deadline.js";
import { describeWith } from "./describe-with.js";
import { GrpcClient } from "./grpc-call.js";
import { RateLimitService, missingRateLimitService } from "./rate-limit-service.js";

const { OK, OVER_LIMIT } = RateLimitResponse_Code;

describeWith("the rate limit service", [missingRateLimitService()], () => {
  let service: RateLimitService;
  let client: GrpcClient;

  beforeAll(async () => {
    service = await RateLimitService.start([
      {
        domain: "shop",
        descriptors: [
          { key: "method", value: "buy", rate_limit: { unit: "minute", requests_per_unit: 2 } },
          {
            key: "method",
            value: "look",
            descriptors: [{ key: "user", rate_limit: { unit: "day", requests_per_unit: 1 } }],
          },
        ],
      },
    ]);
    client = new GrpcClient(service.port);
  });

  beforeEach(() => service.reset());

  afterAll(async () => {
    client.close();
    await service.stop();
  });

  async function ask(...descriptors: Readonly<Record<string, string>>[]): Promise<number> {
    const response = await client.call(RateLimitServiceDefinition.method.shouldRateLimit, {
      domain: "shop",
      descriptors: descriptors.map((entries) => ({
        entries: Object.entries(entries).map(([key, value]) => ({ key, value })),
      })),
    });
    return response.overallCode;
  }

  /** Windows begin with the minute: one that ends between two calls would let a third one pass. */
  async function earlyInTheMinute(): Promise<void> {
    await waitUntil("enough of the minute left", () => Date.now() % 60_000 < 55_000, {
      timeoutMs: 10_000,
    });
  }

  test("lets two of a minute pass, and no third one", async () => {
    await earlyInTheMinute();
    expect(await ask({ method: "buy" })).toBe(OK);
    expect(await ask({ method: "buy" })).toBe(OK);
    expect(await ask({ method: "buy" })).toBe(OVER_LIMIT);
    expect(await ask({ method: "sell" })).toBe(OK);
    const counters = [...(await service.counters())];
    expect(counters).toEqual([[expect.stringMatching(/^shop_method_buy_\d+$/), 3]]);
    await service.reset();
    expect(await ask({ method: "buy" })).toBe(OK);
  });

  test("knows descriptors of several entries, and refuses for one of several", async () => {
    expect(await ask({ method: "look", user: "ann" })).toBe(OK);
    expect(await ask({ method: "look", user: "bob" })).toBe(OK);
    expect(await ask({ method: "sell" }, { method: "look", user: "ann" })).toBe(OVER_LIMIT);
  });

  test("can be made mute", async () => {
    await service.pause();
    let hasAnswered = false;
    const answer = ask({ method: "buy" }).then((code) => {
      hasAnswered = true;
      return code;
    });
    await expect(waitUntil("an answer", () => hasAnswered, { timeoutMs: 300 })).rejects.toThrow(
      "not within 300 ms",
    );
    service.resume();
    expect(await answer).toBe(OK);
  });
});
