// One wasm VM of a worker: instantiation, calls into it, and what the C++ host does around each call.
// Source: proxy-wasm-cpp-host wasm.cc (initialize, startVm, doAfterVmCallActions), context.cc
// (DeferAfterCallActions), wasm_vm.h (SaveRestoreContext, setRestrictedCallback).

import { WasmResult } from "./abi-values.js";
import { GuestMemory } from "./guest-memory.js";
import { HostRuleViolation } from "./rules.js";
import { VmStats } from "./vm-stats.js";

/** Anything the ABI addresses by a context id. */
export interface VmContext {
  readonly id: number;
}

/** A call into the module that is running now. */
export interface Frame {
  readonly callback: string;
  readonly context: VmContext;
}

/** Work the host does when the VM call that asked for it, or any call nested in it, has ended. */
export interface AfterCallAction {
  /** For messages: "continue_stream(downstream) of context 5". */
  readonly label: string;
  run(): void;
}

/** Host functions of one import module by name. Integers arrive as number (i32) or bigint (i64). */
export type HostcallTable = Readonly<Record<string, (...args: never[]) => unknown>>;

export type HostImports = Readonly<Record<string, HostcallTable>>;

export interface VmOptions {
  readonly module: WebAssembly.Module;
  /** VM calls on the stack at once, drains of deferred actions included, before the test fails. */
  readonly maxNesting: number;
}

type WasmFunction = (...args: number[]) => unknown;

const ALLOWED_WHILE_ALLOCATING: ReadonlySet<string> = new Set([
  "proxy_log",
  "fd_write",
  "clock_time_get",
  "poll_oneoff",
]);

const ABI_VERSIONS = ["proxy_abi_version_0_2_1", "proxy_abi_version_0_2_0"];

const VM_CONTEXT: VmContext = { id: 0 };

export class Vm {
  readonly stats = new VmStats();
  /** Running calls, outermost first. */
  readonly frames: Frame[] = [];
  /** Set by set_effective_context; 0 means none. Saved and restored around every call. */
  effectiveContextId = 0;
  /** Set by send_local_response: the HTTP filter stops whatever the module returns. */
  stopNextIteration = false;
  /** Whether the callback that returned last had set stopNextIteration. */
  lastCallStopped = false;
  /** Number of the outermost VM call that is running, for rules that count within one. */
  callSerial = 0;

  readonly #maxNesting: number;
  readonly #module: WebAssembly.Module;
  readonly #functions = new Map<string, WasmFunction>();
  readonly #globals = new Map<string, WebAssembly.Global>();
  #memory: GuestMemory | undefined;
  readonly #actions: AfterCallAction[] = [];
  #allowed: ReadonlySet<string> | undefined;
  #scopes = 0;
  #instantiating = false;
  #failure: Error | undefined;

  constructor(options: VmOptions) {
    this.#module = options.module;
    this.#maxNesting = options.maxNesting;
  }

