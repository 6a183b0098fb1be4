// The bench runs at all: every path answers, every figure is there. How large they are is not judged.
import { expect, test } from "vitest";
import { runCampaign } from "../bench/campaign.js";
import { CONTENDERS } from "../bench/contenders.js";
import { measureMemory } from "../bench/memory.js";
import { parseCase } from "../bench/cases.js";
import { withEchoServers } from "../bench/processes.js";
import { measureServing } from "../bench/serving.js";
import { isSound, valueOf } from "../bench/summary.js";
import { asText } from "../bench/tables.js";
import { describeWith } from "./support/describe-with.js";
import { missingLoad } from "./support/load.js";

const SHORT = { rounds: 1, closedSeconds: 0.2, openSeconds: 0.2 };

describeWith("the bench", [missingLoad()], () => {
  test("drives all paths with the same load", async () => {
    const plan = ["dubbo:2x2", "thrift:2x1:4KiB", "thrift:2x1:4KiB:open"].map(parseCase);
    const { results, failures } = await withEchoServers((ports) =>
      runCampaign({ ...SHORT, plan }, ports),
    );
    expect(failures).toEqual([]);
    expect(results).toHaveLength(3 * (CONTENDERS.length / 2));
    for (const result of results) {
      const { contender, load, rate } = result;
      const name = `${contender.protocol} ${contender.name}`;
      expect(isSound(result), name).toBe(true);
      expect(valueOf(result, "rps").median, name).toBeGreaterThan(0);
      expect(valueOf(result, "cpuUs").median > 0, name).toBe(contender.kind !== "direct");
      expect(rate !== undefined, name).toBe(load.loop === "open");
    }
    const about = { date: "", envoy: "", cpu: "", cores: 1, kernel: "", loadBefore: 0, ...SHORT };
    const text = asText({ about, results, memory: [], modules: [], failures });
    for (const { contender } of results) expect(text).toContain(`| ${contender.name} |`);
  });

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
