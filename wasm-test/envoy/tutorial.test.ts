// docs/protocol-owners/tutorial.md, as a reader follows it: its files are written, its commands run in their order, and
// what they print is what the page shows.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { envoyBinary } from "./support/envoy-binary.js";
import { LocalRegistry } from "./support/local-registry.js";
import { freePort } from "./support/ports.js";
import { Shell } from "./support/shell.js";
import { type CommandStep, type Step, stepsOf } from "./support/tutorial-page.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGE = readFileSync(`${ROOT}docs/protocol-owners/tutorial.md`, "utf8");
/** Of the page; the test has others, which are free. */
const PORTS = ["20880", "20881", "20882", "19000"] as const;
/** What is shown appears once everything has been told to everyone. */
const DEADLINE_MS = 30_000;

const steps = stepsOf(PAGE);
let folder: string;
let shell: Shell;
let registry: LocalRegistry;
let here: (text: string) => string;

/** The page with ports that are free, also those that it does not name. */
async function withFreePorts(): Promise<typeof here> {
  const replacements = new Map<string, string>();
  for (const port of PORTS) replacements.set(port, String(await freePort()));
  const xds = `--xds-address 127.0.0.1:${String(await freePort())}`;
  const admin = `--admin-address 127.0.0.1:${String(await freePort())}`;
  const adminOfEnvoy = `--admin-port ${replacements.get("19000") ?? ""}`;
  const added: Readonly<Record<string, string>> = {
    serve: `${xds} ${admin}`,
    bootstrap: `${xds} ${adminOfEnvoy}`,
    routes: admin,
  };
  return (text) =>
    text
      .replaceAll(/(?<!\d)\d{5}(?!\d)/g, (port) => replacements.get(port) ?? port)
      .replaceAll(/\bmetaproto (serve|bootstrap|routes)\b/g, (command, name: string) =>
        [command, added[name]].join(" "),
      );
}

async function follow(step: Step): Promise<void> {
  if (step.kind === "file") {
    const file = join(folder, "first-protocol", step.path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, here(step.text));
  } else if (step.output === undefined) {
    const { code, output } = await shell.run(here(step.command));
    expect(code, `${step.command}\n${output}`).toBe(0);
  } else await followShown(step, step.output);
}

/** Commands whose output is shown may be typed again until what they tell of has happened. */
async function followShown({ command }: CommandStep, shown: string): Promise<void> {
  let printed = "";
  const expected = comparable(here(shown));
  await waitUntil(
    command,
    async () => {
      printed = comparable((await shell.run(here(command))).output);
      return printed === expected;
    },
    { timeoutMs: DEADLINE_MS, intervalMs: 100 },
  ).catch(() => {
    expect(printed, command).toBe(expected);
  });
}

/** Without what differs from run to run: versions, how many workers have been used, counts but 0. */
function comparable(output: string): string {
  return output
    .replaceAll(/^npm (warn|notice) .*\n/gm, "")
    .replaceAll(/^version [0-9a-f]{16}$/gm, "version ...")
    .replaceAll(/\b(\d) of \1 module streams/g, "all module streams")
    .replaceAll(/^(wasmcustom\.\S+): [1-9]\d*$/gm, "$1: ...");
}

/** Of those that the page's commands are. */
function missingTool(name: string): string | undefined {
  const { error } = spawnSync(name, ["--version"], { stdio: "ignore" });
  return error === undefined ? undefined : `there is no ${name}`;
}

describeWith("the tutorial", ["bash", "curl", "patch", "sed", "tar"].map(missingTool), () => {
  beforeAll(async () => {
    for (const module of ["frame", "tools/frame-reader"]) await buildWasm(module);
    folder = mkdtempSync(join(tmpdir(), "metaproto-tutorial-"));
    symlinkSync(ROOT, join(folder, "metaproto"));
    here = await withFreePorts();
    registry = await LocalRegistry.start();
    shell = new Shell(folder, {
      ENVOY_BIN: envoyBinary(),
      npm_config_registry: registry.url,
      npm_config_cache: join(folder, "npm-cache"),
    });
  });

  afterAll(async () => {
    await shell.stop();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("does what it says", async () => {
    expect(steps.filter(({ kind }) => kind === "file").length).toBeGreaterThan(5);
    for (const step of steps) await follow(step);
  }, 600_000);
});
