// The bench runs at all: every path answers, every figure is there. How large they are is not judged.
import { expect, test } from "vitest";
import { listenerName, type Ports } from "../bench/bootstrap.js";
import { runCampaign } from "../bench/campaign.js";
import {
  CONTENDERS,
  filterContenders,
  PROTOCOLS,
  type Contender,
  type Protocol,
} from "../bench/contenders.js";
import { measureMemory } from "../bench/memory.js";
import { parseCase } from "../bench/cases.js";
import { SINKS } from "../bench/policies.js";
import { startBenchEnvoy, withEchoServers, withSinks } from "../bench/processes.js";
import { measureServing } from "../bench/serving.js";
import { isSound, valueOf } from "../bench/summary.js";
import { asText } from "../bench/tables.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import type { Envoy } from "./support/envoy.js";
import { missingLoad, runLoad } from "./support/load.js";
import { missingOtelCollector } from "./support/otel-collector.js";
import { missingRateLimitService } from "./support/rate-limit-service.js";

const SHORT = { rounds: 1, closedSeconds: 0.2, openSeconds: 0.2 };

/** Runs the cases, with all servers that filters call. */
function campaign(contenders: readonly Contender[], cases: readonly string[]) {
  const plan = cases.map(parseCase);
  const missing: string[] = [];
  return withEchoServers((echoPorts) =>
    withSinks(
      echoPorts,
      SINKS,
      (line) => missing.push(line),
      (ports) => runCampaign({ ...SHORT, plan, contenders }, ports),
    ),
  ).then((outcome) => ({ ...outcome, missing }));
}

/** Of which so many are certain to be drawn at 1 % that at least one of them is: all but 1 of e^20 times. */
const REQUESTS_THAT_ARE_SAMPLED = 2000;

async function countersNow(envoy: Envoy, prefix: string): Promise<Record<string, number>> {
  const stats = [...(await envoy.stats(`^${prefix}`))];
  return Object.fromEntries(stats.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** The module's own counters after a load on the contender that has all filters on. */
async function countersOf(protocol: Protocol, ports: Ports): Promise<Record<string, number>> {
  const contender = CONTENDERS.find((one) => one.kind === "filtered" && one.protocol === protocol);
  if (contender === undefined) throw new Error("nobody has all filters on");
  const envoy = await startBenchEnvoy([contender], ports);
  try {
    const port = await envoy.listenerPort(listenerName(contender));
    const load = { connections: 4, inFlight: 16, seconds: 1, warmupSeconds: 0 };
    let answered = 0;
    while (answered <= REQUESTS_THAT_ARE_SAMPLED) {
      const { errors, requests } = await runLoad({ protocol, port, ...load, isAnyOrder: true });
      expect(errors).toBe(0);
      answered += requests;
    }
    return await waitUntil("the module to have told of all requests", async () => {
      const counters = await countersNow(envoy, `wasmcustom.metaproto.${protocol}.`);
      const { downstream_rq_total: requests = 0 } = counters;
      const isWhole =
        requests >= answered &&
        counters["downstream_rq_active"] === 0 &&
        counters["local_rate_limit_ok"] === requests;
      return isWhole ? counters : undefined;
    });
  } finally {
    await envoy.stop();
  }
}

function fail(line: string): never {
  throw new Error(line);
}

const MISSING = [missingLoad(), missingOtelCollector(), missingRateLimitService()];

describeWith("the bench", MISSING, () => {
  test("drives all paths with the same load", async () => {
    const { results, failures, missing } = await campaign(CONTENDERS, [
      "dubbo:2x2",
      "thrift:2x1:4KiB",
      "thrift:2x1:4KiB:open",
    ]);
    expect(missing).toEqual([]);
    expect(failures).toEqual([]);
    // In an open loop all but the one with filters.
    expect(results).toHaveLength(3 * (CONTENDERS.length / 2) - 1);
    for (const result of results) {
      const { contender, load, rate } = result;
      const name = `${contender.protocol} ${contender.name}`;
      expect(isSound(result), name).toBe(true);
      expect(valueOf(result, "rps").median, name).toBeGreaterThan(0);
      expect(valueOf(result, "cpuUs").median > 0, name).toBe(contender.kind !== "direct");
      expect(rate !== undefined, name).toBe(load.loop === "open");
    }
    const about = { date: "", envoy: "", cpu: "", cores: 1, kernel: "", loadBefore: 0, ...SHORT };
    const text = asText({ about, results, filters: [], memory: [], modules: [], failures });
    for (const { contender } of results) expect(text).toContain(`| ${contender.name} |`);
  });

  test("measures the module with each filter alone", async () => {
    const contenders = filterContenders("dubbo");
    const { results, failures } = await campaign(contenders, ["dubbo:2x2"]);
    expect(failures).toEqual([]);
    expect(results.map(({ contender }) => contender.name)).toEqual(
      contenders.map(({ name }) => name),
    );
    for (const result of results) {
      expect(isSound(result), result.contender.name).toBe(true);
      expect(valueOf(result, "rps").median, result.contender.name).toBeGreaterThan(0);
    }
  });

  test.each(PROTOCOLS)(
    "with all filters on, each of them has seen the requests: %s",
    async (protocol) => {
      const counted = await withEchoServers((echoPorts) =>
        withSinks(echoPorts, ["collector"], fail, (ports) => countersOf(protocol, ports)),
      );
      const { downstream_rq_total: requests = 0, ...counters } = counted;
      expect(requests).toBeGreaterThan(REQUESTS_THAT_ARE_SAMPLED);
      expect(counters).toMatchObject({
        authorization_allowed: requests,
        local_rate_limit_ok: requests,
      });
      for (const sampled of ["access_log_written", "tracing_written", "mirror_rq_total"]) {
        expect(counters[sampled], sampled).toBeGreaterThan(0);
        expect(counters[sampled], sampled).toBeLessThan(requests / 10);
      }
      // Nothing of a framed call of Thrift can be changed.
      expect((counters["mutation_skipped"] ?? 0) >= requests).toBe(protocol === "thrift");
    },
  );

  test("counts memory of connections, and the time until a new module serves", async () => {
    const ours = CONTENDERS.filter(({ kind, protocol }) => kind === "ours" && protocol === "dubbo");
    const memory = await withEchoServers((ports) =>
      measureMemory(ports, ours, 300, () => undefined),
    );
    expect(memory.map(({ contender }) => contender.name)).toEqual(["echo", "metaproto"]);
    expect(memory[1]?.busyBytes).toBeGreaterThan(0);
    expect((await measureServing(1)).median).toBeGreaterThan(0);
  });
});
