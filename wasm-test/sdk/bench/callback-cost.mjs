// Cost of a callback with and without the SDK's context dispatch: `node wasm-test/sdk/bench/callback-cost.mjs`.
// The host calls are the smallest that follow the ABI, so that what differs is the SDK. Each case runs
// in a process of its own, since V8 would share one call site, and its slowest form, among them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { buildWasm } from "../../../scripts/build-wasm.mjs";

const CONTEXTS = 2000;
const REPEATS = 7;

/** Name, exported function, contexts that take turns, bytes. */
const CASES = [
  ["no-op callback, one context", "bareReturn", "proxy_on_upstream_data", 1, 128],
  ["no-op callback, 2,000 contexts in turn", "bareReturn", "proxy_on_upstream_data", CONTEXTS, 128],
  ["getBuffer + replaceBuffer, 128 bytes", "bareEcho", "proxy_on_downstream_data", CONTEXTS, 128],
  ["getBuffer + replaceBuffer, 16 KiB", "bareEcho", "proxy_on_downstream_data", CONTEXTS, 16384],
];

/** Instantiates the unit with a plugin context and CONTEXTS streams; the even ids are the echoing ones. */
async function instantiate() {
  const module = new WebAssembly.Module(readFileSync(await buildWasm("test/sdk-bench")));
  const imports = { env: {} };
  for (const { name } of WebAssembly.Module.imports(module)) imports.env[name] = () => 0;
  const buffer = new Uint8Array(65536).fill(7);
  let bytes = new Uint8Array(0);
  let words = new Uint32Array(0);
  const renew = () => {
    if (bytes.buffer === exports.memory.buffer) return;
    bytes = new Uint8Array(exports.memory.buffer);
    words = new Uint32Array(exports.memory.buffer);
  };
  imports.env.proxy_get_buffer_bytes = (_type, start, len, returnPtr, returnLen) => {
    const ptr = exports.proxy_on_memory_allocate(len);
    renew();
    bytes.set(buffer.subarray(start, start + len), ptr);
    words[returnPtr >> 2] = ptr;
    words[returnLen >> 2] = len;
    return 0;
  };
  imports.env.proxy_set_buffer_bytes = (_type, _start, _length, ptr, len) => {
    buffer.set(bytes.subarray(ptr, ptr + len));
    return 0;
  };
  const { exports } = new WebAssembly.Instance(module, imports);
  exports._initialize();
  exports.proxy_on_context_create(1, 0);
  for (let id = 2; id < 2 + 2 * CONTEXTS; id++) exports.proxy_on_context_create(id, 1);
  return exports;
}

/** Nanoseconds per call: the best of several repeats. */
async function measure(name, contexts, size) {
  const call = (await instantiate())[name];
  const rounds = size > 1024 ? 300_000 : 3_000_000;
  let best = Infinity;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const start = process.hrtime.bigint();
    for (let i = 0, id = 2; i < rounds; i++) {
      call(id, size, 0);
      id = id >= 2 * contexts ? 2 : id + 2;
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / rounds);
  }
  return best;
}

function measureApart(...args) {
  const file = fileURLToPath(import.meta.url);
  const output = execFileSync(process.execPath, ["--no-liftoff", file, ...args.map(String)]);
  return output.toString().trim().padStart(8);
}

if (process.argv.length > 2) {
  const [, , name, contexts, size] = process.argv;
  console.log((await measure(name, Number(contexts), Number(size))).toFixed(1));
} else {
  await buildWasm("test/sdk-bench");
  console.log("nanoseconds per call".padEnd(42), "    bare", "     SDK");
  for (const [title, bare, sdk, contexts, size] of CASES) {
    const row = [bare, sdk].map((name) => measureApart(name, contexts, size));
    console.log(title.padEnd(42), ...row);
  }
}
