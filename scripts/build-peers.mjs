// Builds the clients, servers and load tools of the tests and the demo into the cache of the project.
//
//   node scripts/build-peers.mjs [NAME...]    all of them, or some: dubbo-java thrift-python thrift-go load
//
// A peer whose tool is missing is left out with a reason; what needs it says so when it runs.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { run, toolVersion } from "./run-command.mjs";
import { CACHE, ROOT, contentHash, isCurrent, withLock, writeStamp } from "./stamp.mjs";

const PEERS = join(CACHE, "peers");

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
    tools: [
      { tool: "python3", args: ["--version"], get: "Python >= 3.9 (Debian: python3 python3-venv)" },
      {
        tool: "python3",
        args: ["-m", "venv", "-h"],
        get: "venv for Python (Debian: python3-venv)",
      },
    ],
    // A virtual environment holds its own path: it is made where it stays.
    isBuiltInPlace: true,
    async build(folder) {
      await run("python3", ["-m", "venv", folder]);
      const requirements = join(ROOT, "wasm-test/peers/thrift-python/requirements.txt");
      const args = [
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
        requirements,
      ];
      await run(join(folder, "bin/python"), ["-m", "pip", "install", ...args]);
    },
  },
  {
    name: "thrift-go",
    outputs: [join(PEERS, "thrift-go")],
    inputs: ["wasm-test/peers/thrift-go"],
    tools: [{ tool: "go", args: ["version"], get: "Go >= 1.21 (https://go.dev/dl)" }],
    async build(folder) {
      const cwd = join(ROOT, "wasm-test/peers/thrift-go");
      const args = ["build", "-trimpath", "-buildvcs=false", "-o", join(folder, "thriftpeer"), "."];
      await run("go", args, { cwd, env: { CGO_ENABLED: "0" } });
    },
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
    await replace(peer, peer.build);
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
