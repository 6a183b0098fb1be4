// What `promtool check metrics` looks at: https://prometheus.io/docs/practices/naming/
import { expect, test } from "vitest";
import { Metrics } from "./metrics.js";

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly string[];
}

/** Parts of names that are no base unit. */
const NO_BASE_UNITS =
  /_(milliseconds|microseconds|nanoseconds|ms|us|ns|minutes|hours|days|kilobytes|megabytes|kb|mb|kib|mib|percent)(_|$)/;

function families(text: string): Family[] {
  return text
    .trim()
    .split(/\n\n/)
    .map((block) => {
      const [help = "", type = "", ...samples] = block.split("\n");
      const [, name = "", description = ""] = /^# HELP (\S+) (.*)$/.exec(help) ?? [];
      const [, typeName = "", kind = ""] = /^# TYPE (\S+) (\S+)$/.exec(type) ?? [];
      expect(typeName).toBe(name);
      return { name, help: description, type: kind, samples };
    });
}

async function scrape(): Promise<Family[]> {
  return families(await new Metrics("1.2.3").registry.metrics());
}

test("names follow the conventions of Prometheus", async () => {
  const all = await scrape();
  expect(all.length).toBeGreaterThan(20);
  for (const { name, help, type, samples } of all) {
    expect(name).toMatch(/^(metaproto|process|nodejs)_[a-z0-9_]+$/);
    expect([name, help]).not.toEqual([name, ""]);
    expect([name, type === "counter"]).toEqual([name, name.endsWith("_total")]);
    expect(name).not.toMatch(NO_BASE_UNITS);
    expect(name).not.toMatch(/_(count|sum|bucket|counter|gauge|histogram|summary)$/);
    for (const sample of samples) {
      for (const [, label] of sample.matchAll(/[{,]([^=,{}]+)=/g))
        expect(label).toMatch(/^[a-z_]+$/);
    }
  }
});

test("what alerts rely on is there from the start", async () => {
  const samples = (await scrape()).flatMap((family) => family.samples);
  for (const line of [
    'metaproto_build_info{version="1.2.3"} 1',
    "metaproto_connected_proxies 0",
    "metaproto_faults 0",
    "metaproto_resources_not_in_effect 0",
    "metaproto_warnings 0",
    'metaproto_reloads_total{result="error"} 0',
    'metaproto_xds_refused_total{type="routes"} 0',
    'metaproto_xds_streams{role="proxy"} 0',
  ]) {
    expect(samples).toContain(line);
  }
});