  /**
   * Links the module with the host calls.
   * @throws Error when the module does not link, or lacks an ABI version, memory or allocator.
   */
  instantiate(imports: HostImports): void {
    this.#instantiating = true;
    const instance = new WebAssembly.Instance(this.#module, this.#link(imports));
    this.#instantiating = false;
    for (const [name, value] of Object.entries(instance.exports)) {
      if (typeof value === "function") this.#functions.set(name, value as WasmFunction);
      if (value instanceof WebAssembly.Global) this.#globals.set(name, value);
    }
    const memory = instance.exports["memory"];
    if (!(memory instanceof WebAssembly.Memory)) throw new Error("the module exports no memory");
    if (!ABI_VERSIONS.some((name) => this.#functions.has(name))) {
      throw new Error(`the module exports none of ${ABI_VERSIONS.join(", ")}`);
    }
    if (!this.has("malloc") && !this.has("proxy_on_memory_allocate")) {
      throw new Error("the module exports neither malloc nor proxy_on_memory_allocate");
    }
    this.#memory = new GuestMemory(memory);
  }

  get memory(): GuestMemory {
    if (this.#memory === undefined) throw new Error("the VM is not instantiated");
    return this.#memory;
  }

  /** Why the VM failed, or undefined while it is alive. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get queuedActions(): readonly AfterCallAction[] {
    return this.#actions;
  }

  /** A global that the module exports. */
  global(name: string): WebAssembly.Global | undefined {
    return this.#globals.get(name);
  }

  has(callback: string): boolean {
    return this.#functions.has(callback);
  }

  /** Runs _initialize and main, or _start, as the host does before any proxy_ callback. */
  start(): void {
    const allowed = new Set([...ALLOWED_WHILE_ALLOCATING, "emscripten_notify_memory_growth"]);
    for (const name of Object.keys(this.stats.hostCalls)) {
      if (!name.startsWith("proxy_")) allowed.add(name);
    }
    this.#allowed = allowed;
    const names = this.has("_initialize") ? ["_initialize", "main", "__main_void"] : ["_start"];
    for (const name of names) {
      const startFunction = this.#functions.get(name);
      if (startFunction === undefined) continue;
      this.#invoke(
        { callback: name, context: VM_CONTEXT },
        startFunction,
        name === "main" ? [0, 0] : [],
      );
      if (name === "main") break;
    }
    this.#allowed = undefined;
  }

  /**
   * Calls an exported callback, then runs all deferred actions: also those that outer calls have queued.
   * A callback that the module does not export is Continue (0) and runs no deferred action.
   * @throws HostRuleViolation when the module traps or breaks a rule; the VM stays failed.
   */
  callback(name: string, context: VmContext, ...args: number[]): number {
    const exported = this.#functions.get(name);
    this.lastCallStopped = false;
    if (exported === undefined) return 0;
    if (this.#scopes === 0) this.callSerial++;
    this.#scopes++;
    if (this.#scopes > this.stats.peakNesting) this.stats.peakNesting = this.#scopes;
    try {
      if (this.#scopes > this.#maxNesting) this.#failNesting(name);
      const result = this.#invoke({ callback: name, context }, exported, [context.id, ...args]);
      const stopped = this.stopNextIteration;
      this.#drain();
      this.lastCallStopped = stopped;
      return result;
    } catch (error) {
      this.#failure ??= error as Error;
      throw error;
    } finally {
      this.#scopes--;
    }
  }

  /** Queues `action` behind the running VM call. */
  defer(action: AfterCallAction): void {
    this.#actions.push(action);
  }

  /** Fails the VM: throw what this returns. */
  fail(violation: HostRuleViolation): HostRuleViolation {
    this.#failure ??= violation;
    return violation;
  }

  /** Borrowed bytes of the module's memory that the host takes over; counted as copied out of the VM. */
  read(ptr: number, len: number): Uint8Array | undefined {
    this.stats.bytesOut += len >>> 0;
    return this.memory.slice(ptr, len);
  }

  readText(ptr: number, len: number): string | undefined {
    this.stats.bytesOut += len >>> 0;
    return this.memory.text(ptr, len);
  }

  /**
   * Gives `data` to the module: memory from its allocator, the address at `ptrPtr`, the size at `sizePtr`.
   * No bytes means address 0 and no allocation.
   */
  give(data: Uint8Array, ptrPtr: number, sizePtr: number): WasmResult {
    let ptr = 0;
    if (data.length > 0) {
      ptr = this.allocate(data.length);
      if (ptr === 0 || !this.memory.write(ptr, data)) return WasmResult.InvalidMemoryAccess;
      this.stats.bytesIn += data.length;
    }
    if (!this.memory.setU32(ptrPtr, ptr)) return WasmResult.InvalidMemoryAccess;
    if (!this.memory.setU32(sizePtr, data.length)) return WasmResult.InvalidMemoryAccess;
    return WasmResult.Ok;
  }

  /** Memory from the module's allocator: a nested call that runs no deferred action. 0 when it gave none. */
  allocate(size: number): number {
    const name = this.has("malloc") ? "malloc" : "proxy_on_memory_allocate";
    const exported = this.#functions.get(name);
    if (exported === undefined) return 0;
    this.#allowed = ALLOWED_WHILE_ALLOCATING;
    const ptr = this.#invoke({ callback: name, context: VM_CONTEXT }, exported, [size]);
    this.#allowed = undefined;
    return ptr >>> 0;
  }

  #invoke(frame: Frame, exported: WasmFunction, args: number[]): number {
    if (this.#failure !== undefined) throw this.#failure;
    const effectiveContextId = this.effectiveContextId;
    this.effectiveContextId = 0;
    this.frames.push(frame);
    try {
      const result = exported(...args);
      return typeof result === "number" ? result : 0;
    } catch (error) {
      if (error instanceof HostRuleViolation) throw this.fail(error);
      const text = error instanceof Error ? error.message : String(error);
      const detail = `${text}; in ${this.describeStack()}`;
      throw this.fail(new HostRuleViolation("trap", detail, { cause: error }));
    } finally {
      this.frames.pop();
      this.effectiveContextId = effectiveContextId;
    }
  }

  /** The running calls for a message: "proxy_on_downstream_data(3) > proxy_on_context_create(4)". */
  describeStack(): string {
    const calls = this.frames.map(({ callback, context }) => `${callback}(${String(context.id)})`);
    return calls.length === 0 ? "no VM call" : calls.join(" > ");
  }

  #drain(): void {
    this.stopNextIteration = false;
    for (let next = this.#actions.shift(); next !== undefined; next = this.#actions.shift())
      next.run();
  }

  #failNesting(name: string): never {
    const detail = `${String(this.#scopes)} calls deep at ${name}, limit ${String(this.#maxNesting)}`;
    throw this.fail(new HostRuleViolation("nesting", detail));
  }

  #link(imports: HostImports): WebAssembly.Imports {
    const linked: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const [module, table] of Object.entries(imports)) {
      const functions: Record<string, WebAssembly.ImportValue> = {};
      for (const [name, hostcall] of Object.entries(table))
        functions[name] = this.#wrap(name, hostcall);
      linked[module] = functions;
    }
    return linked;
  }

  #wrap(name: string, hostcall: HostcallTable[string]): WebAssembly.ImportValue {
    const run = hostcall as (...args: unknown[]) => unknown;
    const { hostCalls } = this.stats;
    hostCalls[name] = 0;
    return (...args: unknown[]) => {
      hostCalls[name] = (hostCalls[name] ?? 0) + 1;
      if (this.#instantiating) throw this.fail(new HostRuleViolation("start-section", name));
      if (this.#allowed !== undefined && !this.#allowed.has(name)) {
        throw this.fail(
          new HostRuleViolation("restricted-call", `${name} in ${this.describeStack()}`),
        );
      }
      return run(...args);
    };
  }
}
