// Alerts and dashboards of the Helm chart ask for metrics that exist: those that a controller shows, and those of the
// modules, whose tables are held to the modules by the tests of the documentation.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { TestAuthority } from "../identity/testing/test-authority.js";
import { createLogger } from "../runtime/logger.js";
import { AdmissionWebhook } from "./admission-webhook.js";
import { showExpiry } from "./certificate-expiry.js";
import { KubernetesMetrics } from "./kubernetes-metrics.js";
import { Metrics } from "./metrics.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CHART = `${ROOT}charts/metaproto`;
const NAME = /\b(?:metaproto|process|nodejs)_[a-z0-9_]+/g;
const PARTS_OF_HISTOGRAMS = /_(bucket|sum|count)$/;

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

interface Relabelling {
  readonly regex: string;
  readonly target_label: string;
  readonly replacement: string;
}

function read(file: string): string {
  return readFileSync(`${CHART}/${file}`, "utf8");
}

const RULES = (parse(read("alerts/metaproto.rules.yaml")) as RuleFile).groups.flatMap(
  ({ rules }) => rules,
);

function namesOfController(): ReadonlySet<string> {
  const { registry } = new Metrics("1.2.3");
  new KubernetesMetrics(registry);
  const logger = createLogger("error", () => undefined);
  const identity = { start: () => Promise.reject(new Error()), onChange: noop, stop: noop };
  const address = { host: "127.0.0.1", port: 0 };
  new AdmissionWebhook({ address, identity, namespaces: undefined, registry, logger });
  showExpiry(registry, "xds", new TestAuthority().certificate);
  return new Set(registry.getMetricsAsArray().map(({ name }) => name));
}

function noop(): void {
  // Nobody listens.
}

/** Of the first column of the tables of a page. */
function documented(page: string): readonly string[] {
  const rows = readFileSync(`${ROOT}docs/operators/${page}`, "utf8").match(/^\| `[^|]+\|/gm) ?? [];
  return rows.flatMap((row) => [...row.matchAll(/`([a-z_]+)`/g)].map(([, name = ""]) => name));
}

function namesOfModules(): ReadonlySet<string> {
  const own = documented("stats.md").filter((name) => !name.startsWith("metaproto_"));
  const ofFilter = documented("filters/stats.md").filter((name) => name.startsWith("metaproto_"));
  const names = own.map((name) => `metaproto_${name.replace(/^local_reply_.*$/, "local_reply")}`);
  return new Set([...names, ...ofFilter]);
}

/** File -> the metrics in it. */
const ASKED: readonly (readonly [string, readonly string[]])[] = [
  ["alerts", RULES.flatMap(({ expr }) => expr.match(NAME) ?? [])],
  ...readdirSync(`${CHART}/dashboards`).map(
    (file) => [file, read(`dashboards/${file}`).match(NAME) ?? []] as const,
  ),
];

test.each(ASKED)("%s ask for metrics that exist", (_, names) => {
  const known = new Set([...namesOfController(), ...namesOfModules()]);
  expect(names.length).toBeGreaterThan(15);
  const isKnown = (name: string): boolean =>
    known.has(name) || known.has(name.replace(PARTS_OF_HISTOGRAMS, ""));
  expect(names.filter((name) => !isKnown(name))).toEqual([]);
});

test("every metric that a controller has of its own is on its dashboard", () => {
  const shown = read("dashboards/metaproto-control-plane.json");
  const own = [...namesOfController()].filter((name) => name.startsWith("metaproto_"));
  expect(own.filter((name) => !shown.includes(name))).toEqual([]);
});

test("every alert has a line that says what to do", () => {
  const page = readFileSync(`${ROOT}docs/operators/install.md`, "utf8");
  const told = [...page.matchAll(/^\| `(Metaproto\w+)`/gm)].map(([, name]) => name);
  expect(told).toEqual(RULES.map(({ alert }) => alert));
});

test("names with the protocol in them become those that are asked for", () => {
  const steps = parse(read("alerts/sidecar-relabelling.yaml")) as readonly Relabelling[];
  const relabelled = (name: string): Readonly<Record<string, string>> => {
    const labels: Record<string, string> = { __name__: name };
    for (const { regex, target_label: target, replacement } of steps) {
      const match = new RegExp(`^(?:${regex})$`).exec(labels["__name__"] ?? "");
      if (match !== null) labels[target] = replacement.replace("$1", match[1] ?? "");
    }
    return labels;
  };
  for (const name of namesOfModules()) {
    const bare = name.slice("metaproto_".length);
    const flag = bare === "local_reply" ? "_nr" : "";
    expect(relabelled(`metaproto_dubbo_${bare}${flag}`)).toEqual({
      __name__: name,
      protocol: "dubbo",
      ...(flag !== "" && { response_flag: "nr" }),
    });
  }
});
