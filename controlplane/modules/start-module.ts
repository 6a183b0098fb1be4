// Whether a module starts, found out before a proxy has it: it is run as a proxy would, as far as being configured, by
// itself in a thread that is ended when it takes too long.
import { Worker } from "node:worker_threads";
import { errorMessage } from "../runtime/error-message.js";

/** A proxy is not that patient; a busy machine may need it. */
const TIMEOUT_MS = 20_000;

/** The least that a plugin is configured with. */
const CONFIGURATION = JSON.stringify({ dialCluster: "check", discoveryCluster: "check" });

interface Answer {
  readonly fault?: string;
}

/**
 * JavaScript, since what runs it has no loader: host calls that answer as a proxy does which knows nothing yet, and the
 * callbacks up to `proxy_on_configure`.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
 */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const OK = 0, NOT_FOUND = 1, VM_CONFIGURATION = 6, PLUGIN_CONFIGURATION = 7;
const configuration = Buffer.from(workerData.configuration);
const lines = [];
let instance;
let ids = 0;
const memory = () => Buffer.from(instance.exports.memory.buffer);
const view = () => new DataView(instance.exports.memory.buffer);
const text = (ptr, len) => memory().toString("utf8", ptr, ptr + len);
const give = (bytes, ptrAt, lenAt) => {
  const { proxy_on_memory_allocate: own, malloc } = instance.exports;
  const ptr = (own ?? malloc)(bytes.length);
  memory().set(bytes, ptr);
  view().setUint32(ptrAt, ptr, true);
  view().setUint32(lenAt, bytes.length, true);
  return OK;
};
const newId = (at) => (view().setUint32(at, ++ids, true), OK);
const now = (at) => (view().setBigUint64(at, BigInt(Date.now()) * 1000000n, true), OK);
const calls = {
  proxy_log: (level, ptr, len) => (lines.push(text(ptr, len)), OK),
  proxy_get_log_level: (at) => (view().setUint32(at, 2, true), OK),
  proxy_get_buffer_bytes: (type, start, max, ptrAt, lenAt) => {
    if (type !== VM_CONFIGURATION && type !== PLUGIN_CONFIGURATION) return NOT_FOUND;
    return give(configuration.subarray(start, start + max), ptrAt, lenAt);
  },
  proxy_get_property: () => NOT_FOUND,
  proxy_get_shared_data: () => NOT_FOUND,
  proxy_resolve_shared_queue: () => NOT_FOUND,
  proxy_define_metric: (type, ptr, len, at) => newId(at),
  proxy_register_shared_queue: (ptr, len, at) => newId(at),
  proxy_get_current_time_nanoseconds: now,
  clock_time_get: (id, precision, at) => now(at),
  random_get: (ptr, len) => (require("node:crypto").randomFillSync(memory(), ptr, len), OK),
};
const run = async () => {
  const module = await WebAssembly.compile(workerData.code);
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module))
    if (kind === "function") (imports[from] ??= {})[name] = calls[name] ?? (() => OK);
  instance = await WebAssembly.instantiate(module, imports);
  const { exports } = instance;
  if (!(exports.memory instanceof WebAssembly.Memory)) return "it exports no memory";
  if (!exports.proxy_on_memory_allocate && !exports.malloc)
    return "it exports neither proxy_on_memory_allocate nor malloc";
  (exports._initialize ?? exports._start)?.();
  exports.proxy_on_context_create?.(1, 0);
  const why = () => (lines.length === 0 ? "" : ": " + lines.at(-1));
  if (exports.proxy_on_vm_start?.(1, configuration.length) === 0)
    return "it refuses to start" + why();
  if (exports.proxy_on_configure?.(1, configuration.length) === 0)
    return "it refuses its configuration" + why();
  return undefined;
};
run().then(
  (fault) => parentPort.postMessage({ fault }),
  (error) => {
    const why = lines.length === 0 ? "" : ": " + lines.at(-1);
    parentPort.postMessage({ fault: "it fails when it starts: " + error.message + why });
  },
);
`;

/** Why it does not start; undefined: it does. */
export async function startFault(
  code: Uint8Array<ArrayBuffer>,
  timeoutMs = TIMEOUT_MS,
): Promise<string | undefined> {
  const worker = new Worker(PROGRAM, {
    eval: true,
    workerData: { code, configuration: CONFIGURATION },
    env: {},
    stdout: true,
    stderr: true,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<string | undefined>((resolve) => {
      timer = setTimeout(() => {
        resolve(`it does not start within ${timeoutMs / 1_000} s`);
      }, timeoutMs);
      worker.once("message", ({ fault }: Answer) => {
        resolve(fault);
      });
      worker.once("error", (error) => {
        resolve(`it fails when it starts: ${errorMessage(error)}`);
      });
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
