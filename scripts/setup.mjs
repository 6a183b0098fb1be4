// Makes everything ready that tests and demo need: packages, modules and control plane, a stock Envoy,
// the peers. Each step is done only when what it depends on has changed.
//
//   scripts/setup [STEP...]      all steps, or some: install build envoy peers
//
// Exits with 1 when a step that everything needs has failed. A tool that only some peers need is
// reported and left out.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildPeer, peerNames } from "./build-peers.mjs";
import { run, toolVersion } from "./run-command.mjs";
import { ROOT, contentHash, isCurrent, withLock, writeStamp } from "./stamp.mjs";

/** The Envoy that everything runs on, and the older one of the smoke suite. */
export const ENVOY_VERSIONS = { main: "1.40.0", smoke: "1.36.2" };

const BUILD_INPUTS = [
  ...["assembly", "controlplane", "proto", "asconfig.json"],
  ...["package.json", "package-lock.json", "tsconfig.base.json", "scripts/build-wasm.mjs"],
  ...["scripts/build-controlplane.mjs", "wasm-test/kit", "wasm-test/host"],
];

function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {};
}

/** True when node_modules holds what package-lock.json says; packages for other machines may lack. */
function arePackagesInstalled() {
  const installed = readLock(join(ROOT, "node_modules/.package-lock.json"));
  return Object.entries(readLock(join(ROOT, "package-lock.json"))).every(([path, wanted]) => {
    if (!path.startsWith("node_modules/") || wanted.link) return true;
    const found = installed[path];
    return found === undefined ? Boolean(wanted.optional) : found.version === wanted.version;
  });
}

async function install(report) {
  if (toolVersion("npm") === undefined) throw new Error("npm is missing; it comes with Node.js");
  await withLock("install", async () => {
    if (arePackagesInstalled()) return;
    report("installing npm packages");
    // Not `npm ci`: it refuses a lock file without the optional packages of machines that a registry lacks.
    await run("npm", ["install", "--no-save", "--no-audit", "--no-fund"]);
  });
}

async function build(report) {
  await withLock("build", async () => {
    const hash = contentHash(BUILD_INPUTS, process.version);
    const outputs = [
      ...["controlplane/dist/cli/main.js", "wasm-test/kit/dist/wasm-test/kit/index.js", "build"],
    ].map((path) => join(ROOT, path));
    if (isCurrent("build", hash, outputs)) return;
    report("building modules and control plane");
    await run("npm", ["run", "--silent", "build"]);
    writeStamp("build", hash);
  });
}

async function envoy() {
  for (const version of Object.values(ENVOY_VERSIONS)) {
    await run(join(ROOT, "scripts/envoy"), ["--version", version]);
  }
}

async function peers(report) {
  const failures = [];
  for (const name of peerNames) {
    try {
      const missing = await buildPeer(name, report);
      if (missing !== undefined) report(missing);
    } catch (error) {
      failures.push(`${name}: ${error.message}`);
    }
  }
  if (failures.length > 0) throw new Error(failures.join("\n"));
}

/** The steps by name, in order; each takes a function that prints a line of progress. */
export const setupSteps = { install, build, envoy, peers };

async function main(names) {
  const isWanted = (name) => names.length === 0 || names.includes(name);
  const unknown = names.find((name) => !(name in setupSteps));
  if (unknown !== undefined) {
    console.error(`setup: no step ${unknown}; there are ${Object.keys(setupSteps).join(" ")}`);
    process.exitCode = 1;
    return;
  }
  for (const [name, step] of Object.entries(setupSteps)) {
    if (!isWanted(name)) continue;
    const start = Date.now();
    try {
      await step((text) => console.error(`setup: ${text}`));
    } catch (error) {
      console.error(`setup: ${name} failed: ${error.message}`);
      process.exitCode = 1;
      return;
    }
    console.error(`setup: ${name} ready (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await main(process.argv.slice(2));
