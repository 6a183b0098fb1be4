// Sets everything up and runs every check and every test; the last line is "N passed, N failed".
//
//   scripts/test [--mesh] [STEP...]      all steps, or some of those listed below
//
// With --mesh also what runs on a real kube-apiserver and istiod; they are built first if they are not there.
//
// Every step runs in a process group of its own, which is killed when the step ends, when it takes too
// long and when this process is told to stop: nothing stays behind.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { ENVOY_VERSIONS } from "./setup.mjs";
import { ROOT } from "./stamp.mjs";

const MINUTE = 60_000;
/** Characters of a failure that are repeated at the end. */
const FAILURE_LENGTH = 600;
const scratch = mkdtempSync(join(tmpdir(), "metaproto-test-"));
const groups = new Set();

function npm(script) {
  return { command: "npm", args: ["run", "--silent", script] };
}

/** Its output is shown also when it succeeds: it says which tools are missing and what that leaves out. */
function setup(step) {
  return { command: "node", args: ["scripts/setup.mjs", step], isShown: true };
}

/** A run of vitest counts as many tests as it has; `filter` is a part of the names of test files. */
function vitest(project, version, filter = []) {
  return {
    command: "npx",
    args: ["--no-install", "vitest", "run", "--project", project, ...filter],
    env: version === undefined ? {} : { METAPROTO_ENVOY_VERSION: version },
    isVitest: true,
    isShown: true,
    limitMs: 60 * MINUTE,
  };
}

const steps = {
  install: setup("install"),
  "format:check": npm("format:check"),
  lint: npm("lint"),
  typecheck: npm("typecheck"),
  layers: npm("layers"),
  knip: npm("knip"),
  "gen:check": npm("gen:check"),
  "docs:check": npm("docs:check"),
  build: setup("build"),
  envoy: setup("envoy"),
  peers: setup("peers"),
  unit: vitest("unit"),
  "envoy:main": vitest("envoy", ENVOY_VERSIONS.main),
  // Files named *.smoke.test.ts: what must hold on every supported Envoy.
  "envoy:smoke": vitest("envoy", ENVOY_VERSIONS.smoke, [".smoke."]),
};

/** With --mesh. */
const meshSteps = {
  "mesh-rig": {
    command: "scripts/mesh-rig",
    args: [],
    isShown: true,
    limitMs: 90 * MINUTE,
  },
  mesh: vitest("mesh", ENVOY_VERSIONS.main),
};

function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Everybody in it has ended already.
  }
}

/** Runs one step to its end; resolves with its exit code, or a text when it was killed. */
function runStep(step, args, onOutput) {
  return new Promise((resolve) => {
    const child = spawn(step.command, args, {
      cwd: ROOT,
      env: { ...process.env, ...step.env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    groups.add(child.pid);
    let killed;
    const limitMs = step.limitMs ?? 20 * MINUTE;
    const timer = setTimeout(() => {
      killed = `killed: it took longer than ${limitMs / MINUTE} minutes`;
      killGroup(child.pid);
    }, limitMs);
    child.stdout.on("data", onOutput);
    child.stderr.on("data", onOutput);
    const finish = (result) => {
      clearTimeout(timer);
      if (child.pid !== undefined) killGroup(child.pid);
      groups.delete(child.pid);
      resolve(killed ?? result);
    };
    child.on("error", (error) => finish(error.message));
    // "exit", not "close": a process left behind would hold the pipes open, and is killed now.
    child.on("exit", (code, signal) => setImmediate(() => finish(signal ?? code)));
  });
}

function withoutStack(message) {
  return message.split("\n    at ")[0];
}

/** What failed, and the beginning of why: for whoever sees no more than the end of the output. */
function describeFailures(testResults) {
  return testResults
    .filter(({ status }) => status === "failed")
    .flatMap(({ name, message, assertionResults }) => {
      const file = relative(ROOT, name);
      const failed = assertionResults.filter(({ status }) => status === "failed");
      if (failed.length === 0) return [`${file}: ${message}`];
      return failed.map(
        ({ fullName, failureMessages }) =>
          `${file}: ${fullName}: ${failureMessages.map(withoutStack).join("; ")}`,
      );
    })
    .map((text) => text.replaceAll(/\s+/g, " ").slice(0, FAILURE_LENGTH));
}

/** Passed, failed and skipped tests of one run; a file that could not be loaded is one failed test. */
function readReport(file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: ["no report of the tests was written"] };
  }
  const unloaded = report.testResults.filter(
    (result) => result.status === "failed" && result.assertionResults.length === 0,
  ).length;
  let failed = report.numFailedTests + unloaded;
  // Errors outside of a test, for instance an unhandled rejection.
  if (!report.success && failed === 0) failed = 1;
  const skipped = report.numPendingTests + report.numTodoTests;
  // A suite without any test proves nothing.
  if (report.numTotalTests === 0 && failed === 0) failed = 1;
  const failures = describeFailures(report.testResults);
  return { passed: report.numPassedTests, failed, skipped, failures };
}

async function perform(name, step) {
  const start = Date.now();
  const report = join(scratch, `${name.replaceAll(":", "-")}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const args = step.isVitest ? [...step.args, ...reporters] : step.args;
  console.log(`== ${name}`);
  const output = [];
  const result = await runStep(step, args, (chunk) => {
    if (step.isShown) process.stdout.write(chunk);
    else output.push(chunk);
  });
  const isOk = result === 0;
  let counts = { passed: isOk ? 1 : 0, failed: isOk ? 0 : 1, skipped: 0, failures: [] };
  if (step.isVitest) {
    counts = readReport(report);
    if (!isOk && counts.failed === 0) counts.failed = 1;
  } else if (!isOk) process.stdout.write(Buffer.concat(output));
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  const how = counts.failed === 0 ? "ok" : `FAILED (${result})`;
  console.log(`== ${name}: ${how}, ${counts.passed} passed${skipped}, ${seconds} s\n`);
  return counts;
}

async function main(args) {
  const names = args.filter((arg) => arg !== "--mesh");
  const available = args.includes("--mesh") ? { ...steps, ...meshSteps } : steps;
  const unknown = names.find((name) => !(name in available));
  if (unknown !== undefined)
    throw new Error(`no step ${unknown}; there are ${Object.keys(available).join(" ")}`);
  const total = { passed: 0, failed: 0 };
  const failedSteps = [];
  const failures = [];
  const end = (code) => {
    for (const pid of groups) killGroup(pid);
    rmSync(scratch, { recursive: true, force: true });
    for (const failure of failures) console.log(`failed: ${failure}`);
    if (failedSteps.length > 0) console.log(`failed: ${failedSteps.join(" ")}`);
    console.log(`${total.passed} passed, ${total.failed} failed`);
    process.exit(code);
  };
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
    process.on(signal, () => {
      total.failed++;
      failedSteps.push(`(stopped by ${signal})`);
      end(128 + number);
    });
  }
  for (const [name, step] of Object.entries(available)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const counts = await perform(name, step);
    total.passed += counts.passed;
    total.failed += counts.failed;
    if (counts.failed > 0) failedSteps.push(name);
    failures.push(...counts.failures);
  }
  end(total.failed === 0 ? 0 : 1);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`test: ${error.message}`);
  process.exitCode = 1;
});
