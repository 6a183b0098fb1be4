// The unit sdk-host-calls on the host emulator: calls one wrapper of the SDK under a context, as if in
// the middle of a callback, and shows what came back.

import { TestHost, type TestHostOptions } from "../../host/index.js";
import type { Vm, VmContext } from "../../host/vm.js";
import { builtModule } from "../../modules/built-module.js";

/** A part of the input: text, or bytes. */
export type InputPart = string | Uint8Array;

const MODULE = await builtModule("test/sdk-host-calls");

/** Starts the unit on a host with the given settings. */
export function startSdkHost(options: Omit<TestHostOptions, "module"> = {}): SdkHost {
  return new SdkHost(new TestHost({ module: MODULE, ...options }));
}

/** Calls exports of the unit under a context of a VM. */
export class WrapperCalls {
  readonly vm: Vm;

  constructor(vm: Vm) {
    this.vm = vm;
  }

  /** Calls an export; the status or number it returns. @throws Error when the unit has no such export. */
  call(context: VmContext, name: string, ...args: readonly number[]): number {
    if (!this.vm.has(name)) throw new Error(`the unit exports no ${name}`);
    return this.vm.callback(name, context, ...args) >>> 0;
  }

  /**
   * Puts the parts into the unit's input one after the other, and calls an export with `args`, in which
   * a function takes the parts' lengths in bytes.
   */
  callWith(
    context: VmContext,
    name: string,
    parts: readonly InputPart[],
    args: (...lengths: number[]) => readonly number[],
  ): number {
    const bytes = parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part));
    const ptr = this.call(context, "input");
    if (!this.vm.memory.write(ptr, Buffer.concat(bytes))) throw new Error("the input is too long");
    return this.call(context, name, ...args(...bytes.map((part) => part.length)));
  }

  /** What bytesPtr and bytesLen refer to. */
  bytes(): Buffer {
    const context = { id: 0 };
    const ptr = this.call(context, "bytesPtr");
    const len = this.call(context, "bytesLen");
    const bytes = this.vm.memory.slice(ptr, len);
    if (bytes === undefined) throw new Error("bytesPtr and bytesLen leave the memory");
    return Buffer.from(bytes);
  }

  /** What a wrapper returned beside status and bytes. */
  output(): { value: bigint; extra: number } {
    const bytes = this.vm.memory.slice(this.call({ id: 0 }, "output"), 12);
    const view = Buffer.from(bytes ?? []);
    return { value: view.readBigUInt64LE(0), extra: view.readUInt32LE(8) };
  }
}

export class SdkHost extends WrapperCalls {
  readonly host: TestHost;

  constructor(host: TestHost) {
    super(host.vm);
    this.host = host;
  }

  get root(): VmContext {
    const worker = this.host.workers[0];
    if (worker === undefined) throw new Error("the host has no worker");
    return worker.root;
  }

  /** Calls under the plugin context. */
  callRoot(name: string, ...args: readonly number[]): number {
    return this.call(this.root, name, ...args);
  }

  callRootWith(
    name: string,
    parts: readonly InputPart[],
    args: (...lengths: number[]) => readonly number[],
  ): number {
    return this.callWith(this.root, name, parts, args);
  }

  /** Lines logged since the last call of this method. */
  takeLogs(): string[] {
    return this.host.logs.splice(0).map((entry) => entry.message);
  }
}
